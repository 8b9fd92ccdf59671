"""Settings: the environment first, then the file; what is wrong is said."""

import pytest

from hefted import host, settings
from hefted.errors import ArgumentError


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write the user's configuration file; the environment says nothing."""
    names = 'METER PLACE LAND GRID CLOUD_METADATA MACHINE UNSEEN DATA_DIR CACHE_DIR DATASETS TABLES INSTANCE PRICE'
    for name in [*names.split(), 'GRID_TRACE']:
        monkeypatch.delenv(f'HEFTED_{name}', raising=False)
    monkeypatch.setattr(host, 'user_folder', lambda kind: str(tmp_path / kind))

    def write(text):
        (tmp_path / 'config').mkdir()
        (tmp_path / 'config' / 'config.toml').write_text(text)

    return write


def test_without_settings_everything_has_its_default(config, tmp_path):
    assert settings.meter_mode() == 'auto'
    assert settings.place_setting() is None
    assert settings.land_setting() is None
    assert (settings.grid_mode(), settings.cloud_metadata()) == ('table', False)
    assert settings.machine_kind() is None
    assert settings.unseen_counts()
    assert settings.datasets_folder() is settings.grid_trace() is None
    assert settings.tables_folder() is None
    assert settings.price_setting()[1] is settings.instance_setting()[1] is None
    assert settings.data_folder() == tmp_path / 'data'
    assert settings.cache_folder() == tmp_path / 'cache'


def test_the_file_is_heard_and_the_environment_before_it(config, monkeypatch, tmp_path):
    config("meter = 'off'\nplace = 'FR'\nprice = '1 USD/h'\ninstance = 'aws:p5.48xlarge'\ntables = '/mine'\n")
    assert (settings.meter_mode(), settings.place_setting()) == ('off', 'FR')
    assert settings.price_setting() == ('price in config.toml', '1 USD/h')
    assert settings.instance_setting()[1] == 'aws:p5.48xlarge'
    assert str(settings.tables_folder()) == '/mine'
    monkeypatch.setenv('HEFTED_METER', 'ON')
    monkeypatch.setenv('HEFTED_DATA_DIR', str(tmp_path / 'mine'))
    assert settings.meter_mode() == 'on'
    assert settings.data_folder() == tmp_path / 'mine'


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ("meter = 'sometimes'", ['meter in config.toml', "'auto'", "'on'", "'off'", "'sometimes'"]),
        ('meter = 3', ['meter', 'string', '3']),
        ('meter = ', ['config.toml', 'TOML']),
    ],
)
def test_a_wrong_file_is_told_by_key_expected_and_received(config, text, words):
    config(text)
    with pytest.raises(ArgumentError) as caught:
        settings.meter_mode()
    assert all(word in str(caught.value) for word in words)


def test_a_wrong_variable_is_told_by_its_name(config, monkeypatch):
    monkeypatch.setenv('HEFTED_METER', 'maybe')
    with pytest.raises(ArgumentError, match="HEFTED_METER: expected 'auto', 'on' or 'off', received 'maybe'"):
        settings.meter_mode()


def test_the_share_is_the_processs_own_unless_the_machine_is_said_to_be(monkeypatch):
    monkeypatch.delenv('HEFTED_SHARE', raising=False)
    assert settings.share_mode() == 'process'
    monkeypatch.setenv('HEFTED_SHARE', 'Machine')
    assert settings.share_mode() == 'machine'
    monkeypatch.setenv('HEFTED_SHARE', 'half')
    with pytest.raises(ArgumentError, match="HEFTED_SHARE: expected 'process' or 'machine', received 'half'"):
        settings.share_mode()


def test_a_relative_folder_is_refused(config, monkeypatch):
    monkeypatch.setenv('HEFTED_DATA_DIR', 'here')
    with pytest.raises(ArgumentError, match='HEFTED_DATA_DIR: expected an absolute path'):
        settings.data_folder()


def test_a_home_is_expanded(config, monkeypatch):
    monkeypatch.setenv('HEFTED_DATASETS', '~/sets')
    assert settings.datasets_folder().is_absolute()


def test_a_service_of_grids_is_named_by_the_user(config, monkeypatch):
    config("grid = 'UK'\ncloud_metadata = 'on'\nland = 'mine'\n")
    assert (settings.grid_mode(), settings.cloud_metadata(), settings.land_setting()) == ('uk', True, 'mine')
    monkeypatch.setenv('HEFTED_GRID', 'electricitymap')
    with pytest.raises(ArgumentError, match=r"HEFTED_GRID: 'electricitymap'\. Did you mean 'electricitymaps'"):
        settings.grid_mode()
    monkeypatch.setenv('HEFTED_CLOUD_METADATA', 'yes')
    with pytest.raises(ArgumentError, match="HEFTED_CLOUD_METADATA: expected 'on' or 'off', received 'yes'"):
        settings.cloud_metadata()


def test_what_no_sensor_sees_counts_unless_the_user_says_no(config, monkeypatch):
    config("unseen = 'off'\n")
    assert not settings.unseen_counts()
    monkeypatch.setenv('HEFTED_UNSEEN', 'On')
    assert settings.unseen_counts()
    monkeypatch.setenv('HEFTED_UNSEEN', 'no')
    with pytest.raises(ArgumentError, match="HEFTED_UNSEEN: expected 'on' or 'off', received 'no'"):
        settings.unseen_counts()


def test_the_kind_of_machine_is_what_the_user_says_or_nothing(config, monkeypatch):
    config("machine = 'gpu-server-liquid'\n")
    assert settings.machine_kind() == 'gpu-server-liquid'
    monkeypatch.setenv('HEFTED_MACHINE', 'servers')
    with pytest.raises(ArgumentError, match=r"Unknown HEFTED_MACHINE: 'servers'\. Did you mean 'server'"):
        settings.machine_kind()
