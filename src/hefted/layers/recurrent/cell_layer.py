"""What SimpleRNN, LSTM and GRU share: a layer that speaks for the cell inside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from hefted.errors import ArgumentError
from hefted.layers.input_spec import InputSpec
from hefted.layers.recurrent.cell import RecurrentCell
from hefted.layers.recurrent.rnn import RNN
from hefted.utils.serialization import serialize_keras_object

_OF_CELL = (
    'units', 'activation', 'use_bias', 'kernel_initializer', 'recurrent_initializer', 'bias_initializer',
    'kernel_regularizer', 'recurrent_regularizer', 'bias_regularizer', 'kernel_constraint', 'recurrent_constraint',
    'bias_constraint', 'dropout', 'recurrent_dropout',
)  # fmt: skip
_OF_RNN = ('return_sequences', 'return_state', 'go_backwards', 'stateful', 'unroll', 'zero_output_for_mask')


class CellLayer(RNN):
    """An RNN with a cell of our own.

    Args:
        cell: The cell, made from the arguments that are its.
        use_cudnn: 'auto', True or False: taken for Keras's sake, the loop is XLA's everywhere.
        **options: See `RNN`.
    """

    cell: RecurrentCell
    #: What Keras leaves out of the config of the layer, though it is in the cell's.
    not_in_config: ClassVar[tuple[str, ...]] = ()

    def __init__(self, cell: RecurrentCell, use_cudnn: Any = 'auto', **options: Any) -> None:
        super().__init__(cell, **options)
        if use_cudnn not in ('auto', True, False):
            raise ArgumentError(f"Expected use_cudnn to be 'auto', True or False, received {use_cudnn!r}.")
        self.use_cudnn = use_cudnn
        self.input_spec = InputSpec(ndim=3)

    def __init_subclass__(cls, more: tuple[str, ...] = (), **kwargs: Any) -> None:
        """Let the layer answer for its cell: `layer.units` is `layer.cell.units`.

        Args:
            more: Arguments of this cell beyond those that all share.
            **kwargs: For the classes above.
        """
        super().__init_subclass__(**kwargs)
        for name in (*_OF_CELL, *more):
            setattr(cls, name, property(_of_cell(name)))

    def get_config(self) -> dict[str, Any]:
        """The layer's own arguments and the cell's."""
        of_cell = self.cell.get_config()
        return {
            'name': self.name,
            'trainable': self._trainable,
            'dtype': of_cell['dtype'],
            'activity_regularizer': serialize_keras_object(self.activity_regularizer),
            **{name: getattr(self, name) for name in _OF_RNN},
            **{k: v for k, v in of_cell.items() if k not in ('name', 'trainable', 'dtype', *self.not_in_config)},
        }


def _of_cell(name: str) -> Callable[[CellLayer], Any]:
    return lambda layer: getattr(layer.cell, name)
