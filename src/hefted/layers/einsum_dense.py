"""EinsumDense: a dense layer whose product is an einsum."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from hefted import activations, constraints, initializers, regularizers
from hefted.errors import ArgumentError, ShapeError
from hefted.layers import core
from hefted.layers.core import as_float
from hefted.layers.embedding import without_adapters
from hefted.layers.input_spec import InputSpec
from hefted.layers.layer import Layer
from hefted.variables import Array

Shape = tuple[int | None, ...]


class EinsumDense(Layer):
    """`activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: 'ab,bc->ac', '...ab,bc->...ac' or 'ab...,bc->ac...': inputs, kernel, output.
        output_shape: The output's shape without its first axis and without the axes in '...'; None where a size is
            the input's.
        activation: A name, a function, or None.
        bias_axes: The output's letters over which the bias goes; None for no bias.
        kernel_initializer: For the kernel; its fans are the letters that go in and come out.
        bias_initializer: For the bias.
        kernel_regularizer: Adds a loss on the kernel.
        bias_regularizer: Adds a loss on the bias.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
        lora_rank: Kept for Keras's archives; only None.
        lora_alpha: The same.
        gptq_unpacked_column_size: The same.
        quantization_config: The same.

    Raises:
        ArgumentError: The equation is of another form, or a letter comes from nowhere.
        ShapeError: A letter is one size in the input and another in `output_shape`.

    Example:
        >>> EinsumDense('abc,cd->abd', output_shape=(None, 64), bias_axes='d')(np.ones((2, 32, 128))).shape
        (2, 32, 64)
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = 'glorot_uniform',
        bias_initializer: Any = 'zeros',
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        without_adapters(lora_rank, lora_alpha, quantization_config or gptq_unpacked_column_size)
        super().__init__(**kwargs)
        self.equation, self.bias_axes = equation, bias_axes
        self.partial_output_shape: Shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.quantization_config = None

    @property
    def rows_independent(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where the first axis goes through and no function of a user's comes after."""
        inputs, kernel, output = _letters(self.equation)
        through = inputs[:1] == output[:1] and inputs[0] not in kernel
        return (through or self.equation.startswith('...')) and activations.is_builtin(self.activation)

    def build(self, input_shape: Any) -> None:
        plan = plan_of(self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        self.kernel = self.add_weight(
            plan.kernel_shape, _with_fans(self.kernel_initializer, plan.fan_in, plan.fan_out), name='kernel',
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if plan.bias_shape is not None:
            self.bias = self.add_weight(
                plan.bias_shape, self.bias_initializer, name='bias',
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip

    def call(self, inputs: Array) -> Array:
        outputs = product(self.equation, as_float(inputs, self.compute_dtype), self.kernel.value)
        if self.bias is not None:
            outputs = outputs + self.bias.value
        return activations.apply(self.activation, outputs)

    def get_config(self) -> dict[str, Any]:
        config = {'activity_regularizer': None, **super().get_config(), 'output_shape': self.partial_output_shape}
        for name in ('lora_rank', 'lora_alpha', 'gptq_unpacked_column_size'):
            config.pop(name, None)
        return config


class Plan(NamedTuple):
    """What an equation and shapes say.

    Attributes:
        kernel_shape: The kernel's.
        bias_shape: The bias's, to be broadcast over the output's last axes; None for no bias.
        output_shape: The whole output's.
        fan_in: The kernel's axes that are summed over.
        fan_out: The kernel's axes that come out.
    """

    kernel_shape: tuple[int, ...]
    bias_shape: tuple[int, ...] | None
    output_shape: Shape
    fan_in: list[int]
    fan_out: list[int]


def plan_of(equation: str, bias_axes: str | None, input_shape: Shape, output_shape: Shape) -> Plan:
    """The shapes of an EinsumDense's weights, for its input's."""
    inputs, kernel, output = _letters(equation)
    left = equation.startswith('...')
    elided = input_shape[: len(input_shape) - len(inputs)] if left else input_shape[len(inputs) :]
    named_inputs = input_shape[len(elided) :] if left else input_shape[: len(inputs)]
    sizes = dict(zip(inputs, named_inputs, strict=False))
    # With '...' on the left the first axis is one of those elided; else it is the output's first letter.
    whole = (*elided, *output_shape) if left and elided else (input_shape[0], *output_shape, *(() if left else elided))
    came_out = dict(zip(output, whole[len(elided) :] if left else whole, strict=False))
    for letter, size in came_out.items():
        if letter in sizes and size is not None and size != sizes[letter]:
            raise ShapeError(
                f'Expected axis {letter!r} of {equation!r} to be the same in input and output, received '
                f'{sizes[letter]} in the input of shape {input_shape} and {size} in output_shape={output_shape}.'
            )
        if letter not in sizes and letter not in kernel:
            raise ArgumentError(f'Expected axis {letter!r} of the output in the inputs or the kernel of {equation!r}.')
    missing = [letter for letter in kernel if letter not in came_out and letter not in sizes]
    if missing:
        raise ArgumentError(f'Expected axis {missing[0]!r} of the kernel in the inputs or the output of {equation!r}.')
    known = {**sizes, **{k: v for k, v in came_out.items() if v is not None or k not in sizes}}
    return Plan(
        tuple(known[letter] for letter in kernel),  # pyright: ignore[reportArgumentType]
        _bias_shape(bias_axes, output, known, 0 if left else len(elided)),
        whole,
        [i for i, letter in enumerate(kernel) if letter not in came_out],
        [i for i, letter in enumerate(kernel) if letter in came_out],
    )


def _bias_shape(bias_axes: str | None, output: str, sizes: dict[str, Any], after: int) -> tuple[int, ...] | None:
    if bias_axes is None:
        return None
    unknown = [letter for letter in bias_axes if letter not in output]
    if unknown:
        raise ArgumentError(f'Expected bias_axes to be letters of the output {output!r}, received {bias_axes!r}.')
    first = min(output.find(letter) for letter in bias_axes)
    return tuple(sizes[letter] if letter in bias_axes else 1 for letter in output[first:]) + (1,) * after


def _letters(equation: str) -> tuple[str, str, str]:
    """The letters of inputs, kernel and output."""
    for form in (r'(\w+),(\w+)->(\w+)', r'\.{3}(\w+),(\w+)->\.{3}(\w+)', r'(\w{2,})\.{3},(\w+)->(\w+)\.{3}'):
        if found := re.fullmatch(form, equation):
            return found[1], found[2], found[3]
    raise ArgumentError(
        f"Expected equation to be of the form 'ab,bc->ac', '...ab,bc->...ac' or 'ab...,bc->ac...', "
        f'received {equation!r}.'
    )


def product(equation: str, x: Array, kernel: Array) -> Array:
    """The einsum; where nothing is to be transposed, as the one product that it is, which traces faster.

    Of two axes each, where that is but another way of counting: its slopes are then not transposed either.
    """
    inputs, weights, output = _letters(equation)
    summed = [letter for letter in weights if letter in inputs]
    shared = any(letter in output for letter in summed)
    straight = ''.join(i for i in inputs if i not in summed) + ''.join(w for w in weights if w not in summed)
    if '...' in equation or shared or output != straight:
        return jnp.einsum(equation, x, kernel)
    if inputs.endswith(''.join(summed)) and weights.startswith(''.join(summed)):
        kept, made = x.shape[: x.ndim - len(summed)], kernel.shape[len(summed) :]
        terms = math.prod(kernel.shape[: len(summed)])
        outputs = core.product(lax.reshape(x, (*kept, terms)), lax.reshape(kernel, (terms, math.prod(made))))
        return lax.reshape(outputs, (*kept, *made))
    axes = tuple(inputs.index(s) for s in summed), tuple(weights.index(s) for s in summed)
    return lax.dot_general(x, kernel, (axes, ((), ())))


def _with_fans(initializer: Any, fan_in: list[int], fan_out: list[int]) -> Any:
    """An initializer that scales by fans, told which axes they are."""
    scales = isinstance(initializer, initializers.VarianceScaling)
    if not scales or (initializer.input_axes is not None and initializer.output_axes is not None):
        return initializer
    config = {**initializer.get_config(), 'seed': initializer.seed, 'input_axes': fan_in, 'output_axes': fan_out}
    return type(initializer).from_config(config)
