"""Several processes' training has one receipt: what each took is in it once, with a line for each host."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from hefted import ledger
from hefted.cli.receipt import receipt_of

HERE = Path(__file__).parent
worlds = runpy.run_path(str(HERE / 'worlds.py'))
TRAINS: str = runpy.run_path(str(HERE / 'programs.py'))['TRAINS']


def trained(folder: Path, code: str = TRAINS, **variables: str) -> list[dict[str, Any]]:
    port = worlds['free_port']()
    told = [worlds['plain'](rank, 4, port) | variables for rank in range(4)]
    ended = worlds['run'](code, 4, folder, told)
    return [
        {k: v for line in each.out.splitlines() if line.startswith('{') for k, v in json.loads(line).items()}
        for each in ended
    ]


def test_rank_0_tells_of_all_with_a_line_for_each_host_and_the_ledger_counts_none_twice(tmp_path: Path):
    first, *others = trained(tmp_path, HOSTS='2')
    (run,) = ledger.open(tmp_path / 'data' / 'runs').runs()
    assert [child.group and child.group['rank'] for child in sorted(run.children, key=str)] != []
    assert run.energy is not None and run.footprint is not None and run.footprint.energy is not None
    alone = run.footprint_alone
    assert alone is not None and alone.energy is not None
    parts = [alone.energy.value, *(each['joules'] for each in others)]
    assert first['joules'] == pytest.approx(sum(parts), rel=1e-6)
    assert run.energy.value == pytest.approx(sum(parts), rel=1e-6)
    assert run.footprint.energy.value == pytest.approx(sum(parts), rel=1e-6)

    told = str(receipt_of(run))
    for text in (first['receipt'], told):
        assert 'ranks 0, 1' in text and 'ranks 2, 3' in text
        assert 'Host 1' in text and 'Host 2' in text
    assert 'rank 2 of 4; the receipt of rank 0 is of all of them' in others[1]['receipt']
    import socket

    assert socket.gethostname() not in told.split()
    network = run.footprint.components['switches']
    assert network.basis == 'assumed'
    links = 2  # one for each host
    assert network.value == pytest.approx(links * 1.2 * 1.25 * run.footprint.duration.value, rel=0.7)
    assert 'switches' in told


def test_a_run_of_rank_0_says_of_whom_nothing_is_known(tmp_path: Path):
    patient = 'from hefted.distribution import accounts\naccounts._LOST_WAIT_SECONDS = 8.0\n'  # a busy machine is slow
    trained(tmp_path, patient + TRAINS, DIES='3')
    runs = {run.group['rank']: run for run in ledger.open(tmp_path / 'data' / 'runs').runs(kind='fit') if run.group}
    assert runs[0].status == 'failed'
    assert runs[0].footprint is not None
    assert 'switches' not in runs[0].footprint.components  # on one host nothing leaves it
    told = receipt_of(runs[0])
    assert told.facts.group is not None
    assert told.facts.group.missing == (3,)
    assert 'rank 3: what they took is not counted here' in str(told)
