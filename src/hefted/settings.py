"""What the user has set: environment variables first, then `config.toml` in the user's configuration folder.

The file is read once in a process.

| variable | key in config.toml | what |
|---|---|---|
| HEFTED_METER | meter | 'auto' (the default), 'on' (even where a program says `meter=None`) or 'off' |
| HEFTED_SHARE | share | 'process' (the default): a run has its part of the machine; or 'machine': it has all of it |
| HEFTED_PLACE | place | where the work runs, such as 'FR', 'US-WA' or 'aws:us-west-2' |
| HEFTED_DATA_DIR | data_dir | the folder of journals and the ledger |
| HEFTED_CACHE_DIR | cache_dir | the folder of compiled programs and downloads |
| HEFTED_DATASETS | datasets | a folder with data sets that need no download |
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from hefted import host
from hefted.errors import ArgumentError

MeterMode = Literal['auto', 'on', 'off']
ShareMode = Literal['process', 'machine']

_parsed: dict[str, dict[str, Any]] = {}


def meter_mode() -> MeterMode:
    """Whether runs are metered.

    Raises:
        ArgumentError: If HEFTED_METER (or `meter` in config.toml) is not one of 'auto', 'on' and 'off'.
    """
    name, value = _setting('HEFTED_METER', 'meter')
    mode = (value or 'auto').lower()
    if mode not in ('auto', 'on', 'off'):
        raise ArgumentError(
            f"{name}: expected 'auto', 'on' or 'off', received {value!r}. "
            'Unset it to meter where the program does not say otherwise.'
        )
    return mode


def share_mode() -> ShareMode:
    """Whose the machine is while a process is metered: its own in part, or ('machine') all of it.

    Raises:
        ArgumentError: If HEFTED_SHARE (or `share` in config.toml) is neither 'process' nor 'machine'.
    """
    name, value = _setting('HEFTED_SHARE', 'share')
    mode = (value or 'process').lower()
    if mode not in ('process', 'machine'):
        raise ArgumentError(
            f"{name}: expected 'process' or 'machine', received {value!r}. Unset it to be charged with the part of the "
            "machine that the process uses; 'machine' is for one that has the machine to itself."
        )
    return mode


def place_setting() -> str | None:
    """Where the user says that work runs; None when nothing is said."""
    return _setting('HEFTED_PLACE', 'place')[1]


def data_folder() -> Path:
    """The folder of journals and the ledger (it need not exist yet).

    Raises:
        ArgumentError: If the setting is not an absolute path.
    """
    return _folder('HEFTED_DATA_DIR', 'data_dir') or Path(host.user_folder('data'))


def cache_folder() -> Path:
    """The folder of what can be made again: compiled programs, downloads (it need not exist yet).

    Raises:
        ArgumentError: If the setting is not an absolute path.
    """
    return _folder('HEFTED_CACHE_DIR', 'cache_dir') or Path(host.user_folder('cache'))


def datasets_folder() -> Path | None:
    """The folder with data sets that need no download; None when not set.

    Raises:
        ArgumentError: If the setting is not an absolute path.
    """
    return _folder('HEFTED_DATASETS', 'datasets')


def config_file() -> Path:
    """The configuration file (it need not exist)."""
    return Path(host.user_folder('config')) / 'config.toml'


def _folder(variable: str, key: str) -> Path | None:
    name, value = _setting(variable, key)
    if value is None:
        return None
    folder = Path(value).expanduser()
    if not folder.is_absolute():
        raise ArgumentError(
            f'{name}: expected an absolute path, such as /data/hefted or ~/hefted, received {value!r}. '
            'A relative one would mean another folder in each program.'
        )
    return folder


def _setting(variable: str, key: str) -> tuple[str, str | None]:
    """Where a setting was found (its name in an error message), and its value."""
    value = os.environ.get(variable, '').strip()
    if value:
        return variable, value
    found = _config().get(key)
    if found is not None and not isinstance(found, str):
        raise ArgumentError(f'{key} in {config_file().name}: expected a string, received {found!r}.')
    return f'{key} in config.toml', (found or '').strip() or None


def _config() -> dict[str, Any]:
    folder = host.user_folder('config')
    if folder not in _parsed:
        _parsed[folder] = _read(Path(folder) / 'config.toml')
    return _parsed[folder]


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    import tomllib

    try:
        return tomllib.loads(path.read_text('utf-8'))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ArgumentError(f"config.toml: expected TOML, such as meter = 'off', received: {error}.") from error
