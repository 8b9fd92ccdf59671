"""WAV files in folders become batches of sound."""

import wave

import numpy as np
import pytest

from hefted import layers, models, utils

RATE = 800


def _write(path, sound, width=2, rate=RATE):
    path.parent.mkdir(exist_ok=True)
    numbers = np.round(np.asarray(sound) * (2 ** (8 * width - 1) - 1)).astype('<i4')
    frames = (numbers + 128).astype('u1') if width == 1 else numbers[..., None].view('u1')[..., :width]
    with wave.open(str(path), 'wb') as file:
        file.setparams((numbers.shape[1], width, rate, len(numbers), 'NONE', ''))
        file.writeframes(frames.tobytes())


def _tone(samples, rate=RATE, pitch=50, channels=1):
    return np.tile(0.5 * np.sin(2 * np.pi * pitch * np.arange(samples) / rate)[:, None], (1, channels))


@pytest.fixture
def folder(tmp_path):
    for number in range(8):
        _write(tmp_path / 'ab'[number % 2] / f'{number}.wav', _tone(40 + number, pitch=[50, 200][number % 2]))
    return tmp_path


@pytest.mark.parametrize('width', [1, 2, 3, 4])
@pytest.mark.parametrize('channels', [1, 2])
def test_sound_is_read_at_every_width(tmp_path, width, channels):
    _write(tmp_path / 'a' / 'x.WAV', _tone(30, channels=channels), width)
    sound = utils.audio_dataset_from_directory(tmp_path, labels=None, batch_size=None, verbose=False)[0]
    assert sound.dtype == 'float32' and sound.shape == (30, channels)
    np.testing.assert_allclose(sound, _tone(30, channels=channels), atol=1.5 / 2 ** (8 * width - 1) + 1e-6)


@pytest.mark.parametrize(('length', 'wanted'), [(None, 47), (20, 20), (60, 60)])
def test_rows_are_as_long_as_asked_for_or_as_the_longest(folder, length, wanted):
    make = utils.audio_dataset_from_directory
    x, y = make(folder, output_sequence_length=length, shuffle=False, verbose=False)[0]
    assert x.shape == (8, wanted, 1) and y.tolist() == [0] * 4 + [1] * 4
    np.testing.assert_allclose(x[0, : min(40, wanted), 0], _tone(40)[:wanted, 0], atol=1e-4)
    assert not x[0, 40:].any()


def test_parts_and_labels_are_as_for_the_other_kinds_of_file(folder):
    training, validation = utils.audio_dataset_from_directory(
        folder, label_mode='categorical', validation_split=0.25, subset='both', seed=1, verbose=False
    )
    assert len(training.file_paths) == 6 and len(validation.file_paths) == 2
    assert not set(training.file_paths) & set(validation.file_paths)
    assert training[0][1].shape == (6, 2) and training.class_names == ['a', 'b']


@pytest.mark.parametrize('rate', [400, 1600, 1000])
def test_another_rate_is_the_same_sound_without_what_it_cannot_hold(tmp_path, rate):
    # 50 Hz passes at each rate; 390 Hz is above half of 400 Hz's, and above nothing else's.
    _write(tmp_path / 'a' / 'x.wav', _tone(400) + 0.5 * _tone(400, pitch=390) * (rate == 400))
    sound = utils.audio_dataset_from_directory(tmp_path, labels=None, sampling_rate=rate, verbose=False)[0][0]
    assert sound.shape == (rate // 2, 1)
    inside = slice(rate // 8, -rate // 8)  # the file begins and ends in the middle of the sound
    np.testing.assert_allclose(sound[inside], _tone(rate // 2, rate)[inside], atol=5e-3)


def test_a_model_is_trained_on_sounds(folder):
    dataset = utils.audio_dataset_from_directory(
        folder, label_mode='binary', output_sequence_length=40, batch_size=4, seed=0, verbose=False
    )
    model = models.Sequential([layers.Conv1D(4, 5, activation='relu'), layers.GlobalMaxPooling1D(), layers.Dense(1)])
    model.compile('adam', 'mse')
    history = model.fit(dataset, epochs=2, verbose=0).history['loss']
    assert len(history) == 2 and np.isfinite(history).all()


@pytest.mark.parametrize(('wrong', 'says'), [
    ({'ragged': True}, 'ragged arrays'), ({'sampling_rate': 0}, 'sampling_rate'),
    ({'sampling_rate': 8e3}, 'sampling_rate'),
    ({'output_sequence_length': -1}, 'output_sequence_length'), ({'label_mode': 'float'}, 'label_mode'),
], ids=str)  # fmt: skip
def test_a_wrong_argument_is_told(folder, wrong, says):
    with pytest.raises(ValueError, match=says):
        utils.audio_dataset_from_directory(folder, verbose=False, **wrong)


def test_files_that_are_no_sound_or_do_not_fit_together_are_told(folder):
    _write(folder / 'a' / 'stereo.wav', _tone(10, channels=2))
    dataset = utils.audio_dataset_from_directory(folder, verbose=False)
    with pytest.raises(ValueError, match='channels'):
        dataset[0]
    (folder / 'a' / 'stereo.wav').write_bytes(b'no sound')
    with pytest.raises(ValueError, match=r'stereo\.wav'):
        dataset[0]
