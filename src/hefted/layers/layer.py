"""`Layer`: weights made once, a `call` that reads like the formula, and what Keras programs expect around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, ClassVar

import jax
import numpy as np
from jax.core import Tracer

from hefted import constraints, dtype_policies, dtypes, initializers, regularizers, tree
from hefted.errors import ArgumentError, NotBuiltError, ShapeError, unknown_arguments
from hefted.layers.calling import Arguments, call_in_step, calling, context
from hefted.layers.configuring import Configured, checked_name, declared_batch_shape
from hefted.layers.input_spec import check_inputs
from hefted.layers.mask_passing import MaskPassing
from hefted.layers.telling import only_tensors, tell_where, told
from hefted.layers.tracking import Tracked
from hefted.masks import get_mask, set_mask
from hefted.operation import Node, Operation, signature_of
from hefted.shape_tracing import trace_shapes
from hefted.symbolic import KerasTensor, any_symbolic
from hefted.utils.naming import auto_name, name_scope
from hefted.utils.serialization import register_builtin
from hefted.variables import Array, Variable, autocast, autocasting, bind, current_scope, outside

__all__ = ['Layer', 'calling', 'context', 'regularization_losses']

Shape = tuple[int | None, ...]


class Layer(Tracked, Configured, MaskPassing, Operation):
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
        self.name = auto_name(type(self).__name__) if name is None else checked_name(name)
        self._dtype_policy = dtype_policies.get(dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.built = False
        self.output_shape: Any = None
        self.supports_masking = type(self).compute_mask is not MaskPassing.compute_mask
        self.input_spec: Any = None
        self._trainable = trainable
        self._own_weights: list[Variable] = []
        self._build_shape: Any = None
        self._build_shapes: Any = None
        self._building = False
        self._eager_losses: list[Array] = []
        self._path: str | None = None
        self.batch_shape = declared_batch_shape(kwargs)
        if kwargs:
            raise unknown_arguments(self, kwargs, 'input_dim', 'input_shape', 'batch_shape')

    # Weights

    def build(self, input_shape: Any) -> None:
        """Make the weights; called once, with the shape of the first input (batch axis None)."""
        self._build_shape = input_shape
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
        self._check_super_called()
        dtype = dtypes.standardize(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = 'glorot_uniform' if dtypes.is_float(dtype) else 'zeros'
        initializer = initializers.get(initializer) if isinstance(initializer, (str, dict, type)) else initializer
        shape = () if shape is None and callable(initializer) else shape
        if shape is not None and None in shape:
            raise ShapeError(
                f'Expected fixed sizes for {name or "a weight"!r} of layer {self.name!r}, received {tuple(shape)}: it '
                'follows from an axis of the input whose size is None. Give Input that size, such as Input((10,)).'
            )
        # A layer may be built while a step is traced; its first value is an array all the same.
        with name_scope(self.name, self), jax.ensure_compile_time_eval():
            weight = Variable(initializer, shape, dtype, trainable, autocast, aggregation, name=name)
        weight.trainable = weight.made_trainable and self._trainable
        weight.overwrite_with_gradient = overwrite_with_gradient
        weight.regularizer = regularizers.get(regularizer)
        weight.constraint = constraints.get(constraint)
        self._own_weights.append(weight)
        return weight

    # Calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check_super_called()
        given = args, kwargs
        args, kwargs = self._taken(args), self._taken(kwargs)
        if not self._takes_anything:
            only_tensors(self, args)
        said = kwargs.get('training') if _takes(type(self), 'training') else kwargs.pop('training', None)
        arguments = Arguments(type(self).call, self, args, kwargs)
        check_inputs(self.input_spec, arguments.first, self.name)
        symbolic = any_symbolic(args, kwargs)
        if symbolic:
            self.make_first_call()
        self._build_once(arguments)
        outermost, context.inside = not context.inside, True
        training = context.training
        try:
            self._choose_training(said, arguments, kwargs)
            mask = self._fill_masks(arguments, kwargs)
            if outermost and not symbolic and current_scope() is None and not _is_traced(args):
                for layer in self.flatten_layers():
                    layer._eager_losses = []
            # As in Keras, a layer that does not cast leaves off what casts around it; alone it reads as others do.
            casts = self.compute_dtype != self.variable_dtype and (self.autocast or not autocasting())
            cast = autocast(self.compute_dtype if casts else None)
            with name_scope(self.name, self), cast:
                outputs = (self.compute_output_spec if symbolic else self.forward)(*args, **kwargs)
            self.built = True
            if not symbolic:
                self._regularize(outputs)
            self._pass_mask_on(arguments.first, outputs, mask, symbolic)
        except Exception as error:
            tell_where(error, self, arguments)
            raise
        finally:
            context.inside = not outermost
            if outermost:  # as in Keras, what one layer is told holds for those after it, to the end of the call
                context.training = training
        if symbolic:
            if outputs is None:
                raise ArgumentError(f'Expected outputs from call of {told(self)}, received None: has it a `return`?')
            Node(self, *given, outputs)
        return outputs

    #: Whether what is not a tensor may be passed by position.
    _takes_anything: ClassVar[bool] = False

    def _taken(self, structure: Any) -> Any:
        """Arrays as the device's, in the compute dtype."""
        if isinstance(structure, tuple) and len(structure) == 1 and isinstance(structure[0], jax.Array):
            return (self._take(structure[0]),)  # the most common case, without a walk
        return tree.map_structure(self._take, structure)

    def _take(self, value: Any) -> Any:
        if isinstance(value, KerasTensor):
            return self._take_symbolic(value)
        if isinstance(value, Variable):
            value = value.value
        elif hasattr(value, '__array__') and not isinstance(value, jax.Array):
            value = np.asarray(value)
            if value.dtype.kind in 'USOT':
                raise ArgumentError(
                    f'Expected numbers for layer {self.name!r}, received an array of dtype {value.dtype}. '
                    'Encode words first, as StringLookup, Hashing or TextVectorization do.'
                )
            value = jax.device_put(value.astype(dtypes.on_device(value.dtype), copy=False))
        if self.autocast and hasattr(value, 'dtype') and dtypes.is_float(value.dtype):
            if value.dtype == self.compute_dtype or not dtypes.is_float(self.compute_dtype):
                return value
            mask = get_mask(value)
            value = value.astype(self.compute_dtype)
            set_mask(value, mask)
        return value

    def _take_symbolic(self, value: KerasTensor) -> KerasTensor:
        dtype = self.compute_dtype
        if not self.autocast or value.dtype == dtype or not (dtypes.is_float(value.dtype) and dtypes.is_float(dtype)):
            return value
        cast = KerasTensor(value.shape, dtype, record_history=value.record_history, name=value.name)
        cast.history, cast._keras_mask = value.history, value._keras_mask
        return cast

    def _build_once(self, arguments: Arguments) -> None:
        if self.built:
            return
        with name_scope(self.name, self) as self._path, outside():
            self.build(**arguments.shapes_for(type(self).build, self))
        check_inputs(self.input_spec, arguments.first, self.name)

    def _choose_training(self, said: bool | None, arguments: Arguments, kwargs: dict[str, Any]) -> None:
        """Tell `call` whether it trains: as said here, else by the call around, else by its own default."""
        if context.apart is self:
            context.apart = None
            return
        training = context.training if said is None else said
        if training is None:
            training = arguments.given.get('training')
        context.training = training
        if training is not None and _takes(type(self), 'training'):
            kwargs['training'] = training

    def _regularize(self, outputs: Any) -> None:
        if self.activity_regularizer is not None:
            for output in tree.flatten(outputs):
                loss = self.activity_regularizer(output)
                self.add_loss(loss / output.shape[0] if output.ndim else loss)  # a mean over rows, as Keras's

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs: by a subclass's `compute_output_shape`, else by tracing `call`."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return trace_shapes(self.call, args, kwargs, by_rows=bool(self.rows_independent))
        arguments = Arguments(type(self).call, self, args, kwargs)
        shape = self.compute_output_shape(**arguments.shapes_for(type(self).compute_output_shape, self))
        return map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for an input's, None where a size is not known: found by tracing, nothing is computed."""
        with name_scope(self.name, self):
            outputs = self.symbolic_outputs(map_shapes(lambda s: KerasTensor(s, self.compute_dtype), input_shape))
        return tree.map_structure(lambda o: o.shape, outputs)

    def symbolic_outputs(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic outputs of a call that is not remembered."""
        self.make_first_call()
        nodes = len(self._inbound_nodes)
        outputs = self(*args, **kwargs)
        del self._inbound_nodes[nodes:]
        return outputs

    def build_from_shape(self, input_shape: Any) -> None:
        """Build for a shape (batch axis None) and remember it."""
        self.build(input_shape)
        self._build_shape = input_shape

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer as a pure function of its variables' values.

        Args:
            trainable_variables: Values of `trainable_variables`, in their order.
            non_trainable_variables: Values of `non_trainable_variables`.
            *args: For `call`.
            return_losses: Whether to return the losses added as well.
            **kwargs: For `call`.

        Returns:
            (outputs, non-trainable values after it), and the losses where asked for.

        Raises:
            NotBuiltError: It has no weights yet.
            ArgumentError: Another number of values.
        """
        if not self.built:
            raise NotBuiltError(f'To use stateless_call, build layer {self.name!r} first: call it on some data.')
        groups = self.trainable_variables, self.non_trainable_variables
        for kind, own, values in zip(
            ('trainable_variables', 'non_trainable_variables'), groups,
            (trainable_variables, non_trainable_variables), strict=True,
        ):  # fmt: skip
            if len(own) != len(values):
                raise ArgumentError(
                    f'Expected {kind} with {len(own)} values for {self.name!r}, received {len(values)}. '
                    f'Pass one for each of layer.{kind}.'
                )
        given = (v.value if isinstance(v, Variable) else v for v in (*trainable_variables, *non_trainable_variables))
        with bind(groups[0] + groups[1], list(given)) as scope:
            training = kwargs.pop('training', context.training)
            outputs = call_in_step(self, *args, training=training, rows=context.rows, **kwargs)
            losses = [*(loss for _, loss in scope.added), *regularization_losses(groups[0])] if return_losses else []
        rest = scope.values(groups[1])
        return (outputs, rest, losses) if return_losses else (outputs, rest)

    # Losses

    def add_loss(self, loss: Any) -> None:
        """Add a scalar, or several, to the model's loss; inside `call`."""
        scope = current_scope()
        for one in tree.flatten(loss):
            if scope is not None:
                scope.added.append((self, one))
            elif not _is_traced(one):  # while only shapes are traced there is no loss
                self._eager_losses.append(one)

    @property
    def losses(self) -> list[Array]:
        """Losses added in this step, or by the last call outside one, and the weights' regularizers."""
        layers = list(self.flatten_layers())
        if (scope := current_scope()) is not None:
            own = {id(layer) for layer in layers}
            added = [loss for owner, loss in scope.all_losses() if id(owner) in own]
        else:
            added = [loss for layer in layers for loss in layer._eager_losses]
        return added + regularization_losses(self.trainable_variables)

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
            with name_scope(self.name, self) as self._path:
                build(self, *args, **kwargs)
        finally:
            self._building = False
        shapes = signature_of(build).bind(self, *args, **kwargs).arguments
        del shapes['self']
        self._build_shape = next(iter(shapes.values()), None) if len(shapes) == 1 else None
        self._build_shapes = shapes if len(shapes) > 1 else None
        self.built = True

    return tracked


def regularization_losses(variables: Sequence[Variable]) -> list[Array]:
    """One loss for each variable that has a regularizer."""
    return [v.regularizer(v.value) for v in variables if v.regularizer is not None]


def _is_traced(structure: Any) -> bool:
    return any(isinstance(leaf, Tracer) for leaf in tree.flatten(structure))


def map_shapes(function: Callable[[Shape], Any], shape: Any) -> Any:
    """Apply to each shape of a structure: a tuple or list of sizes is a shape."""
    if isinstance(shape, dict):
        return {key: map_shapes(function, each) for key, each in shape.items()}
    if any(isinstance(size, (tuple, list, dict)) for size in shape):
        return type(shape)(map_shapes(function, each) for each in shape)
    return function(tuple(shape))


@cache
def _takes(cls: type[Layer], argument: str) -> bool:
    parameters = signature_of(cls.call).parameters
    return argument in parameters
