"""`ops` has Keras's names with Keras's signatures, and is cheap to import."""

import inspect
import subprocess
import sys

import keras
import pytest

from hefted import ops

NAMESPACES = ['', 'image', 'linalg', 'nn', 'numpy']


def names(module):
    return {name for name in dir(module) if not name.startswith('_')}


def within(module, namespace):
    return getattr(module, namespace) if namespace else module


@pytest.mark.parametrize('namespace', NAMESPACES)
def test_the_names_are_kerass(namespace):
    assert names(within(ops, namespace)) == names(within(keras.ops, namespace))


def signature(function):
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize('namespace', NAMESPACES)
def test_the_signatures_are_kerass(namespace):
    module, theirs = within(ops, namespace), within(keras.ops, namespace)
    functions = [name for name in sorted(names(module)) if name not in NAMESPACES]
    differ = {n: (signature(getattr(module, n)), signature(getattr(theirs, n))) for n in functions}
    assert functions
    assert not {n: both for n, both in differ.items() if both[0] != both[1]}


@pytest.mark.parametrize('namespace', NAMESPACES)
def test_every_function_has_its_own_name_and_says_what_it_does(namespace):
    module = within(ops, namespace)
    aliases = {'abs', 'conj', 'swish', 'hard_swish'}
    for name in names(module) - {*NAMESPACES, *aliases}:
        function = getattr(module, name)
        assert function.__name__ == name
        assert function.__doc__


def test_a_name_that_is_not_there_is_said():
    with pytest.raises(AttributeError, match=r"'hefted.ops' has no attribute 'sofmax'"):
        ops.sofmax  # noqa: B018
    with pytest.raises(AttributeError, match=r"'hefted.ops.image' has no attribute 'resise'"):
        ops.image.resise  # noqa: B018


def test_one_name_does_not_import_every_file():
    code = (
        'import sys; from hefted import ops; assert "jax" not in sys.modules; ops.exp; '
        'print(sorted(m for m in sys.modules if m.startswith("hefted.ops.")), "scipy.special" in sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['hefted.ops.calling', 'hefted.ops.elementwise'] False"
