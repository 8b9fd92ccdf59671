"""`keras.preprocessing`'s names: folders and series as data sets, images, sequences."""

from hefted.preprocessing import image, sequence
from hefted.utils.directory_datasets import image_dataset_from_directory, text_dataset_from_directory
from hefted.utils.timeseries import timeseries_dataset_from_array

__all__ = [
    'image',
    'image_dataset_from_directory',
    'sequence',
    'text_dataset_from_directory',
    'timeseries_dataset_from_array',
]
