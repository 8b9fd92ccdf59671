"""Images become arrays and files, and back, as Keras makes them."""

import io
import sys

import keras
import numpy as np
import pytest

from hefted import utils

Image = pytest.importorskip('PIL.Image')
RNG = np.random.default_rng(0)


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize(
    'kwargs', [{}, {'scale': False}, {'data_format': 'channels_first'}, {'dtype': 'float64'}], ids=str
)
@pytest.mark.filterwarnings('ignore:.*mode.*:DeprecationWarning')  # Keras's: it tells Pillow what Pillow knows
def test_an_array_becomes_kerass_image_and_an_array_again(channels, kwargs):
    x = RNG.uniform(0, 200, size=(5, 7, channels))
    x = x.transpose(2, 0, 1) if 'data_format' in kwargs else x
    ours, theirs = (m.array_to_img(x, **kwargs) for m in (utils, keras.utils))
    assert (ours.mode, ours.size) == (theirs.mode, theirs.size) == ({1: 'L', 3: 'RGB', 4: 'RGBA'}[channels], (7, 5))
    assert ours.tobytes() == theirs.tobytes()
    kwargs.pop('scale', None)
    back, wanted = (m.img_to_array(ours, **kwargs) for m in (utils, keras.utils))
    assert (back.dtype, back.shape) == (wanted.dtype, wanted.shape) and back.shape == x.shape
    np.testing.assert_array_equal(back, wanted)


def test_a_grey_image_of_large_numbers_keeps_them():
    x = np.array([[[70000.0], [3.0]]])
    image = utils.array_to_img(x, scale=False)
    assert image.mode == 'I' and utils.img_to_array(image).ravel().tolist() == [70000, 3]


@pytest.mark.parametrize('mode', ['grayscale', 'rgb', 'rgba'])
@pytest.mark.parametrize('kwargs', [
    {}, {'target_size': (4, 6)}, {'target_size': (4, 6), 'interpolation': 'bilinear', 'keep_aspect_ratio': True},
    {'target_size': (9, 3), 'interpolation': 'lanczos', 'keep_aspect_ratio': True},
], ids=str)  # fmt: skip
def test_a_file_is_loaded_as_keras_loads_it(mode, kwargs, tmp_path):
    path = tmp_path / 'image.png'
    utils.save_img(path, RNG.uniform(size=(8, 11, 3)))
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        ours, theirs = (m.load_img(source, color_mode=mode, **kwargs) for m in (utils, keras.utils))
        assert (ours.mode, ours.size) == (theirs.mode, theirs.size) and ours.tobytes() == theirs.tobytes()


def test_transparency_is_lost_in_a_jpeg_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match='transparency'):
        utils.save_img(tmp_path / 'image.jpg', RNG.uniform(size=(8, 8, 4)))
    assert utils.load_img(tmp_path / 'image.jpg', color_mode='rgba').size == (8, 8)
    stream = io.BytesIO()
    utils.save_img(stream, RNG.uniform(size=(8, 8, 3)), file_format='png')
    assert Image.open(io.BytesIO(stream.getvalue())).format == 'PNG'


@pytest.mark.parametrize('wrong', [
    lambda m: m.array_to_img(np.zeros((2, 2))), lambda m: m.array_to_img(np.zeros((2, 2, 5))),
    lambda m: m.img_to_array(np.zeros(3)), lambda m: m.load_img(PNG, color_mode='hsv'),
    lambda m: m.load_img(PNG, target_size=(2, 2), interpolation='magic'), lambda m: m.load_img(5),
])  # fmt: skip
def test_what_keras_refuses_is_refused(wrong):
    for module in (utils, keras.utils):
        PNG.seek(0)
        with pytest.raises((ValueError, TypeError)):
            wrong(module)


PNG = io.BytesIO()
Image.new('RGB', (3, 3)).save(PNG, 'png')


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'PIL.Image', None)
    with pytest.raises(ImportError, match=r'hefted\[images\]'):
        utils.array_to_img(np.zeros((2, 2, 3)))
