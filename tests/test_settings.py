"""Settings: the environment first, then the file; what is wrong is said."""

import pytest

from hefted import host, settings
from hefted.errors import ArgumentError


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write the user's configuration file; the environment says nothing."""
    for name in ('METER', 'PLACE', 'DATA_DIR', 'CACHE_DIR', 'DATASETS'):
        monkeypatch.delenv(f'HEFTED_{name}', raising=False)
    monkeypatch.setattr(host, 'user_folder', lambda kind: str(tmp_path / kind))

    def write(text):
        (tmp_path / 'config').mkdir()
        (tmp_path / 'config' / 'config.toml').write_text(text)

    return write


def test_without_settings_everything_has_its_default(config, tmp_path):
    assert settings.meter_mode() == 'auto'
    assert settings.place_setting() is None
    assert settings.datasets_folder() is None
    assert settings.data_folder() == tmp_path / 'data'
    assert settings.cache_folder() == tmp_path / 'cache'


def test_the_file_is_heard_and_the_environment_before_it(config, monkeypatch, tmp_path):
    config("meter = 'off'\nplace = 'FR'\n")
    assert (settings.meter_mode(), settings.place_setting()) == ('off', 'FR')
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
