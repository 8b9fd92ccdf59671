"""Layers, by Keras's names."""

from hefted.layers.convolutional import Conv2D, MaxPooling2D
from hefted.layers.core import Activation, Dense, Flatten
from hefted.layers.input import Input, InputLayer
from hefted.layers.input_spec import InputSpec
from hefted.layers.layer import Layer
from hefted.layers.normalization import BatchNormalization
from hefted.layers.regularization import Dropout

Convolution2D = Conv2D
MaxPool2D = MaxPooling2D

__all__ = [
    'Activation',
    'BatchNormalization',
    'Conv2D',
    'Convolution2D',
    'Dense',
    'Dropout',
    'Flatten',
    'Input',
    'InputLayer',
    'InputSpec',
    'Layer',
    'MaxPool2D',
    'MaxPooling2D',
]
