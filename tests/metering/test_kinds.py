"""What a machine lacks is told kind by kind, with one command that helps."""

import pytest

from hefted.metering import Meter
from hefted.metering.discover import add_late, discover
from hefted.metering.kinds import kinds
from hefted.metering.rapl import HIDDEN, lasting_remedy, remedy
from hefted.metering.reading import Gap


def told(*gaps):
    """The kinds of a machine without sensors, by name."""
    return {kind.name: kind for kind in kinds(Meter([], gaps=gaps), '/nowhere')}


@pytest.mark.parametrize(
    ('kind', 'gap', 'command'),
    [
        ('RAPL', Gap('rapl:package-0', remedy('/sys/class/powercap/intel-rapl:0'), 0.0), lasting_remedy()),
        ('RAPL', Gap('rapl', HIDDEN, 0.0), 'docker run --security-opt systempaths=unconfined …'),
        (
            'amd_energy',
            Gap('amd-energy:0', 'Root alone may read it. To measure: sudo chmod a+r /sys/x/energy1_input', 0.0),
            'sudo chmod a+r /sys/x/energy1_input',
        ),
        (
            'NVML',
            Gap('nvml', 'nvidia-ml-py is not installed: pip install nvidia-ml-py.', 0.0),
            'pip install nvidia-ml-py',
        ),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_type(kind, gap, command):
    found = told(gap)[kind]
    assert (found.sensors, found.reason, found.command) == ((), gap.reason, command)


def test_every_kind_says_why_it_is_not_there():
    for kind in told().values():
        assert kind.sensors == ()
        assert kind.reason.endswith('.')


def test_what_is_read_lacks_nothing(tmp_path):
    zone = tmp_path / 'intel-rapl:0'
    zone.mkdir()
    for name, text in {'name': 'package-0', 'max_energy_range_uj': '262143328850', 'energy_uj': '1'}.items():
        (zone / name).write_text(text)
    folders = str(tmp_path), str(tmp_path / 'hwmon')
    meter = discover(*folders)
    add_late(meter, folders[1])
    found = {kind.name: kind for kind in kinds(meter, folders[0])}['RAPL']
    assert (found.sensors, found.reason, found.command) == (('rapl:package-0',), '', '')


def test_the_platforms_counter_is_told_where_there_is_one(tmp_path):
    (tmp_path / 'intel-rapl:1').mkdir()
    (tmp_path / 'intel-rapl:1' / 'name').write_text('psys')
    names = [kind.name for kind in kinds(Meter([]), str(tmp_path))]
    assert 'RAPL psys' in names
    assert 'RAPL psys' not in told()
