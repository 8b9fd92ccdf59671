"""`BertModel`: what the backbone and the models with heads share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefted.errors import ArgumentError, unknown_name
from hefted.models.model import Model
from hefted.shape_tracing import trace_shapes
from hefted.variables import Array

#: What a backbone takes: (batch, length) of whole numbers each.
INPUTS = ('token_ids', 'segment_ids', 'padding_mask', 'position_ids', 'packing_ids')


class BertModel(Model):
    """A model that takes a dict of arrays, or the token ids alone, and knows its sizes before it has weights."""

    #: What it takes.
    input_names: tuple[str, ...] = INPUTS

    @property
    def rows_independent(self) -> bool:
        return True

    def _counted(self) -> int:
        """How many parameters it will have."""
        raise NotImplementedError

    def count_params(self) -> int:
        """The number of parameters; before there are any, by their shapes: nothing is allocated."""
        return super().count_params() if self.built else self._counted()

    def named_inputs(self, inputs: Any) -> dict[str, Array]:
        """The inputs by name.

        Raises:
            ArgumentError: There are no token ids.
            UnknownNameError: Something that the model does not take.
        """
        if not isinstance(inputs, Mapping):
            return {'token_ids': inputs}
        for name in inputs:
            if name not in self.input_names:
                raise unknown_name(f'input of {type(self).__name__}', name, self.input_names)
        if 'token_ids' not in inputs:
            raise ArgumentError(f"Expected inputs with 'token_ids', received {sorted(inputs)}.")
        return dict(inputs)

    def get_build_config(self) -> dict[str, Any] | None:
        return {'input_shape': None} if self.built else None

    def build_from_shape(self, input_shape: Any) -> None:
        self.build(input_shape)

    def build_from_config(self, config: dict[str, Any]) -> None:
        if config and not self.built:
            self.build(None)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return trace_shapes(self.call, args, kwargs, by_rows=True)
