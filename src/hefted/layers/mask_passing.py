"""How masks go through a layer: into its `call`, and on with its outputs."""

from __future__ import annotations

import warnings
from typing import Any

from hefted import tree
from hefted.layers.calling import Arguments
from hefted.masks import get_mask, set_mask
from hefted.shape_tracing import trace_shapes


class MaskPassing:
    """What a layer does with masks."""

    name: str
    supports_masking: bool

    def _fill_masks(self, arguments: Arguments, kwargs: dict[str, Any]) -> Any:
        """Give `call` the masks of its tensors; returns that of the first."""
        if len(arguments.tensors) == 1:
            if arguments.given.get('mask', ...) is None:
                (tensor,) = arguments.tensors.values()
                kwargs['mask'] = tree.map_structure(get_mask, tensor)
        else:
            for name, value in arguments.tensors.items():
                if arguments.given.get(f'{name}_mask', ...) is None:
                    kwargs[f'{name}_mask'] = tree.map_structure(get_mask, value)
        if kwargs.get('mask') is not None:
            return kwargs['mask']
        return tree.map_structure(get_mask, arguments.first)

    def _pass_mask_on(self, inputs: Any, outputs: Any, mask: Any, symbolic: bool) -> None:
        """Let the outputs carry the mask that this layer makes of its input's."""
        some = any(m is not None for m in tree.flatten(mask))
        if not self.supports_masking:
            if some:
                warnings.warn(
                    f'Layer {self.name!r} ({type(self).__name__}) was passed an input with a mask and does not support '
                    'masking: the layers after it do not see the mask. Set supports_masking=True if it should go on.',
                    stacklevel=3,
                )
            return
        own = type(self).compute_mask is not MaskPassing.compute_mask
        flat = tree.flatten(outputs)
        if not (some or own) or (flat and all(get_mask(x) is not None for x in flat)):
            return
        masks = trace_shapes(self.compute_mask, (inputs, mask), {}) if own and symbolic else (
            self.compute_mask(inputs, mask)
        )  # fmt: skip
        if masks is None:
            return
        for tensor, each in zip(flat, tree.flatten(masks), strict=False):
            if each is not None and get_mask(tensor) is None:
                set_mask(tensor, each)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs, for that of the inputs: the same, unless a layer says otherwise."""
        del inputs
        return previous_mask
