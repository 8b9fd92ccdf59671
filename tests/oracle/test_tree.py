"""Nested structures are walked as Keras walks them."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import keras
import numpy as np
import pytest

from hefted import tree

Pair = namedtuple('Pair', ['x', 'y'])


class Words(list):
    """A subclass: a leaf for both."""


STRUCTURES = [
    1, None, 'ab', [], (), {}, [1], (None,), [[1], (2, {'b': 3, 'a': None})],
    {'b': [1, 2], 'a': Pair(3, (4,))}, OrderedDict([('b', 1), ('a', [2])]), defaultdict(list, {'z': 1, 'y': (2, 3)}),
    deque([1, {'k': 2}], maxlen=5), Words([1, 2]), {'w': Words([1])}, [(), [None, {}]], {2: 'x', 1: 'y'},
]  # fmt: skip


def outcome(function, *args, **kwargs):
    """What is returned, or the kind of what is raised."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        return ValueError if isinstance(error, ValueError) else TypeError


def same(ours, theirs):
    assert ours == theirs
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert list(ours) == list(theirs)
    for mine, other in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        assert mine is other or mine == other


@pytest.mark.parametrize('structure', STRUCTURES, ids=repr)
def test_one_structure(structure):
    for name in ('is_nested', 'flatten', 'flatten_with_path', 'lists_to_tuples'):
        same(getattr(tree, name)(structure), getattr(keras.tree, name)(structure))
    for none_is_leaf in (True, False):
        same(
            tree.map_structure(repr, structure, none_is_leaf=none_is_leaf),
            keras.tree.map_structure(repr, structure, none_is_leaf=none_is_leaf),
        )
    for count in range(4):
        flat = list(range(count))
        same(outcome(tree.pack_sequence_as, structure, flat), outcome(keras.tree.pack_sequence_as, structure, flat))
    same(tree.map_shape_structure(repr, structure), keras.tree.map_shape_structure(repr, structure))


@pytest.mark.parametrize('a', STRUCTURES, ids=repr)
def test_two_structures(a):
    for b in STRUCTURES:
        for name in ('assert_same_structure', 'assert_same_paths'):
            assert outcome(getattr(tree, name), a, b) == outcome(getattr(keras.tree, name), a, b), (name, b)
        ours, theirs = (outcome(t.map_structure, lambda x, y: (x, y), a, b) for t in (tree, keras.tree))
        assert ours == theirs, b
        ours, theirs = (outcome(t.map_structure_up_to, a, repr, b) for t in (tree, keras.tree))
        assert ours == theirs, b


@pytest.mark.parametrize('top_down', [True, False])
def test_parts_are_met_in_keras_s_order_and_replaced(top_down):
    def rule(seen, nothing):
        def visit(part):
            seen.append(part)
            if part == 1:
                return nothing
            return ('replaced', len(part)) if isinstance(part, dict) else None

        return visit

    structure = [(1, 2), [3], {'a': [4]}]
    mine, other = [], []
    ours = tree.traverse(rule(mine, tree.MAP_TO_NONE), structure, top_down=top_down)
    theirs = keras.tree.traverse(rule(other, keras.tree.MAP_TO_NONE), structure, top_down=top_down)
    assert ours == theirs == [(None, 2), [3], ('replaced', 1)]
    assert mine == other


def test_mistakes_are_named():
    with pytest.raises(ValueError, match='at least one structure'):
        tree.map_structure(repr)
    with pytest.raises(ValueError, match='a list of 2 beside a list of 1'):
        tree.map_structure(max, [1, 2], [1])
    with pytest.raises(ValueError, match=r"only in a: \[\"\('x',\)\"\]"):
        tree.assert_same_paths({'x': 1}, {'y': 1})
    with pytest.raises(ValueError, match='3 leaves, received 1'):
        tree.pack_sequence_as([0, (0, 0)], [1])
    with pytest.raises(TypeError):
        tree.pack_sequence_as([0], 1)
    with pytest.warns(DeprecationWarning, match='no effect'):
        tree.assert_same_structure([1], [2], check_types=True)


def test_arrays_are_leaves():
    arrays = {'a': np.zeros(2), 'b': [np.ones(3)]}
    assert [x.shape for x in tree.flatten(arrays)] == [(2,), (3,)]
