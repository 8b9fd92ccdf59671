"""`BertModel`: what the backbone and the models with heads share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefted.data.arrays import host_array
from hefted.errors import ArgumentError, UnknownNameError, unknown_name
from hefted.models.bert.checking import require_rows
from hefted.models.bert.logits import warn_of_logits
from hefted.models.model import Model
from hefted.shape_tracing import trace_shapes
from hefted.variables import Array

#: What a backbone takes: (batch, length) of whole numbers each.
INPUTS = ('token_ids', 'segment_ids', 'padding_mask', 'position_ids', 'packing_ids')
# What transformers calls them.
_OF_TRANSFORMERS = {'input_ids': 'token_ids', 'attention_mask': 'padding_mask', 'token_type_ids': 'segment_ids'}


class BertModel(Model):
    """A model that takes a dict of arrays, or the token ids alone, and knows its sizes before it has weights."""

    #: What it takes.
    input_names: tuple[str, ...] = INPUTS
    #: Whether several texts may share a row: not where a row has one result.
    takes_packed: bool = True
    #: The `config.json` that it was read with, if it was: what is written keeps what it says beside the sizes.
    config_read: str = ''
    _config_tells_frozen = True

    @property
    def rows_independent(self) -> bool:
        return True

    def _counted(self) -> int:
        """How many parameters it will have."""
        raise NotImplementedError

    @property
    def gives_logits(self) -> bool:
        """Whether its outputs are logits, of which a loss has to know."""
        return False

    def begin_objective(self) -> None:
        """Forget what the losses and metrics were made for, and see whether the losses fit what the model gives."""
        super().begin_objective()
        if self.gives_logits and self._compile_arguments is not None:
            warn_of_logits(self, self._compile_arguments['loss'])

    def count_params(self) -> int:
        """The number of parameters; before there are any, by their shapes: nothing is allocated."""
        return super().count_params() if self.built else self._counted()

    def named_inputs(self, inputs: Any) -> dict[str, Array]:
        """The inputs by name, lists of numbers as arrays.

        Raises:
            ArgumentError: There are no token ids, or rows of several texts for a model that gives one result a row.
            DataError: Numbers that the model's tables have no rows for.
            UnknownNameError: Something that the model does not take.
        """
        named: Mapping[str, Any] = inputs if isinstance(inputs, Mapping) else {'token_ids': inputs}
        unknown = [name for name in named if name not in self.input_names]
        if any(name in _OF_TRANSFORMERS for name in unknown):
            raise self._named_otherwise(unknown)
        if unknown:
            raise unknown_name(f'input of {type(self).__name__}', unknown[0], self.input_names)
        if 'token_ids' not in named:
            raise ArgumentError(f"Expected inputs with 'token_ids', received {sorted(named)}.")
        given = {name: x if hasattr(x, 'shape') else host_array(name, x) for name, x in named.items()}
        if 'packing_ids' in given and not self.takes_packed:
            raise ArgumentError(
                f'Expected one text in each row for {type(self).__name__}, which gives one result a row, received '
                "'packing_ids'. Give each text a row of its own, without them."
            )
        require_rows(given, self._rows_for(given['token_ids']))
        return given

    def _named_otherwise(self, unknown: list[Any]) -> UnknownNameError:
        pairs = {name: _OF_TRANSFORMERS[name] for name in unknown if name in _OF_TRANSFORMERS}
        renamed = ', '.join(f'{ours!r} for {theirs!r}' for theirs, ours in pairs.items())
        return UnknownNameError(
            f'Unknown input of {type(self).__name__}: {", ".join(map(repr, pairs))}. These are names of transformers: '
            f'write {renamed}.'
        )

    def entered(self, inputs: Any) -> Any:
        """Data as it is, all of it seen to have rows in the model's tables."""
        self.named_inputs(inputs)
        return super().entered(inputs)

    def meet(self, data: Any) -> None:
        """See that a data set's tokenizer, where it has one, is this model's, and that it has places for its texts.

        Raises:
            ArgumentError: It is another's, or a text is longer.
        """
        tokenizer = getattr(data, 'tokenizer', None)
        if callable(getattr(tokenizer, 'vocabulary_size', None)):
            from hefted.text.checking import check_length, check_tokenizer

            check_tokenizer(tokenizer, self._backbone)
            check_length(data, self._backbone)

    @property
    def _backbone(self) -> Any:
        return getattr(self, 'backbone', self)

    def _rows_for(self, token_ids: Any) -> dict[str, tuple[str, int]]:
        """What the numbers of each input are below."""
        of = self._backbone
        sizes = {
            name: (called, getattr(of, called))
            for name, called in (
                ('token_ids', 'vocabulary_size'),
                ('segment_ids', 'num_segments'),
                ('position_ids', 'max_sequence_length'),
            )
        }
        length = token_ids.shape[1:2] if hasattr(token_ids, 'shape') else ()
        return sizes if not length or length[0] is None else {**sizes, 'mask_positions': ('length', length[0])}

    def get_build_config(self) -> dict[str, Any] | None:
        return {'input_shape': None} if self.built else None

    def build_from_shape(self, input_shape: Any) -> None:
        self.build(input_shape)

    def build_from_config(self, config: dict[str, Any]) -> None:
        if config and not self.built:
            self.build(None)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return trace_shapes(self.call, args, kwargs, by_rows=True)
