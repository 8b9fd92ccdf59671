"""Folders of texts and images become Keras's batches.

Keras's functions need TensorFlow or Grain; the parts of them that say which file is where, and how an image is resized,
do not, and are held against ours.
"""

import gc
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.utils import dataset_utils

from hefted import layers, models, utils

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    for number in range(23):
        place = tmp_path / 'abc'[number % 3] / ('deep' if number % 4 == 0 else '')
        place.mkdir(parents=True, exist_ok=True)
        (place / f'{number}.txt').write_text(f'text {number}', 'utf-8')
    (tmp_path / '.hidden').mkdir()
    (tmp_path / 'a' / 'other.md').touch()
    return tmp_path


def _theirs(folder, labels, class_names, shuffle, split, subset):
    paths, labels, names = dataset_utils.index_directory(
        str(folder), labels, ('.txt',), class_names, shuffle=shuffle, seed=3, verbose=False
    )
    if subset:
        paths, labels = dataset_utils.get_training_or_validation_split(paths, labels, split, subset)
    return paths, labels, names


@pytest.mark.parametrize('shuffle', [True, False])
@pytest.mark.parametrize('subset', [None, 'training', 'validation'])
@pytest.mark.parametrize(('labels', 'names'), [
    ('inferred', None), ('inferred', ['c', 'a']), (None, None), ([n % 4 for n in range(23)], None),
], ids=str)  # fmt: skip
def test_files_labels_and_parts_are_kerass(folder, labels, names, shuffle, subset):
    split = 0.3 if subset else None
    given = list(labels) if isinstance(labels, list) else labels
    paths, wanted, classes = _theirs(folder, given, names, shuffle, split, subset)
    dataset = utils.text_dataset_from_directory(
        folder, labels, class_names=names, batch_size=4, shuffle=shuffle, seed=3, validation_split=split, subset=subset,
        verbose=False,
    )  # fmt: skip
    assert dataset.file_paths == paths and dataset.class_names == classes
    batches = list(dataset)
    texts = np.concatenate([batch if labels is None else batch[0] for batch in batches])
    assert texts.tolist() == [Path(path).read_text('utf-8') for path in paths]
    if labels is not None:
        np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), wanted)


def test_labels_come_in_each_mode_and_both_parts_at_once(folder, capsys):
    make = utils.text_dataset_from_directory
    training, validation = make(folder, 'inferred', 'categorical', validation_split=0.5, subset='both', seed=1)
    assert capsys.readouterr().out.splitlines() == [
        'Found 23 files belonging to 3 classes.', 'Using 12 files for training.', 'Using 11 files for validation.',
    ]  # fmt: skip
    assert not set(training.file_paths) & set(validation.file_paths)
    assert training[0][1].shape == (12, 3) and training[0][1].sum() == 12
    _, y = make(folder, 'inferred', 'binary', class_names=['b', 'c'], verbose=False)[0]
    assert y.dtype == 'float32' and y.shape[1] == 1 and set(y.ravel()) == {0, 1}
    assert make(folder, label_mode=None, max_length=4, batch_size=None, verbose=False)[0] == 'text'


@pytest.mark.parametrize('wrong', [
    {'labels': 'guess'}, {'labels': 3}, {'labels': [1, 2]}, {'label_mode': 'float'}, {'label_mode': 'binary'},
    {'class_names': ['z']}, {'labels': None, 'class_names': ['a']}, {'subset': 'training'}, {'validation_split': 0.5},
    {'validation_split': 2.0, 'subset': 'training', 'seed': 1}, {'validation_split': 0.5, 'subset': 'training'},
    {'validation_split': 0.5, 'subset': 'test', 'seed': 1}, {'format': 'torch'},
], ids=str)  # fmt: skip
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning', 'ignore::ResourceWarning')
def test_what_keras_refuses_is_refused(folder, wrong):
    for module in (utils, keras.utils):
        with pytest.raises(ValueError):
            module.text_dataset_from_directory(folder, verbose=False, **wrong)
    gc.collect()  # Keras leaves a pool of threads open when it raises: here, not in another test


def test_a_folder_without_files_is_told(tmp_path):
    with pytest.raises(ValueError, match='found none'):
        utils.text_dataset_from_directory(tmp_path, verbose=False)


@pytest.mark.parametrize('kwargs', [
    {}, {'color_mode': 'grayscale'}, {'crop_to_aspect_ratio': True, 'color_mode': 'rgba'},
    {'pad_to_aspect_ratio': True, 'interpolation': 'nearest'}, {'data_format': 'channels_first'},
], ids=str)  # fmt: skip
def test_images_are_kerass(tmp_path, kwargs):
    pytest.importorskip('PIL.Image')
    from keras.src.utils.image_dataset_utils import _load_image_grain

    for name in 'ab':
        (tmp_path / name).mkdir()
        utils.save_img(tmp_path / name / 'image.png', RNG.uniform(size=(9, 14, 3)))
    dataset = utils.image_dataset_from_directory(tmp_path, image_size=(6, 5), shuffle=False, verbose=False, **kwargs)
    channels = {'rgb': 3, 'rgba': 4, 'grayscale': 1}[kwargs.pop('color_mode', 'rgb')]
    settings = {'interpolation': 'bilinear', 'data_format': 'channels_last'} | kwargs
    wanted = [_load_image_grain(path, (6, 5), channels, **settings) for path in dataset.file_paths]
    images, labels = dataset[0]
    np.testing.assert_allclose(images, np.stack(wanted), rtol=1e-5, atol=1e-3)
    assert labels.tolist() == [0, 1] and images.dtype == 'float32'


def test_a_model_is_trained_on_images(tmp_path):
    pytest.importorskip('PIL.Image')
    for number, name in enumerate('ab'):
        (tmp_path / name).mkdir()
        for image in range(6):
            utils.save_img(tmp_path / name / f'{image}.png', np.full((4, 4, 3), 200.0 * number), scale=False)
    dataset = utils.image_dataset_from_directory(
        tmp_path, label_mode='binary', image_size=4, batch_size=4, seed=0, verbose=False
    )
    model = models.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1, activation='sigmoid')])
    model.compile('adam', 'binary_crossentropy')
    history = model.fit(dataset, epochs=3, verbose=0).history['loss']
    assert len(history) == 3 and np.isfinite(history).all()


@pytest.mark.parametrize('wrong', [
    {'color_mode': 'hsv'}, {'image_size': (1, 2, 3)}, {'interpolation': 'magic'},
], ids=str)  # fmt: skip
def test_wrong_images_are_refused(tmp_path, wrong):
    for module in (utils, keras.utils):
        with pytest.raises(ValueError):
            module.image_dataset_from_directory(tmp_path, verbose=False, **wrong)
