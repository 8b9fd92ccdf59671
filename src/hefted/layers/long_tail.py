"""The layers that are taken from Keras itself, where the `keras` extra is installed: the long tail."""

from __future__ import annotations

NAMES = frozenset({
    'AugMix', 'AutoContrast', 'CenterCrop', 'ContrastLimitedAdaptiveHistogramEqualization', 'ConvLSTM1D',
    'ConvLSTM2D', 'ConvLSTM3D', 'CutMix', 'Equalization', 'MaxNumBoundingBoxes', 'MelSpectrogram', 'MixUp',
    'Pipeline', 'RandAugment', 'RandomBrightness', 'RandomColorDegeneration', 'RandomColorJitter', 'RandomContrast',
    'RandomCrop', 'RandomElasticTransform', 'RandomErasing', 'RandomFlip', 'RandomGaussianBlur', 'RandomGrayscale',
    'RandomHue', 'RandomInvert', 'RandomPerspective', 'RandomPosterization', 'RandomRotation', 'RandomSaturation',
    'RandomSharpness', 'RandomShear', 'RandomTranslation', 'RandomZoom', 'Resizing', 'ReversibleEmbedding',
    'STFTSpectrogram', 'Solarization', 'TextVectorization',
})  # fmt: skip
