"""Layers, by Keras's names. A file is imported when the first of its names is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hefted.layers import long_tail
from hefted.utils.garbage import uncollected

with uncollected(stays=True):  # JAX comes with them
    from hefted.utils.rooms import Room
    from hefted.utils.serialization import serialize_keras_object

_AXES = ('1D', '2D', '3D')
# Keras's other names.
_ALIASES = {
    **{f'Convolution{axes}': f'Conv{axes}' for axes in _AXES},
    **{f'Convolution{axes}Transpose': f'Conv{axes}Transpose' for axes in _AXES},
    **{f'SeparableConvolution{axes}': f'SeparableConv{axes}' for axes in _AXES[:2]},
    **{f'{kind}Pool{axes}': f'{kind}Pooling{axes}' for kind in ('Max', 'GlobalMax') for axes in _AXES},
    **{f'{kind}AvgPool{axes}': f'{kind}AveragePooling{axes}' for kind in ('', 'Global') for axes in _AXES},
}
_room = Room(
    'hefted.layers',
    'layer',
    {
        'activation_layers': 'Activation ELU LeakyReLU PReLU ReLU Softmax',
        'attention': 'AdditiveAttention Attention',
        'categories': 'CategoryEncoding Discretization',
        'convolution': 'Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose',
        'convolution_by_channel': 'DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D',
        'core': 'Dense',
        'einsum_dense': 'EinsumDense',
        'embedding': 'Embedding',
        'global_pooling': 'GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D '
        'GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D',
        'group_normalization': 'GroupNormalization',
        'hashed': 'HashedCrossing Hashing',
        'input': 'Input InputLayer',
        'input_spec': 'InputSpec',
        'joining': 'Concatenate Dot concatenate dot',
        'lambdas': 'Lambda',
        'layer': 'Layer',
        'layer_normalization': 'LayerNormalization RMSNormalization UnitNormalization',
        'lookups': 'IntegerLookup StringLookup',
        'masking': 'Identity Masking',
        'merging': 'Add Average Maximum Minimum Multiply Subtract add average maximum minimum multiply subtract',
        'multi_head_attention': 'GroupQueryAttention MultiHeadAttention',
        'normalization': 'BatchNormalization',
        'pooling': 'AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D '
        'AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D '
        'AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D',
        'recurrent.bidirectional': 'Bidirectional',
        'recurrent.gru': 'GRU GRUCell',
        'recurrent.lstm': 'LSTM LSTMCell',
        'recurrent.rnn': 'RNN',
        'recurrent.simple_rnn': 'SimpleRNN SimpleRNNCell',
        'recurrent.stacked': 'StackedRNNCells',
        'recurrent.time_distributed': 'TimeDistributed',
        'regularization': 'ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise '
        'SpatialDropout1D SpatialDropout2D SpatialDropout3D',
        'resizing': 'UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D '
        'Cropping1D Cropping2D Cropping3D',
        'scaling': 'Normalization Rescaling',
        'shapes': 'Flatten Permute RepeatVector Reshape',
        'spectral_normalization': 'SpectralNormalization',
        'stack': 'Stack',
        'wrapper': 'Wrapper',
    },
    aliases=_ALIASES,
    spell=None,
)

__all__ = sorted({*_room.names(), 'deserialize', 'serialize'})  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


_REMEDIES = {
    'FlaxLayer': 'Put the Flax NNX module itself into the model, or use hefted.integrations.FlaxLayer.',
    'JaxLayer': 'Write the function as the call of a Layer, its parameters made by add_weight in build.',
    'TFSMLayer': 'It needs TensorFlow; hefted.saving.load_exported reads what model.export() writes.',
    'TorchModuleWrapper': 'It needs PyTorch as the back end. Write the module anew with layers.',
}


def __getattr__(name: str) -> Any:
    if name in _REMEDIES:
        from hefted.utils.passages import refused

        found = refused(f'layers.{name}', _REMEDIES[name])
    elif name in long_tail.NAMES:
        from hefted.layers.foreign import from_keras

        found = from_keras(name)
    else:
        found = _room.attribute(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, *long_tail.NAMES})


def serialize(layer: Any) -> Any:
    """The config of a layer."""
    return serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer of a config."""
    return _room.deserialize(config, custom_objects)
