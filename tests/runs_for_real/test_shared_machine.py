"""Real processes beside one another on this machine: what they are charged with, together and each."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hefted import host, processor, runs

SECONDS = 2.0

# Counts for two seconds, working on so many threads; meanwhile its siblings do as they do.
WORKER = """
import json, os, sys, threading, time
from hefted import host, runs
from hefted.footprint import account
cores, seconds, megabytes = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
children = []
with runs.meter('around'):
    held = bytearray(os.urandom(2**20)) * megabytes
    print('ready', flush=True)
    sys.stdin.readline()
    time.sleep(0.2)  # until all have seen one another
    for _ in range(cores - 1):
        child = os.fork()
        if child == 0:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                pass
            os._exit(0)
        children.append(child)
    begun = time.monotonic()
    run = runs.start('meter', name='work')
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if cores == 0:
            time.sleep(0.05)
    for child in children:
        os.waitpid(child, 0)
    footprint = run.finish()
print(json.dumps({
    'cpu': footprint.components['cpu'].value,
    'low': footprint.components['cpu'].low,
    'high': footprint.components['cpu'].high,
    'dram': footprint.components['dram'].value,
    'seconds': footprint.duration.value,
    'occupied': run.shares.occupied,
    'used': run.cpu_seconds,
    'begun': begun,
    'ended': time.monotonic(),
}))
"""

linux = pytest.mark.skipif(not host.LINUX or not hasattr(os, 'fork'), reason='the shares are of Linux')
modelled = pytest.mark.skipif(
    os.path.exists('/sys/class/powercap/intel-rapl:0'),  # noqa: PTH110
    reason='the figures are those of the model, and this machine has counters',
)


def at_once(tmp_path, *loads, megabytes=1):
    """What processes with these loads (busy threads) were charged with while they went on together; and the machine."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith('HEFTED_')} | {
        'HEFTED_DATA_DIR': str(tmp_path / 'data'),
        'PYTHONPATH': str(Path(runs.__file__).parents[1]),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', WORKER, str(load), str(SECONDS), str(megabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        for load in loads
    ]
    for process in processes:
        assert process.stdout.readline() == b'ready\n'
    time.sleep(1.1)  # each looks around once a second
    for process in processes:
        process.stdin.write(b'go\n')
        process.stdin.flush()
    begun, busy = time.monotonic(), host.machine_busy_seconds()
    told = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    return told, host.machine_busy_seconds() - busy, time.monotonic() - begun


def whole_machine(busy, seconds):
    """The model's figure for all threads of this machine at that load."""
    from hefted.metering.cpu_model import CpuModel, watts_for

    return sum(CpuModel(watts_for(processor.cpu_identity()), host.threads_given()).between(seconds, busy).values())


@linux
@modelled
@pytest.mark.parametrize('loads', [(1,), (1, 0), (1, 1, 0, 1)])
def test_processes_at_once_are_together_charged_no_more_than_the_machine(tmp_path, loads):
    told, busy, seconds = at_once(tmp_path, *loads)
    total = sum(run['cpu'] for run in told)
    longest = max(run['seconds'] for run in told)
    # By a tenth, for the moments at which they begin and end apart.
    assert total < 1.1 * whole_machine(busy, seconds)
    spanned = max(run['ended'] for run in told) - min(run['begun'] for run in told)
    assert sum(run['occupied'] for run in told) < 1.1 * spanned
    # And not next to nothing: the work is theirs, as CPU seconds are told by the kernel.
    assert total > 0.5 * whole_machine(sum(run['used'] for run in told), longest) * (
        sum(run['occupied'] for run in told) / longest
    )
    for load, run in zip(loads, told, strict=True):
        assert run['low'] < run['cpu'] < run['high']
        assert 0 < run['occupied'] <= 1.01 * run['seconds']
        if load == 0 and len(loads) > 1:
            assert run['cpu'] < min(other['cpu'] for other, work in zip(told, loads, strict=True) if work)


@linux
@modelled
@pytest.mark.skipif(host.threads_given() < 2, reason='two threads are needed')
def test_the_energy_rises_with_the_busy_threads_and_memorys_with_what_is_held(tmp_path):
    # Where others work too, two busy threads may get little more than one; and a share of what the machine takes anyhow
    # goes by who else is metered at that moment: by so much it may fall.
    tries = []
    for _ in range(5):
        idle, one, two = (at_once(tmp_path, cores)[0][0] for cores in (0, 1, 2))
        got, rises = two['used'] / one['used'], two['cpu'] / one['cpu']
        tries.append((got, rises, idle['cpu'] / one['cpu']))
        if got > 1.1 and idle['cpu'] < one['cpu'] and (1 if got > 1.5 else 0.7) < rises < 1.2 * got:
            break
    else:
        pytest.fail(str(tries))
    ((filler,), _, _) = at_once(tmp_path, 0, megabytes=300)
    assert filler['dram'] > idle['dram'] + 0.8 * 0.392 * 0.3 * SECONDS
