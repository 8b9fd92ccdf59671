"""`Layer`: weights made once, a `call` that reads like the formula, and what Keras programs expect around it."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache, wraps
from typing import Any, ClassVar, Self

import jax
import numpy as np
from jax.core import Tracer

from hefted import constraints, dtypes, initializers, regularizers, tree
from hefted.dtype_policies import DTypePolicy
from hefted.errors import ArgumentError, NotBuiltError, ShapeError
from hefted.layers.input_spec import InputSpec, check_inputs
from hefted.random import SeedGenerator
from hefted.utils.naming import auto_name, name_scope
from hefted.utils.serialization import register_builtin, serialize_keras_object
from hefted.variables import Array, Variable, autocast, current_scope

Shape = tuple[int | None, ...]


class CallContext(threading.local):
    """What holds for every layer called inside one step.

    Attributes:
        training: Given to each layer whose `call` takes `training`; None leaves the layer's own default.
        rows: float32 of shape (batch,), 1 for a real row and 0 for padding of a short batch; None if all are real.
        inside: Whether a layer is being called now, so that another's call is a part of it.
    """

    training: bool | None = None
    rows: Array | None = None
    inside: bool = False


context = CallContext()


class calling:
    """Within the block, layers are called with this `training` and these `rows`."""

    def __init__(self, training: bool | None = None, rows: Array | None = None) -> None:
        self.now = (training, rows)

    def __enter__(self) -> None:
        self.outer = (context.training, context.rows)
        context.training, context.rows = self.now

    def __exit__(self, *_: object) -> None:
        context.training, context.rows = self.outer


class Layer:
    """A function with weights.

    Args:
        activity_regularizer: Adds a loss on the layer's output.
        trainable: Whether its weights are.
        dtype: A dtype's or a policy's name ('float32', 'mixed_bfloat16').
        autocast: Whether floating inputs are cast to the compute dtype.
        name: Made up from the class if None.
        input_dim: The size of the last axis of a (batch, input_dim) input: the model can then be built at once.
        input_shape: The same without the batch axis, any rank.
        batch_shape: The same with the batch axis.

    Subclasses make weights in `build` with `add_weight` and say what they compute in `call`.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer='ones', name='factor')
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> Scale()(np.ones((2, 3))).shape
        (2, 3)
    """

    #: Whether a row of the output depends on that row of the input alone (the layer heeds `context.rows` if not).
    #: A short batch is then padded and masked. False, for layers written elsewhere, costs compile time only.
    rows_independent: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if 'build' in cls.__dict__:
            cls.build = _tracked(cls.build)
        if cls.__module__.startswith('hefted.layers'):
            register_builtin(cls, 'keras.layers')

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = super().__new__(cls)
        layer.__dict__['_init_arguments'] = (args, kwargs)
        return layer

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.dtype_policy = DTypePolicy.of(dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.built = False
        self.output_shape: Any = None
        self.supports_masking = False
        self.input_spec: InputSpec | None = None
        self._trainable = trainable
        self._own_weights: list[Variable] = []
        self._build_shape: Any = None
        self._building = False
        self._eager_losses: list[Array] = []
        self.batch_shape = _declared_batch_shape(kwargs)
        if kwargs:
            names = ', '.join(repr(key) for key in kwargs)
            raise ArgumentError(f'Unrecognized keyword arguments passed to {type(self).__name__}: {names}.')

    # Weights

    def build(self, input_shape: Any) -> None:
        """Make the weights; called once, with the shape of the first input (batch axis None)."""
        del input_shape
        self.built = True

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = 'none',
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a weight: glorot-uniform for floats, zeros for the rest, unless `initializer` says otherwise."""
        dtype = dtypes.standardize(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = 'glorot_uniform' if dtypes.is_float(dtype) else 'zeros'
        initializer = initializers.get(initializer) if isinstance(initializer, (str, dict, type)) else initializer
        shape = () if shape is None and callable(initializer) else shape
        # A layer may be built while a step is traced; its first value is an array all the same.
        with name_scope(self.name, self), jax.ensure_compile_time_eval():
            weight = Variable(initializer, shape, dtype, trainable, autocast, aggregation, name=name)
        weight.overwrite_with_gradient = overwrite_with_gradient
        weight.regularizer = regularizers.get(regularizer)
        weight.constraint = constraints.get(constraint)
        self._own_weights.append(weight)
        return weight

    def _sublayers(self) -> Iterator[Layer]:
        """Layers held in attributes, lists, tuples and dicts, in the order of their assignment."""
        seen = {id(self)}
        held = [v for name, v in self.__dict__.items() if name != '_init_arguments']
        for layer in _layers_in(held):
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer

    def flatten_layers(self) -> Iterator[Layer]:
        """This layer and all inside it, each once."""
        seen: set[int] = set()
        pending: list[Layer] = [self]
        while pending:
            layer = pending.pop(0)
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                pending[:0] = list(layer._sublayers())

    def _variables_here(self) -> Iterator[Variable]:
        seen: set[int] = set()
        held = (v for v in list(self.__dict__.values()) if isinstance(v, Variable))
        for variable in (*self._own_weights, *held):
            if id(variable) not in seen:
                seen.add(id(variable))
                yield variable

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.flatten_layers():
            layer._trainable = bool(value)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that optimizers update, each once."""
        found: dict[int, Variable] = {}
        if not self._trainable:
            return []
        for layer in self.flatten_layers():
            if layer._trainable:
                found.update((id(v), v) for v in layer._variables_here() if v.trainable)
        return list(found.values())

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All other variables: frozen weights, statistics, the states of seed generators."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def variables(self) -> list[Variable]:
        """Every variable, seed generators' states included."""
        found: dict[int, Variable] = {id(v): v for v in self.weights}
        for layer in self.flatten_layers():
            for value in list(layer.__dict__.values()):
                if isinstance(value, SeedGenerator):
                    found[id(value.state)] = value.state
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """Weights and statistics, layer by layer, trainable before not within a layer."""
        found: dict[int, Variable] = {}
        for layer in self.flatten_layers():
            own = sorted(layer._variables_here(), key=lambda v: not v.trainable)
            found.update((id(v), v) for v in own if id(v) not in found)
        return list(found.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trained]

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of the weights on the host."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from arrays in the order of `weights`.

        Raises:
            ShapeError: The number of arrays, or a shape, does not fit; nothing is set then.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ShapeError(
                f'Expected {len(own)} arrays for layer {self.name!r}, received {len(weights)}. '
                f'Its weights are {[v.path for v in own]}.'
            )
        for variable, value in zip(own, weights, strict=True):
            if tuple(np.shape(value)) != variable.shape:
                raise ShapeError(
                    f'Expected an array of shape {variable.shape} for {variable.path!r}, received {np.shape(value)}.'
                )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """The number of weights' elements."""
        if not self.built:
            raise NotBuiltError(f'Layer {self.name!r} has no weights yet: call it, or build it with a shape.')
        return sum(math.prod(v.shape) for v in self.weights)

    # Calling

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f'{type(self).__name__} has no call(): say there what the layer computes.')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args:
            args = (tree.map_structure(self._take, args[0]), *args[1:])
            check_inputs(self.input_spec, args[0], self.name)
            self._build_once(args[0])
            check_inputs(self.input_spec, args[0], self.name)
        if 'training' not in kwargs and _takes_training(type(self)) and context.training is not None:
            kwargs['training'] = context.training
        policy = self.dtype_policy
        outermost, context.inside = not context.inside, True
        if outermost and current_scope() is None and not _is_traced(args):
            for layer in self.flatten_layers():
                layer._eager_losses = []
        cast = autocast(policy.compute_dtype if policy.compute_dtype != policy.variable_dtype else None)
        try:
            with name_scope(self.name, self), cast:
                outputs = self.call(*args, **kwargs)
            if self.activity_regularizer is not None:
                for output in tree.flatten(outputs):
                    loss = self.activity_regularizer(output)
                    self.add_loss(loss / output.shape[0] if output.ndim else loss)  # a mean over rows, as Keras's
        finally:
            context.inside = not outermost
        return outputs

    def _take(self, value: Any) -> Any:
        if isinstance(value, Variable):
            value = value.value
        if isinstance(value, (np.ndarray, list, tuple, int, float)):
            value = np.asarray(value)
            value = jax.device_put(value.astype(dtypes.on_device(value.dtype), copy=False))
        if self.autocast and hasattr(value, 'dtype') and dtypes.is_float(value.dtype):
            return value if value.dtype == self.compute_dtype else value.astype(self.compute_dtype)
        return value

    def _build_once(self, inputs: Any) -> None:
        if self.built:
            return
        self.build_from_shape(tree.map_structure(lambda x: (None, *x.shape[1:]), inputs))

    def build_from_shape(self, input_shape: Any) -> None:
        """Build for a shape (batch axis None) and remember it."""
        self.build(input_shape)
        self._build_shape = input_shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for an input's, batch axis None: found by tracing `call`, nothing is computed."""
        probe = tree.map_structure(
            lambda s: jax.ShapeDtypeStruct(tuple(2 if d is None else d for d in s), self.compute_dtype),
            input_shape if isinstance(input_shape, dict) else tuple(input_shape),
        ) if _is_nested_shape(input_shape) else jax.ShapeDtypeStruct(
            tuple(2 if d is None else d for d in input_shape), self.compute_dtype
        )  # fmt: skip
        outputs = jax.eval_shape(self, probe)
        return tree.map_structure(lambda o: (None, *o.shape[1:]), outputs)

    # Losses

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the model's loss; inside `call`."""
        scope = current_scope()
        if scope is not None:
            scope.losses.append(loss)
        elif not _is_traced(loss):  # while only shapes are traced there is no loss
            self._eager_losses.append(loss)

    @property
    def losses(self) -> list[Array]:
        """Losses added by the last call outside a step, and the weights' regularizers."""
        found: list[Array] = []
        for layer in self.flatten_layers():
            found += layer._eager_losses
        return found + regularization_losses(self.trainable_variables)

    # Dtypes and configuration

    @property
    def compute_dtype(self) -> str:
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.dtype_policy.variable_dtype

    @property
    def dtype(self) -> str:
        return self.variable_dtype

    def get_config(self) -> dict[str, Any]:
        """What it takes to make the layer again: name, trainable, dtype, and each argument of its constructor."""
        config: dict[str, Any] = {
            'name': self.name,
            'trainable': self._trainable,
            'dtype': serialize_keras_object(self.dtype_policy),
        }
        for name in _own_arguments(type(self)):
            config[name] = serialize_keras_object(self._argument(name))
        return config

    def _argument(self, name: str) -> Any:
        if name in self.__dict__:
            return self.__dict__[name]
        arguments = self.__dict__['_init_arguments']
        bound = inspect.signature(type(self).__init__).bind(self, *arguments[0], **arguments[1])
        bound.apply_defaults()
        return bound.arguments[name]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from `get_config()`."""
        from hefted.utils.serialization import deserialize_keras_object

        taken = {k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items()}
        return cls(**taken)

    def get_build_config(self) -> dict[str, Any] | None:
        return None if self._build_shape is None else {'input_shape': self._build_shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        shape = config.get('input_shape')
        if shape is not None and not self.built:
            self.build_from_shape(tuple(shape) if isinstance(shape, list) else shape)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} name={self.name}, built={self.built}>'


def _tracked(build: Callable[..., None]) -> Callable[..., None]:
    """A `build` that says where its weights are and remembers that, and for what shape, it was called."""

    @wraps(build)
    def tracked(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self._building:  # a base class's, called from a subclass's
            build(self, *args, **kwargs)
            return
        self._building = True
        try:
            with name_scope(self.name, self):
                build(self, *args, **kwargs)
        finally:
            self._building = False
        self._build_shape = next(iter((*args, *kwargs.values())), None)
        self.built = True

    return tracked


def regularization_losses(variables: Sequence[Variable]) -> list[Array]:
    """One loss for each variable that has a regularizer."""
    return [v.regularizer(v.value) for v in variables if v.regularizer is not None]


def _is_traced(structure: Any) -> bool:
    return any(isinstance(leaf, Tracer) for leaf in tree.flatten(structure))


def _layers_in(value: Any) -> Iterator[Layer]:
    if isinstance(value, Layer):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _layers_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _layers_in(item)


def _declared_batch_shape(kwargs: dict[str, Any]) -> Shape | None:
    if (shape := kwargs.pop('batch_shape', None)) is not None:
        return tuple(shape)
    if (shape := kwargs.pop('input_shape', None)) is not None:
        return (None, *shape)
    if (size := kwargs.pop('input_dim', None)) is not None:
        return (None, int(size))
    return None


def _is_nested_shape(shape: Any) -> bool:
    return isinstance(shape, dict) or any(isinstance(d, (tuple, list)) for d in shape)


@cache
def _takes_training(cls: type[Layer]) -> bool:
    return 'training' in inspect.signature(cls.call).parameters


@cache
def _own_arguments(cls: type[Layer]) -> tuple[str, ...]:
    base = {'self', 'name', 'trainable', 'dtype'}
    parameters = inspect.signature(cls.__init__).parameters.values()
    skip = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return tuple(p.name for p in parameters if p.name not in base and p.kind not in skip)
