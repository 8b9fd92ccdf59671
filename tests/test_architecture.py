"""Imports point down, no two files import one another in a circle, and the marked rooms do without JAX."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'src' / 'hefted'

# From the top down; a star is a room without JAX. docs/architecture.md says what each is for.
ORDER = """
__main__ cli*
integrations
__init__
applications backend distillation export legacy mixed_precision preprocessing quantizers visualization wrappers
models
saving
train
callbacks
runs* run* run_figures* run_lines* run_process* run_ticks*
report*
forecast* budget* when*
ledger*
layers losses metrics optimizers
text*
data
datasets*
footprint*
metering*
distribution variables scopes remat symbolic shape_tracing operation masks dtypes config random tree initializers\
 activations regularizers constraints dtype_policies ops utils
quantities* errors* settings* host* processor* units* identifiers* world*
"""
RANK = {room.rstrip('*'): rank for rank, row in enumerate(ORDER.split('\n')) for room in row.split()}
WITHOUT_JAX = sorted(room.rstrip('*') for room in ORDER.split() if room.endswith('*'))
JAX = {'jax', 'jaxlib', 'keras', 'flax', 'optax'}


@dataclass(frozen=True)
class Import:
    """One import: of what, on which line, whether only for type checkers, and whether inside a function."""

    target: str
    line: int
    typing: bool
    late: bool


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


FILES = {module_name(path): path for path in PACKAGE.rglob('*.py')}


def imports_of(node: ast.AST, typing: bool = False, late: bool = False) -> Iterator[Import]:
    """Every import below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, typing, late)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, 'imports are absolute here'
            for alias in child.names:
                whole = f'{child.module}.{alias.name}'
                yield Import(whole if whole in FILES else str(child.module), child.lineno, typing, late)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == 'TYPE_CHECKING':
            yield from imports_of(child, True, late)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(child, typing, late or function)


IMPORTS = {module: list(imports_of(ast.parse(path.read_text('utf-8')))) for module, path in FILES.items()}


def room_of(module: str) -> str:
    return module.split('.')[1] if '.' in module else '__init__'


def ours(target: str) -> bool:
    return target.split('.', maxsplit=1)[0] == 'hefted'


def test_every_file_belongs_to_a_room_of_the_order():
    assert {room_of(module) for module in FILES} - {'py'} <= set(RANK)


def test_the_document_lists_the_same_rooms_in_the_same_order():
    rows = re.findall(r'^\| (`.+?) \|', (ROOT / 'docs' / 'architecture.md').read_text('utf-8'), re.MULTILINE)
    documented = [set(re.findall(r'`([a-z_]+)(?:\.py)?`(\*?)', row)) for row in rows]
    told = [{room + star for room, star in row} for row in documented]
    assert told == [set(row.split()) for row in ORDER.strip().split('\n')]


def test_imports_point_down():
    upward = [
        f'{module}:{found.line} imports {found.target}'
        for module, found_ones in IMPORTS.items()
        for found in found_ones
        if ours(found.target) and RANK[room_of(found.target)] < RANK[room_of(module)]
    ]
    assert not upward


def test_no_files_import_one_another_in_a_circle():
    graph = {
        module: {found.target for found in found_ones if ours(found.target) and not found.typing and not found.late}
        for module, found_ones in IMPORTS.items()
    }
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(' imports '.join(reversed(error.args[1])))


@pytest.mark.parametrize('room', WITHOUT_JAX)
def test_a_marked_room_reaches_no_jax_through_its_imports(room: str):
    """A command that trains, and a data set that is downloaded, import what they need inside a function; nothing else
    of a marked room does even that.
    """
    seen: dict[str, str] = {}
    waiting = [(module, module) for module in FILES if room_of(module) == room]
    while waiting:
        module, path = waiting.pop()
        if module in seen:
            continue
        seen[module] = path
        for found in IMPORTS.get(module, ()):
            if found.typing or (found.late and room in ('cli', 'datasets')):
                continue
            assert found.target.split('.')[0] not in JAX, f'{path} imports {found.target}'
            # Importing a.b.c runs a and a.b first.
            parts = found.target.split('.')
            for length in range(1, len(parts) + 1) if ours(found.target) else ():
                step = '.'.join(parts[:length])
                waiting.append((step, f'{path} → {step}'))


def test_marked_rooms_can_be_imported_where_jax_is_not():
    modules = sorted(module for module in FILES if room_of(module) in WITHOUT_JAX and not module.endswith('__main__'))
    code = (
        'import importlib, sys\n'
        f'sys.modules.update(dict.fromkeys({sorted(JAX)!r}))\n'  # None there makes an import of it fail
        f'for module in {modules!r}: importlib.import_module(module)\n'
    )
    environment = os.environ | {'PYTHONPATH': str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert modules


def test_the_package_itself_imports_nothing_until_it_is_asked():
    code = (
        'import sys; import hefted; print([m for m in ("jax", "numpy", "h5py", "optax", "rich") if m in sys.modules])'
    )
    environment = os.environ | {'PYTHONPATH': str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
