"""How much a layer computes: floating-point operations of its forward pass, counted in its traced program.

A multiplication and an addition are one each, so a product of (m, k) and (k, n) is 2 m k n (the convention of
Kaplan et al. 2020, "Scaling laws for neural language models", section 2.1). What works element by element counts one
for each element of its result; moving and comparing data counts nothing. cuDNN's attention is counted as its products
would be without it, 4 b h t s d forward and twice that backward (Chowdhery et al. 2022, appendix B).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

import jax
import numpy as np

from hefted import tree
from hefted.operation import Node
from hefted.symbolic import KerasTensor
from hefted.variables import Discarded

_FREE = frozenset(
    [
        'broadcast_in_dim',
        'reshape',
        'transpose',
        'squeeze',
        'expand_dims',
        'slice',
        'dynamic_slice',
        'dynamic_update_slice',
        'concatenate',
        'pad',
        'convert_element_type',
        'gather',
        'iota',
        'copy',
        'stop_gradient',
        'select_n',
        'rev',
        'split',
        'eq',
        'ne',
        'lt',
        'le',
        'gt',
        'ge',
        'and',
        'or',
        'not',
    ]
)

_AGAIN = 'rematted_computation'  # JAX's name, in profiles too, of what a checkpoint computes a second time
# cuDNN's attention, which `jax.nn.dot_product_attention` calls; heads may come before lengths (`AttentionLayout.BNTH`).
_FUSED = re.compile('dot_product_attention_(?:fp8_)?(fwd|bwd)')
_HEADS_FIRST = 1


def flops_of(node: Node) -> int | None:
    """Operations of one call for one row; None where the call cannot be traced for one row (a size is not known)."""
    if any(None in tensor.shape[1:] for tensor in node.input_tensors):
        return None

    def probe(x: Any) -> Any:
        return jax.ShapeDtypeStruct((1, *x.shape[1:]), np.dtype(x.dtype)) if isinstance(x, KerasTensor) else x

    leaves, structure = jax.tree.flatten((node.args, node.kwargs), is_leaf=lambda x: isinstance(x, KerasTensor))

    def call(*arrays: Any) -> Any:
        given = iter(arrays)
        args, kwargs = structure.unflatten([next(given) if isinstance(leaf, KerasTensor) else leaf for leaf in leaves])
        with Discarded():
            return tree.flatten(node.operation(*args, **kwargs))

    try:
        symbolic = [probe(leaf) for leaf in leaves if isinstance(leaf, KerasTensor)]
        return count(jax.make_jaxpr(call)(*symbolic).jaxpr)
    except (ValueError, TypeError):  # a layer that works on whole batches only, or on words
        return None


def count(jaxpr: Any) -> int:
    """Operations of a traced program."""
    return sum(counts(jaxpr).values())


def counts(jaxpr: Any) -> Counter[str]:
    """The same by kind: of products of matrices and convolutions by the numbers they multiply, and of all else ''.

    Where a product's factors are of two kinds, it is computed in the wider.

    Example:
        >>> counts(jax.make_jaxpr(lambda a: a @ a + 1)(np.ones((4, 4), np.float32)).jaxpr)
        Counter({'float32': 128, '': 16})
    """
    told: Counter[str] = Counter()
    for equation in jaxpr.eqns:
        told.update(_operations(equation))
    return told


def multiplies_again(jaxpr: Any) -> bool:
    """Whether any product is computed a second time on the way back, to save memory (`jax.checkpoint`).

    Example:
        >>> again = jax.checkpoint(lambda x: jax.numpy.tanh(x @ x).sum())
        >>> multiplies_again(jax.make_jaxpr(jax.grad(again))(np.ones((2, 2), np.float32)).jaxpr)
        True
    """
    for equation in jaxpr.eqns:
        if _AGAIN in str(equation.source_info.name_stack):
            if any(kind and operations for kind, operations in _operations(equation).items()):
                return True
        elif any(map(multiplies_again, _programs(equation.params))):
            return True
    return False


def _operations(equation: Any) -> dict[str, int]:
    name, params = equation.primitive.name, equation.params
    size = sum(math.prod(v.aval.shape) for v in equation.outvars)
    if name == 'dot_general':
        (contracted, _), _ = params['dimension_numbers']
        return {_kind(equation): 2 * size * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)}
    if name == 'conv_general_dilated':
        kernel = equation.invars[1].aval.shape
        outputs = params['dimension_numbers'].rhs_spec[0]
        return {_kind(equation): 2 * size * math.prod(kernel) // kernel[outputs]}
    if (fused := _FUSED.match(name)) is not None:
        return {_kind(equation): _of_attention(equation) * (1 if fused[1] == 'fwd' else 2)}
    programs = [counts(program) for program in _programs(params)]
    if programs and 'branches' in params:  # one of them is taken
        return max(programs, key=lambda told: sum(told.values()))
    if programs:
        length = int(params.get('length', 1))
        return {kind: length * operations for kind, operations in sum(programs, Counter[str]()).items()}
    return {'': _by_element(equation, name, size)}


def _of_attention(equation: Any) -> int:
    """Of its two products forward; backward there are four, and the scores that it computes again do not count."""
    query, key, value = (each.aval.shape for each in equation.invars[:3])
    heads, length = (1, 2) if equation.params['layout'] == _HEADS_FIRST else (2, 1)
    return 2 * query[0] * query[heads] * query[length] * key[length] * (query[3] + value[3])


def _kind(equation: Any) -> str:
    factors = [each.aval.dtype for each in equation.invars[:2]]
    return str(max(factors, key=lambda dtype: dtype.itemsize))


def _by_element(equation: Any, name: str, size: int) -> int:
    if name.startswith(('reduce_', 'cum', 'arg')):
        return sum(math.prod(v.aval.shape) for v in equation.invars)
    return 0 if name in _FREE else size


def _programs(params: dict[str, Any]) -> list[Any]:
    """Those that an equation holds."""
    held = [held for value in params.values() for held in (value if isinstance(value, (list, tuple)) else (value,))]
    return [program for each in held if hasattr(program := getattr(each, 'jaxpr', each), 'eqns')]
