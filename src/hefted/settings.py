"""What the user has set: environment variables first, then `config.toml` in the user's configuration folder.

The file is read once in a process. Between the two, the project may say where it runs (`hefted.footprint.project`).

| variable | key in config.toml | what |
|---|---|---|
| HEFTED_METER | meter | 'auto' (the default), 'on' (even where a program says `meter=None`) or 'off' |
| HEFTED_SHARE | share | 'process' (the default): a run has its part of the machine; or 'machine': it has all of it |
| HEFTED_PLACE | place | where the work runs, such as 'FR', 'US-WA' or 'aws:us-west-2' |
| HEFTED_LAND | land | whose land that is, in your own words; 'ask' to have `hefted.footprint.land` ask for it |
| HEFTED_GRID | grid | carbon intensity from the 'table' (the default), or live: 'electricitymaps', 'watttime', 'uk' |
| HEFTED_GRID_TRACE | grid_trace | a file with the grid's intensity by hour (see `hefted.footprint.live.trace`) |
| HEFTED_CLOUD_METADATA | cloud_metadata | 'on' to ask the cloud that this machine is of for its region; 'off' |
| HEFTED_WATTMETER | wattmeter | a meter of the whole machine: a file, or an address (see `hefted.metering.wattmeter`) |
| HEFTED_MACHINE | machine | what the machine is: 'laptop', 'desktop', 'server', 'gpu-server' or 'gpu-server-liquid' |
| HEFTED_UNSEEN | unseen | 'on' (the default) or 'off': whether what no sensor sees (supplies, fans, board) is counted |
| HEFTED_DATA_DIR | data_dir | the folder of journals and the ledger |
| HEFTED_CACHE_DIR | cache_dir | the folder of compiled programs and downloads |
| HEFTED_DATASETS | datasets | a folder with data sets that need no download |
| HEFTED_TABLES | tables | a folder with your own tables of factors (see `hefted.footprint.own_tables`) |
| HEFTED_INSTANCE | instance | the cloud's instance, such as 'aws:p4d.24xlarge': its list price is the run's |
| HEFTED_PRICE | price | what the machine or its electricity costs, such as '1.20 USD/h' or '0.30 USD/kWh' |
| HEFTED_BUDGET | budget | the most that all runs of a process may spend, such as '1 kWh' or '$3, 2 h' |
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from hefted import host
from hefted.errors import ArgumentError, unknown_name

MeterMode = Literal['auto', 'on', 'off']
GridMode = Literal['table', 'electricitymaps', 'watttime', 'uk']
ShareMode = Literal['process', 'machine']
MachineKind = Literal['laptop', 'desktop', 'server', 'gpu-server', 'gpu-server-liquid']

_GRID_MODES: tuple[GridMode, ...] = get_args(GridMode)
_MACHINE_KINDS: tuple[MachineKind, ...] = get_args(MachineKind)

_Choice = TypeVar('_Choice', bound=str)

_parsed: dict[str, dict[str, Any]] = {}


def meter_mode() -> MeterMode:
    """Whether runs are metered.

    Raises:
        ArgumentError: If HEFTED_METER (or `meter` in config.toml) is not one of 'auto', 'on' and 'off'.
    """
    remedy = 'Unset it to meter where the program does not say otherwise.'
    return _one_of('HEFTED_METER', 'meter', ('auto', 'on', 'off'), remedy)


def share_mode() -> ShareMode:
    """Whose the machine is while a process is metered: its own in part, or ('machine') all of it.

    Raises:
        ArgumentError: If HEFTED_SHARE (or `share` in config.toml) is neither 'process' nor 'machine'.
    """
    remedy = (
        'Unset it to be charged with the part of the machine that the process uses; '
        "'machine' is for one that has the machine to itself."
    )
    return _one_of('HEFTED_SHARE', 'share', ('process', 'machine'), remedy)


def place_setting() -> str | None:
    """Where the user says that work runs; None when nothing is said."""
    return _setting('HEFTED_PLACE', 'place')[1]


def land_setting() -> str | None:
    """Whose land the user says it is, or 'ask'; None when nothing is said."""
    return _setting('HEFTED_LAND', 'land')[1]


def grid_mode() -> GridMode:
    """Where the carbon intensity of electricity comes from: the tables, or a service that is asked while a run goes on.

    Raises:
        UnknownNameError: If HEFTED_GRID (or `grid` in config.toml) is not one of those that there are.
    """
    mode: GridMode | None = _named('HEFTED_GRID', 'grid', _GRID_MODES)
    return mode or 'table'


def grid_trace() -> Path | None:
    """The file with the grid's intensity by hour; None when not set.

    Raises:
        ArgumentError: If the setting is not an absolute path.
    """
    return _folder('HEFTED_GRID_TRACE', 'grid_trace')


def cloud_metadata() -> bool:
    """Whether the metadata service of the cloud that this machine is of may be asked.

    Raises:
        ArgumentError: If HEFTED_CLOUD_METADATA (or `cloud_metadata` in config.toml) is neither 'on' nor 'off'.
    """
    remedy = 'Unset it and no cloud is asked.'
    return _one_of('HEFTED_CLOUD_METADATA', 'cloud_metadata', ('on', 'off'), remedy, default=1) == 'on'


def wattmeter_setting() -> tuple[str, str | None]:
    """The user's own meter: what the setting is called, and what it says; None when it is not set."""
    return _setting('HEFTED_WATTMETER', 'wattmeter')


def machine_kind() -> MachineKind | None:
    """What the user says that the machine is; None when nothing is said and its firmware is asked.

    Raises:
        UnknownNameError: If HEFTED_MACHINE (or `machine` in config.toml) is no kind of machine.
    """
    return _named('HEFTED_MACHINE', 'machine', _MACHINE_KINDS)


def unseen_counts() -> bool:
    """Whether totals hold what no sensor sees: they do unless the user says 'off'.

    Raises:
        ArgumentError: If HEFTED_UNSEEN (or `unseen` in config.toml) is neither 'on' nor 'off'.
    """
    remedy = "Unset it to count supplies, fans and board, which is what 'on' does."
    return _one_of('HEFTED_UNSEEN', 'unseen', ('on', 'off'), remedy) == 'on'


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


def tables_folder() -> Path | None:
    """The folder with the user's own tables of factors; None when not set.

    Raises:
        ArgumentError: If the setting is not an absolute path.
    """
    return _folder('HEFTED_TABLES', 'tables')


def instance_setting() -> tuple[str, str | None]:
    """Where the cloud's instance is named (for an error message), and its name; None when nothing is said."""
    return _setting('HEFTED_INSTANCE', 'instance')


def price_setting() -> tuple[str, str | None]:
    """Where the price is said (for an error message), and what is said; None when nothing is."""
    return _setting('HEFTED_PRICE', 'price')


def budget_setting() -> tuple[str, str | None]:
    """Where the process's budget is said (for an error message), and what is said; None when nothing is."""
    return _setting('HEFTED_BUDGET', 'budget')


def of_factors() -> tuple[str, ...]:
    """What is set of tables, instance and price, unread: a key for what follows from the three.

    A loop of small fits asks for it each time; all of it costs five microseconds.
    """
    told = _config()
    keys = (('HEFTED_TABLES', 'tables'), ('HEFTED_INSTANCE', 'instance'), ('HEFTED_PRICE', 'price'))
    return tuple(os.environ.get(variable) or str(told.get(key, '')) for variable, key in keys)


def config_file() -> Path:
    """The configuration file (it need not exist)."""
    return Path(host.user_folder('config')) / 'config.toml'


def in_file(key: str) -> str | None:
    """What the configuration file alone says; None where it says nothing.

    Raises:
        ArgumentError: If that is not a string, or the file is not TOML.
    """
    found = _config().get(key)
    if found is not None and not isinstance(found, str):
        raise ArgumentError(f'{key} in {config_file().name}: expected a string, received {found!r}.')
    return (found or '').strip() or None


def _one_of(variable: str, key: str, choices: tuple[_Choice, ...], remedy: str, default: int = 0) -> _Choice:
    """What is chosen of a few; one of them, by its place, where nothing is said."""
    name, value = _setting(variable, key)
    for choice in choices:
        if choice == (value or choices[default]).lower():
            return choice
    *others, last = map(repr, choices)
    raise ArgumentError(f'{name}: expected {", ".join(others)} or {last}, received {value!r}. {remedy}')


def _named(variable: str, key: str, choices: tuple[_Choice, ...]) -> _Choice | None:
    """What is named; None where nothing is."""
    name, value = _setting(variable, key)
    if value is None:
        return None
    for choice in choices:
        if choice == value.lower():
            return choice
    raise unknown_name(name, value, choices)


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
    return (variable, value) if value else (f'{key} in config.toml', in_file(key))


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
