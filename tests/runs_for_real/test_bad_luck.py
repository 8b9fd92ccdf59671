"""Folders that cannot be written, sensors that fail, streams that are not there: the training is the same."""

import json
import os
import subprocess
import sys

import pytest

NUMBERS = """
history = small().fit(x, y, epochs=3, verbose=int(os.environ.get('VERBOSE', '0')))
print('loss', [f'{value:.9f}' for value in history.history['loss']])
"""


@pytest.mark.parametrize(
    ('case', 'reason'), [('below a file', 'not a directory'), ('size limit', 'file too large'), ('well', '')]
)
def test_a_journal_that_cannot_be_kept_changes_no_number_and_is_told(house, losses, case, reason):
    before = ''
    folder = house.data
    if case == 'below a file':
        (house.folder / 'file').write_text('')
        folder = house.folder / 'file' / 'data'
    elif case == 'size limit':
        before = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n'
    told = house.run(before + NUMBERS, VERBOSE='2', HEFTED_DATA_DIR=str(folder), HEFTED_CACHE_DIR='/dev/null/none')
    assert losses in told
    if reason:
        assert f'Not kept    The journal could not be kept: {reason}' in told
        assert 'shows it again' not in told
    else:
        assert 'Not kept' not in told
        assert 'shows it again' in told


def test_a_healthy_second_fit_waits_for_no_disk(house):
    told = house.run("""
from hefted.models.reporting import receipt_of
runs.start('fit', name='first').finish()
synced = os.fsync
os.fsync = lambda number: (time.sleep(0.05), synced(number))
times = []
for _ in range(30):
    run = runs.start('fit', name='next')
    run.enter('train')
    begun = time.perf_counter()
    footprint = run.finish()
    run.journal_failure
    times.append(time.perf_counter() - begun)
print(sorted(times)[5])  # so slow a disk would be waited for each time, a busy machine now and then
""")
    assert float(told) < 1e-3


def test_a_cache_that_is_no_ones_own_or_damaged_costs_time_and_nothing_else(house, losses):
    cache = house.folder / 'cache'
    mine = {'HEFTED_CACHE_DIR': str(cache)}
    assert house.run(NUMBERS, **mine) == losses
    entries = sorted((cache / 'xla').iterdir())
    assert entries
    whole = [entry.read_bytes() for entry in entries]
    for damage in (lambda blob: blob[: len(blob) // 2], lambda blob: b'', lambda blob: blob[:-9] + b'123456789'):
        for entry, blob in zip(entries, whole, strict=True):
            entry.write_bytes(damage(blob))
        assert house.run(NUMBERS, **mine) == losses
        assert [entry.stat().st_size > 1000 for entry in entries] == [True] * len(entries)  # made again
    (cache / 'xla').chmod(0o777)
    for entry in entries:
        entry.unlink()
    assert house.run(NUMBERS, **mine) == losses
    assert not list((cache / 'xla').iterdir())


def test_two_processes_that_fill_one_cache_at_once_leave_it_whole(house, losses):
    mine = {'HEFTED_CACHE_DIR': str(house.folder / 'cache')}
    both = [house.start(NUMBERS, **mine) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].decode() for process in both] == [losses, losses]
    assert {entry.suffix for entry in (house.folder / 'cache' / 'xla').iterdir()} == {'.xla'}
    assert house.run(NUMBERS, **mine) == losses


def test_a_meter_that_is_off_leaves_no_trace(house, losses):
    code = """
import threading
history = small().fit(x, y, epochs=2, verbose=2, **({'meter': None} if 'PLAIN' in os.environ else {}))
assert history.footprint is None and history.receipt() is None
assert not [t.name for t in threading.enumerate() if t.name.startswith('hefted-') and t.name != 'hefted-cache']
"""
    for how in ({'HEFTED_METER': 'off'}, {'PLAIN': '1'}):
        lines = house.run(code, **how).splitlines()
        assert len(lines) == 2
        assert all(line.startswith('Epoch') and ' J ' not in line for line in lines)
    assert not house.data.exists()


@pytest.mark.parametrize(
    'fault', ['raise RuntimeError("bang")', 'return float("nan")', 'time.sleep(3600)', 'return -1.0']
)
def test_a_sensor_that_fails_changes_neither_numbers_nor_the_end(house, losses, fault):
    told = house.run(f"""
from hefted.metering import Meter
from hefted.metering.bounded import Bounded
from hefted.quantities import Quantity
class Bad:
    name, component, counts_always, accuracy = 'bad', 'gpu', False, Quantity(1.0, '1')
    def read(self, instant):
        {fault}
history = small().fit(x, y, epochs=3, verbose=0, meter=Meter([Bounded(Bad())]))
print('loss', [f'{{value:.9f}}' for value in history.history['loss']])
print(history.receipt())
""")
    assert told.startswith(losses)
    assert 'Not read    bad: ' in told


ENDINGS = {
    'closed': '>&-',
    'full': '>/dev/full',
    'a pipe that ends': '| head -1',
    'not UTF-8': '',
}


@pytest.mark.parametrize('ending', ENDINGS)
def test_whatever_the_output_is_the_program_goes_on(house, ending):
    code = "small().fit(x, y, epochs=2)\nsmall('two').fit(x, y, epochs=300)\nopen('done', 'w').close()\n"
    (house.folder / 'program.py').write_text(house.prelude + code)
    plain = {'LC_ALL': 'C', 'PYTHONIOENCODING': 'ascii'} if ending == 'not UTF-8' else {}
    done = subprocess.run(
        f'{sys.executable} program.py {ENDINGS[ending]}',
        shell=True, env=house.environment | plain, cwd=house.folder, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (house.folder / 'done').exists(), done.stderr.decode()
    assert b'Traceback' not in done.stderr
    if plain:
        text = done.stdout.decode('ascii')
        assert 'Hefted - fit - small - finished' in text
        assert text.count('Epoch') == 302
        assert '2 runs so far' in text


@pytest.mark.skipif(sys.platform == 'win32', reason='Windows has no pseudo-terminals of this kind')
@pytest.mark.parametrize(
    ('columns', 'settings'), [(60, {}), (120, {'NO_COLOR': '1'}), (80, {'PYTHONIOENCODING': 'ascii'})]
)
def test_on_a_terminal_no_row_is_wider_than_it(house, columns, settings):
    from rich.text import Text

    told = on_a_terminal(house, columns, settings)
    assert 'Traceback' not in told
    rows = [Text.from_ansi(row.split('\x1b[2K')[-1]).plain for row in told.replace('\r', '').split('\n')]
    assert max(len(row.rstrip()) for row in rows) <= columns
    assert 'Epoch 1/2' in told
    assert 'Feels like' in told
    if 'NO_COLOR' in settings:
        assert '\x1b[32m' not in told


def on_a_terminal(house, columns, settings):
    import fcntl
    import pty
    import struct
    import termios

    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 50, columns, 0, 0))
    code = house.prelude + 'small().fit(x, y, epochs=2, validation_split=0.25)\nsmall().fit(x, y, epochs=1)'
    process = subprocess.Popen(
        [sys.executable, '-c', code], stdout=terminal, stderr=terminal, stdin=terminal, cwd=house.folder,
        env=house.environment | {'TERM': 'xterm-256color'} | settings, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    told = b''
    try:
        while piece := os.read(reader, 65536):
            told += piece
    except OSError:  # Linux's way of telling that the other side is closed
        pass
    os.close(reader)
    assert process.wait(30) == 0
    return told.decode('utf-8', 'replace')


def test_a_notebook_gets_a_receipt_as_html_and_one_line_an_epoch(house):
    told = house.run("""
history = small().fit(x, y, epochs=2)
print(history.receipt()._repr_html_())
""")
    assert told.count('Epoch') == 2
    assert '<div class="hefted">' in told


def test_no_journal_receipt_or_listing_names_the_host_the_user_or_a_path(house):
    import getpass
    import platform

    (house.folder / 'secret-name.py').write_text('')
    told = house.run(NUMBERS, VERBOSE='2')
    told += house.hefted('ledger') + house.hefted('ledger', '--json') + house.hefted('receipt')
    told += house.hefted('receipt', '--json') + house.hefted('receipt', '--html', str(house.folder / 'page.html'))
    told += (house.folder / 'page.html').read_text('utf-8')
    (journal,) = (house.data / 'runs').iterdir()
    told += journal.read_text('utf-8')
    for private in (str(house.folder), house.environment['HOME'], sys.executable, 'USER='):
        assert private not in told, private
    for word in (getpass.getuser(), platform.node()):
        assert f'"{word}"' not in told
    assert json.loads(journal.read_text('utf-8').splitlines()[0])['schema'] == 1
