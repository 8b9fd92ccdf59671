"""WAV files in folders, a folder a class, as a data set."""

from __future__ import annotations

import math
import os
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from hefted.errors import ArgumentError, DataError
from hefted.utils.directories import dataset_of_files

_CROSSINGS = 16  # zeros of the sinc on either side that the resampling filter keeps

HostArray = np.ndarray[Any, Any]


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = 'inferred',
    label_mode: str | None = 'int',
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """The `.wav` files of a folder, a folder a class, as a PyDataset that reads them as they are needed.

    Args:
        directory: The folder, of whole-numbered (PCM) files of 8, 16, 24 or 32 bits.
        labels: As for `text_dataset_from_directory`, and so are the arguments that are not named here.
        label_mode: As there.
        class_names: As there.
        batch_size: As there.
        sampling_rate: Samples a second that all files are brought to; None leaves them as they are.
        output_sequence_length: Samples of each row: longer files are cut, shorter ones end in silence. None is those of
            the batch's longest file.
        ragged: Kept for Keras's sake; only False. `batch_size=None` gives each file at its own length.
        shuffle: As there.
        seed: As there.
        validation_split: As there.
        subset: As there.
        follow_links: As there.
        verbose: As there.

    Returns:
        A PyDataset with `class_names` and `file_paths`, of float32 audio from -1 to 1 of shape (batch, samples,
        channels), or of pairs (audio, labels); a list of two for `subset='both'`.

    Raises:
        ArgumentError: An argument is wrong, or two do not go together.
        DataError: There are no such files; when it is read, a file that is no such WAV, or one of other channels than
            the rest of its batch.
    """
    if ragged:
        raise ArgumentError(
            'Expected ragged=False: there are no ragged arrays here. Leave it out for silence at the end of short '
            'files, or pass batch_size=None for one file at a time.'
        )
    for name, value in (('sampling_rate', sampling_rate), ('output_sequence_length', output_sequence_length)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(f'Expected {name} to be None or a whole number of at least 1, received {value!r}.')

    def read(paths: list[str]) -> Any:
        sounds = [_read(path, sampling_rate) for path in paths]
        channels = {sound.shape[1] for sound in sounds}
        if len(channels) > 1:
            raise DataError(f'Expected files of as many channels in a batch, received {sorted(channels)}: {paths}.')
        length = output_sequence_length or max(len(sound) for sound in sounds)
        return np.stack([_of_length(sound, length) for sound in sounds])

    return dataset_of_files(
        read, ('.wav',), directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, 'tf', verbose,
    )  # fmt: skip


def _read(path: str, sampling_rate: int | None) -> HostArray:
    """(samples, channels) from -1 to 1."""
    try:
        with wave.open(path, 'rb') as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise DataError(f'{path}: expected a WAV file of whole numbers (PCM): {error}.') from error
    sound = _numbers(frames, width).reshape(-1, channels)
    return sound if sampling_rate in (None, rate) else resampled(sound, rate, sampling_rate)


def _numbers(frames: bytes, width: int) -> HostArray:
    frames = frames[: len(frames) // width * width]
    if width == 1:  # eight bits alone have no sign
        return (np.frombuffer(frames, 'u1').astype('float32') - 128) / 128
    # The bytes of a number go to the top of 32 bits, its sign with them.
    padded = np.zeros((len(frames) // width, 4), 'u1')
    padded[:, 4 - width :] = np.frombuffer(frames, 'u1').reshape(-1, width)
    return (padded.view('<i4')[:, 0] / 2.0**31).astype('float32')


def resampled(sound: HostArray, rate: int, wanted: int) -> HostArray:
    """Sound at another rate: a sinc in a Hann window, that lets no pitch pass which either rate cannot hold.

    Args:
        sound: (samples, channels).
        rate: Samples a second.
        wanted: Samples a second that come out.

    Returns:
        (ceil(samples * wanted / rate), channels) float32.

    Source: Smith, J. O., Digital Audio Resampling (1984).
    """
    count = math.ceil(len(sound) * wanted / rate)
    cutoff = min(1.0, wanted / rate)
    reach = math.ceil(_CROSSINGS / cutoff)
    places = np.arange(count) * (rate / wanted)
    first = np.floor(places).astype(int)
    padded = np.pad(sound.astype('float64'), [(reach, reach + 1), (0, 0)])
    out = np.zeros((count, sound.shape[1]))
    for step in range(-reach + 1, reach + 1):
        away = places - (first + step)
        weight = cutoff * np.sinc(cutoff * away) * np.cos(np.pi / 2 * np.clip(away / reach, -1, 1)) ** 2
        out += weight[:, None] * padded[first + step + reach]
    return out.astype('float32')


def _of_length(sound: HostArray, length: int) -> HostArray:
    return np.pad(sound[:length], [(0, max(0, length - len(sound))), (0, 0)])
