"""A training that is killed, interrupted or terminated at any instant has told what it used."""

import json
import os
import random
import signal
import sys
import time

import pytest

FIT = """
model = small()
model.fit(x, y, epochs=int(os.environ.get('EPOCHS', '100000')), validation_split=0.25, verbose=0)
"""


def end_at(process, seconds, number):
    time.sleep(seconds)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return out.decode(), err.decode()


def test_a_fit_that_is_killed_at_any_instant_is_listed_with_what_it_used(house):
    drawn = random.Random(int(os.environ.get('SEED', '7')))
    killed = int(os.environ.get('DRAWS', '20'))
    house.run(FIT, EPOCHS='2', HEFTED_METER='off')  # so that compiling is not most of the time
    for _ in range(killed):
        out, err = end_at(house.start(FIT), drawn.uniform(0.0, 2.5), signal.SIGKILL)
        assert out == err == ''

    found = house.ledger()
    assert 1 <= len(found) <= killed
    for run in found:
        assert run['status'] == 'interrupted', run
        assert run['energy']['value'] > 0, run
        assert run['duration']['value'] > 0.1, run  # start-up is counted
        assert run['reason'] is None
    text = house.hefted('ledger')
    assert text.count('interrupted') == len(found)
    assert 'start-up' in house.hefted('receipt', found[0]['id'])
    assert json.loads(house.hefted('receipt', found[-1]['id'], '--json'))['status'] == 'interrupted'


@pytest.mark.parametrize('whole', [b'', b'{"schema":1,"run"'])
def test_a_journal_that_was_killed_in_its_first_line_is_listed_and_told(house, whole):
    folder = house.data / 'runs'
    folder.mkdir(parents=True)
    name = '01932b3e-7c00-7000-8000-000000000000'
    (folder / f'{name}.jsonl').write_bytes(whole)
    (run,) = house.ledger()
    assert run['status'] == 'damaged'
    assert 'not known' in house.hefted('receipt', name)
    assert name[:13] in house.hefted('ledger')
