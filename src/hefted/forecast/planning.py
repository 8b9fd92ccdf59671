"""A plan from what papers tell of a training: parameters, tokens, and the shape where it is known.

    operations of a token = 6 N + 12 L d s

Six for each parameter (two forward, four backward: Kaplan et al. 2020, section 2.1; Hoffmann et al. 2022, appendix F)
and, where layers L, width d and length s are known, twelve for each layer, column and token that attention compares
with (Chowdhery et al. 2022, appendix B). N counts all parameters, embeddings too, as published counts do; of a mixture
of experts those that one token passes; in an encoder-decoder each token passes about half.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hefted.errors import ArgumentError, unknown_name
from hefted.forecast.plan import Plan
from hefted.forecast.shapes import Shape, shape_of_config
from hefted.forecast.utilisation import usual_batch_tokens, width_of

PRECISIONS = {
    'float32': 'float32',
    'fp32': 'float32',
    'tf32': 'float32',
    'bfloat16': 'bfloat16',
    'bf16': 'bfloat16',
    'mixed_bfloat16': 'bfloat16',
    'float16': 'float16',
    'fp16': 'float16',
    'mixed': 'float16',
    'mixed_float16': 'float16',
    'float8': 'float8',
    'fp8': 'float8',
}
_LENGTH = {'encoder': 512, 'decoder': 2048, 'encoder-decoder': 512}
_STATE = 16  # bytes a parameter: weight, gradient, and Adam's three, mixed or in float32 (Rajbhandari et al. 2020, 3.1)
_MOST = 1e18


def plan_of(
    parameters: float | None = None,
    tokens: float | None = None,
    *,
    active: float | None = None,
    sequence_length: int | None = None,
    batch: int | None = None,
    precision: str = 'bfloat16',
    shape: Shape | None = None,
) -> Plan:
    """Make a plan of what is told of a training.

    Args:
        parameters: Numbers in all; those of the shape if None.
        tokens: In all, each pass over the data counted.
        active: Parameters that one token passes, where the model is a mixture of experts.
        sequence_length: Tokens of one sequence; the shape's if None.
        batch: Sequences a step; where it is not told, as is usual for the size, and `batch_size` stays None.
        precision: Of the products: 'bfloat16', 'float16', 'float32' or 'float8', or as people write them ('bf16').
        shape: Of the model.

    Raises:
        ArgumentError: If parameters or tokens are missing or out of bounds.

    Example:
        >>> plan = plan_of(340e6, 137e9, sequence_length=512, batch=256)
        >>> f'{plan.flops:.1e}', plan.steps
        ('2.8e+20', 1045228)
    """
    shape = shape or Shape()
    count = _checked('parameters', parameters if parameters is not None else shape.parameters)
    whole = _checked('tokens', tokens)
    passed = _checked('active', active if active is not None else min(shape.active or count, count))
    if passed > count:
        raise ArgumentError(f'active: expected at most all {count:g} parameters, received {passed:g}. Swap the two?')
    length = sequence_length if sequence_length is not None else shape.sequence_length
    length = int(_checked('sequence_length', length)) if length is not None else None
    by = _LENGTH[shape.kind] if length is None else length
    each = _checked('batch', batch) * by if batch is not None else usual_batch_tokens(passed)
    steps = max(1, math.ceil(whole / each))
    flops = flops_of(passed, whole, shape, length)
    state = round(_STATE * count)
    return Plan(
        steps=steps,
        batch_size=batch,
        parameters=round(count),
        flops_per_step=flops / steps,
        state_bytes=state,
        peak_bytes=state + round(activation_bytes(passed, shape, by)),
        tokens=whole,
        precision=_precision(precision),
    )


def plan_of_config(
    path: str | Path, tokens: float, *, read: Callable[[str | Path], Shape] = shape_of_config, **told: object
) -> Plan:
    """Make a plan of a model's config.json, as Hugging Face writes it; no code is run.

    Args:
        path: The file, or its folder.
        tokens: In all.
        read: What reads the shape.
        **told: What `plan_of` takes beside: sequence_length, batch, precision.

    Raises:
        ArgumentError: If the file or an argument is wrong.
    """
    return plan_of(tokens=tokens, shape=read(path), **told)  # pyright: ignore[reportArgumentType]


def flops_of(active: float, tokens: float, shape: Shape, length: int | None) -> float:
    """Operations of training on so many tokens.

    Args:
        active: Parameters that one token passes.
        tokens: In all.
        shape: Of the model: attention is counted where its layers and width are known.
        length: Tokens of one sequence.

    Example:
        >>> f'{flops_of(175e9, 300e9, Shape(), None):.3g}'
        '3.15e+23'
    """
    a_token = 6 * active
    if shape.layers and shape.width and length:
        a_token += 12 * shape.layers * shape.width * length
    return a_token * tokens * (0.5 if shape.kind == 'encoder-decoder' else 1.0)


def activation_bytes(parameters: float, shape: Shape, length: int) -> float:
    """Bytes that one sequence leaves in memory where each block is computed again for its gradient.

    A block's input is kept (2 s d), and one block's own (34 s d) at a time.

    Args:
        parameters: That one token passes, for the width where the shape does not tell it.
        shape: Of the model.
        length: Tokens of the sequence.

    Source:
        Korthikanti et al. 2022 (arXiv 2205.05198), equation 2 and section 5, attention's own matrices aside, as fused
        kernels do not keep them.
    """
    width = shape.width or width_of(parameters)
    layers = shape.layers or max(2.0, parameters / (12 * width**2))
    return length * width * (2 * layers + 34)


def named_shape(shape: Shape, length: int | None) -> Shape:
    """The shape with the length that was told beside it."""
    return shape if length is None else replace(shape, sequence_length=length)


def _precision(said: str) -> str:
    found = PRECISIONS.get(said.lower())
    if found is None:
        raise unknown_name('precision', said, PRECISIONS)
    return found


def _checked(name: str, value: float | None) -> float:
    if value is None or not 1 <= value <= _MOST:  # not a number is neither
        raise ArgumentError(
            f'{name}: expected a number from 1 to {_MOST:g}, received {value}. '
            f'Write it as people do, such as {name}=340e6.'
        )
    return float(value)
