"""What a project says of where it runs and of what it may spend: the table `[tool.hefted]` of its `pyproject.toml`.

    [tool.hefted]
    place = 'US-WA'
    land = 'Duwamish land'
    budget = '10 kWh'
    project = 'whales'

A project's budget is that of all its runs on this machine (see `hefted.budget.project`). They are counted under its
name: `project`, else the name in `[project]`. Only these four are heard there. A project may be somebody else's:
cloning it must not turn the meter off, move the journals or ask a service. So 'ask' is no land here either.

The nearest `pyproject.toml` with such a table is read, from the current folder upwards: up to the repository's root or
the home folder, and at most 32 folders. One that belongs to another user is passed over, as anybody can leave a file in
a shared folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, cast

from hefted.errors import ArgumentError, unknown_name

KEYS = ('place', 'land')  # what the environment and config.toml say of the same
_HEARD = (*KEYS, 'budget', 'project')
_A_NAME = re.compile(r'[\w. -]{1,80}')
_DEEPEST = 32
_FORM = "such as place = 'US-WA' or land = 'Duwamish land'"

_found: dict[str, dict[str, str]] = {}  # by folder: the file is read once in a process


def says(folder: str | None = None, home: str | None = None) -> dict[str, str]:
    """Tell what the project of a folder says, by key; nothing where there is no project, or it says nothing.

    Args:
        folder: Where to start; the current folder by default.
        home: The home folder, above which nothing is looked at; the user's own by default.

    Raises:
        ArgumentError: If the table holds something else than strings by the keys that there are.

    Example:
        >>> says('nowhere')
        {}
    """
    try:
        start = os.path.abspath(folder) if folder else os.getcwd()  # noqa: PTH100, PTH109 (pathlib costs a start)
    except FileNotFoundError:  # the folder was removed meanwhile
        return {}
    if start not in _found:
        _found[start] = _nearest(start, home or os.path.expanduser('~'))  # noqa: PTH111
    return _found[start]


def _nearest(start: str, home: str) -> dict[str, str]:
    for folder in _upwards(start, home):
        if (table := _table(f'{folder}/pyproject.toml')) is not None:
            return table
    return {}


def _upwards(folder: str, home: str) -> Iterator[str]:
    for _ in range(_DEEPEST):
        yield folder
        above = os.path.dirname(folder)  # noqa: PTH120
        if folder in (above, home) or os.path.exists(f'{folder}/.git'):  # noqa: PTH110
            return
        folder = above


def _table(path: str) -> dict[str, str] | None:
    """The file's table; None where there is no file, or none that is the user's and holds one."""
    try:
        owner = os.stat(path).st_uid  # noqa: PTH116
        if hasattr(os, 'getuid') and owner not in (0, os.getuid()):
            return None
        with open(path, 'rb') as file:  # noqa: PTH123
            content = file.read()
    except OSError:  # no such file, or one that nobody may read: the project says nothing
        return None
    return _parsed(content) if _may_hold(content) else None


def _may_hold(content: bytes) -> bool:
    """Whether it may hold our table: reading TOML takes 9 ms of a start, which a dependency's name is not worth."""
    lines = [line.strip() for line in content.split(b'\n') if b'hefted' in line]
    # As a key or in a table's head; what stands behind a quote is a value.
    keys = (line.partition(b'"')[0].partition(b"'")[0] for line in lines)
    return any(b'hefted' in key for key in keys) or any(line.startswith(b'[') for line in lines)


def _parsed(content: bytes) -> dict[str, str] | None:
    import tomllib

    try:
        whole = tomllib.loads(content.decode('utf-8'))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ArgumentError(f'pyproject.toml: expected TOML, received: {error}.') from error
    tools = whole.get('tool')
    if not isinstance(tools, dict) or 'hefted' not in tools:
        return None
    table: object = cast('dict[str, object]', tools)['hefted']
    if not isinstance(table, dict):
        raise ArgumentError(f'tool.hefted in pyproject.toml: expected a table, {_FORM}, received {table!r}.')
    said = {key: text for key, value in cast('dict[str, Any]', table).items() if (text := _checked(key, value))}
    return said | _named(said, whole.get('project'))


def _named(said: dict[str, str], metadata: object) -> dict[str, str]:
    """The name that a project's runs are counted under; none where it has no budget and says no name."""
    if 'project' in said or 'budget' not in said:
        return {}
    name = cast('dict[str, object]', metadata).get('name') if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise ArgumentError(
            'budget in [tool.hefted] of pyproject.toml: expected a name beside it that the runs are counted under, '
            "received none. Write project = 'whales' there, or the name in [project]."
        )
    return {'project': name}


def _checked(key: str, value: object) -> str:
    if key not in _HEARD:
        form = (
            f'Expected place, land, budget or project; all else is set by the environment or by config.toml, {_FORM}.'
        )
        raise unknown_name('key in [tool.hefted] of pyproject.toml', key, _HEARD, form)
    if not isinstance(value, str):
        example = {'place': 'FR', 'budget': '10 kWh', 'project': 'whales'}.get(key, 'in your own words')
        raise ArgumentError(
            f'{key} in [tool.hefted] of pyproject.toml: expected a string, received {value!r}. '
            f"Write it in quotes, such as {key} = '{example}'."
        )
    if key == 'project' and not _A_NAME.fullmatch(value.strip()):
        raise ArgumentError(
            f"project in [tool.hefted] of pyproject.toml: expected a short name, such as 'whales', received {value!r}. "
            'It is kept with each run, so it is no path: letters, digits, spaces, and . _ - only.'
        )
    if key == 'land' and value.strip().lower() == 'ask':
        raise ArgumentError(
            "land in [tool.hefted] of pyproject.toml: expected your own words, received 'ask'. "
            "Whether a service is asked is each user's to say: set HEFTED_LAND=ask."
        )
    return value.strip()
