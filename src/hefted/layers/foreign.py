"""Layers and modules of other libraries as layers of ours: Keras 3's (on JAX) and Flax's (NNX).

Nothing is imported for it: who has an instance has imported its library already.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import jax

from hefted import dtypes, tree
from hefted.errors import ArchiveError, ArgumentError
from hefted.layers import long_tail
from hefted.layers.calling import Arguments, context
from hefted.layers.layer import Layer
from hefted.shape_tracing import rows_unknown
from hefted.utils.naming import name_scope
from hefted.utils.passages import keras_room, require_jax
from hefted.utils.serialization import set_fallback
from hefted.variables import Array, Variable, outside


def adopt(thing: Any) -> Any:
    """A layer of ours around one of Keras's or Flax's; anything else as it is."""
    if is_a(thing, 'keras', 'Layer'):
        return _around(thing)
    return FlaxLayer(thing) if is_a(thing, 'flax.nnx', 'Module') else thing


def is_a(thing: Any, module: str, name: str) -> bool:
    """Whether it is of a class of a library that was imported already."""
    cls = getattr(sys.modules.get(module), name, None)
    return isinstance(cls, type) and isinstance(thing, cls)


class BorrowedVariable(Variable):
    """A variable of Keras's: the same array under another handle."""

    def __init__(self, theirs: Any) -> None:
        self.theirs = theirs
        self.name, self.path = theirs.name, theirs.path
        self.trainable = self.made_trainable = bool(theirs.trainable)
        self.dtype = dtypes.standardize(theirs.dtype)
        self.shape: tuple[int, ...] = tuple(theirs.shape)
        self.ndim = len(self.shape)
        self.autocast = self.overwrite_with_gradient = False  # Keras's layers see to their own casts
        self.regularizer, self.constraint = theirs.regularizer, theirs.constraint

    @property
    def _value(self) -> Array:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.theirs._value

    @_value.setter
    def _value(self, value: Array) -> None:
        self.theirs._value = value


class KerasLayer(Layer):
    """A layer of Keras 3's, in a model of ours; `Sequential` and functional models put it around by themselves.

    Its weights stay Keras's, and are trained in place.

    Args:
        layer: The Keras layer; Keras runs on its JAX back end.

    Raises:
        ArgumentError: Keras runs on another back end.
    """

    def __init__(self, layer: Any) -> None:
        require_jax()
        super().__init__(name=layer.name, autocast=False, trainable=layer.trainable)
        self.theirs = layer
        self._rest: list[BorrowedVariable] = []
        self.supports_masking = bool(layer.supports_masking)
        self.built = bool(layer.built)
        if self.built:
            self._borrow()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(_is_text(leaf) for leaf in tree.flatten(args)):  # a look-up of words, outside any step
            return self.theirs(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # `adapt`, `get_vocabulary` and the like are Keras's.
        if name.startswith('_') or 'theirs' not in self.__dict__:
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')
        return getattr(self.theirs, name)

    def _choose_training(self, said: bool | None, arguments: Arguments, kwargs: dict[str, Any]) -> None:
        if said is None and context.training is None:  # Keras's augmentations work unless they are told not to
            said = self._training_by_default()
        super()._choose_training(said, arguments, kwargs)

    def _training_by_default(self) -> bool | None:
        found = inspect.signature(self.theirs.call).parameters.get('training')
        return found.default if found is not None and isinstance(found.default, bool) else None

    def _build_once(self, arguments: Arguments) -> None:
        if self.built:
            return
        if not self.theirs.built:
            symbolic = sys.modules['keras'].KerasTensor
            rows = (None,) if rows_unknown() else ()
            given = (arguments.given['inputs'], *arguments.given['others'])
            specs = tree.map_structure(
                lambda x: symbolic((*rows, *x.shape[len(rows) :]), dtypes.standardize(x.dtype)), given
            )
            with name_scope(self.name, self), outside():
                self.theirs(*specs)
        self._borrow()

    def _borrow(self) -> None:
        trained, rest = self.theirs.trainable_variables, self.theirs.non_trainable_variables
        self._trained = [BorrowedVariable(v) for v in trained]
        self._rest = [BorrowedVariable(v) for v in rest]
        counted = {id(v) for v in self.theirs.weights}
        self._own_weights = [v for v in (*self._trained, *self._rest) if id(v.theirs) in counted]

    def _variables_here(self) -> Iterator[Variable]:
        yield from self._own_weights

    def _carried(self) -> Iterator[Variable]:
        counted = {id(v) for v in self._own_weights}
        yield from (v for v in self._rest if id(v) not in counted)

    def call(self, inputs: Any, *others: Any, training: bool | None = None, mask: Any = None) -> Any:
        takes = inspect.signature(self.theirs.call).parameters
        said = {'training': training, 'mask': mask}
        said = {name: value for name, value in said.items() if name in takes and value is not None}
        outputs, rest, losses = self.theirs.stateless_call(
            [v.value for v in self._trained], [v.value for v in self._rest], inputs, *others, return_losses=True, **said
        )
        for variable, value in zip(self._rest, rest, strict=True):
            variable.assign(value)
        # The weights' regularizers are among them; the model adds those of all weights itself.
        own = len([v for v in self._trained if v.regularizer is not None])
        for loss in losses[: len(losses) - own] if own else losses:
            self.add_loss(loss)
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return self.theirs.compute_mask(inputs, previous_mask)

    def serialized(self) -> dict[str, Any]:
        """Its config as Keras writes it, so that Keras opens the archive as it is."""
        return sys.modules['keras'].saving.serialize_keras_object(self.theirs)


class _Named(KerasLayer):
    """The base of the layers that are Keras's by name too: `layers.RandomFlip('horizontal')`."""

    _keras_name: str

    def __init_subclass__(cls, named: bool = False, **kwargs: Any) -> None:
        if not named:
            name = cls.__mro__[1].__name__
            raise ArgumentError(
                f'{cls.__name__} cannot be derived from layers.{name}, which is taken from Keras itself. '
                f'Derive it from keras.layers.{name}: its instances go into a model as they are.'
            )
        super().__init_subclass__(**kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(self._keras_class()(*args, **kwargs))

    @classmethod
    def _keras_class(cls) -> Any:
        return getattr(keras_room('layers'), cls._keras_name)

    @classmethod
    def around(cls, layer: Any) -> KerasLayer:
        """One around a layer that is there."""
        self = cls.__new__(cls)
        KerasLayer.__init__(self, layer)
        return self

    def get_config(self) -> dict[str, Any]:
        return self.theirs.get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> KerasLayer:
        del custom_objects
        return cls.around(cls._keras_class().from_config(config))


_named: dict[str, type[_Named]] = {}


def from_keras(name: str) -> type[_Named]:
    """The class of Keras's layers of a name, as layers of ours; keras is imported when one is made.

    Making one raises ArgumentError when keras is not installed, or runs on another back end.
    """
    if name not in _named:
        # Not of the room `layers`: what a file names is made by Keras, in its safe mode (`_read`).
        told = {'_keras_name': name, '__doc__': f'keras.layers.{name} in a layer of ours.', '__module__': 'hefted'}
        _named[name] = type(name, (_Named,), told, named=True)
    return _named[name]


def _around(layer: Any) -> KerasLayer:
    """A layer of Keras's in one of ours, of its own class where that has a name here."""
    name = type(layer).__name__
    if name in long_tail.NAMES and type(layer) is getattr(sys.modules['keras'].layers, name, None):
        return from_keras(name).around(layer)
    return KerasLayer(layer)


_KERAS_S_ROOMS = ('keras.layers', 'keras.src.layers')


def _read(config: dict[str, Any]) -> Any:
    """A layer that is not ours, from an archive: made by Keras where Keras is imported, in its safe mode; or None."""
    keras = sys.modules.get('keras')
    name = config.get('class_name')
    if keras is None or config.get('module') not in _KERAS_S_ROOMS or not isinstance(name, str):
        return None
    cls = getattr(keras.layers, name, None)
    if not isinstance(cls, type) or not issubclass(cls, keras.Layer):
        return None
    try:
        return _around(keras.saving.deserialize_keras_object(config, safe_mode=True))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ArchiveError(f'Keras cannot make its layer {name!r} from the file: {error}') from error


set_fallback(_read)


def borrowed_weights(layer: Any) -> list[Variable]:
    """The variables that a layer of Keras's holds itself."""
    return [BorrowedVariable(v) for v in (*layer._trainable_variables, *layer._non_trainable_variables)]


def borrowed_parts(layer: Any) -> list[tuple[str, Any]]:
    """What a layer of Keras's holds in attributes and properties of its own, in Keras's order."""
    skipped = {*dir(sys.modules['keras'].Layer()), 'operations', '_operations', '_functional'}
    names = sorted({*dir(layer)} - skipped, key=lambda name: (name.startswith('_'), name))
    if 'layers' in names:
        names.sort(key=lambda name: name != 'layers')
    parts: list[tuple[str, Any]] = []
    for name in names:
        with contextlib.suppress(Exception):  # a property that cannot be read yet holds nothing yet
            parts.append((name, getattr(layer, name)))
    return parts


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes)) or getattr(getattr(value, 'dtype', None), 'kind', '') in ('U', 'S', 'O', 'T')


class FlaxLayer(Layer):
    """A Flax NNX module, in a model of ours.

    Its parameters (`nnx.Param`) are trained; what else it holds (statistics, counts of random streams) is carried
    along. `write_back` puts the values into the module.

    Args:
        module: The module; it is called with one batch of inputs.
        name: Made up from the module's class if None.
    """

    def __init__(self, module: Any, name: str | None = None) -> None:
        super().__init__(name=name or type(module).__name__.lower())
        self.module = module
        self._graphs = {training: self._split(training)[0] for training in (True, False)}
        _, params, rest = self._split(False)
        self._leaves: list[Any] = []
        for state, trainable in ((params, True), (rest, False)):
            leaves, structure = jax.tree.flatten(state)
            held = [self._held(leaf, trainable, number) for number, leaf in enumerate(leaves)]
            self._leaves.append((structure, held))
        self.built = True

    def _split(self, training: bool) -> Any:
        nnx = sys.modules['flax.nnx']
        module = nnx.clone(self.module)
        (module.train if training else module.eval)()
        return nnx.split(module, nnx.Param, ...)

    def _held(self, leaf: Any, trainable: bool, number: int) -> Any:
        """A variable for numbers; keys of random streams never change and stay as they are."""
        if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return leaf
        variable = Variable(leaf, trainable=trainable, name=f'{"param" if trainable else "state"}_{number}')
        self._own_weights.append(variable)
        return variable

    def _variables_here(self) -> Iterator[Variable]:
        yield from self._own_weights

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        nnx = sys.modules['flax.nnx']
        states = [structure.unflatten([_value(h) for h in held]) for structure, held in self._leaves]
        module = nnx.merge(self._graphs[bool(training)], *states)
        outputs = module(inputs)
        _, _, rest = nnx.split(module, nnx.Param, ...)
        for held, value in zip(self._leaves[1][1], jax.tree.leaves(rest), strict=True):
            if isinstance(held, Variable):
                held.assign(value)
        return outputs

    def write_back(self) -> None:
        """Put the trained values into the module."""
        nnx = sys.modules['flax.nnx']
        for structure, held in self._leaves:
            nnx.update(self.module, structure.unflatten([_value(h) for h in held]))


def _value(held: Any) -> Any:
    return held.value if isinstance(held, Variable) else held
