"""Texts come one by one out of whatever people have them in, and what is none is named."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hefted.errors import ArgumentError, DataError, MissingFileError, UnknownNameError
from hefted.text import read_documents, read_texts


def test_a_file_gives_its_lines_that_are_not_blank(tmp_path: Path):
    (tmp_path / 'a.txt').write_bytes(b'\xef\xbb\xbfOne.\r\n\n  \nTwo, caf\xc3\xa9.')
    assert list(read_texts(tmp_path / 'a.txt')) == ['One.', 'Two, café.']


def test_files_are_named_one_by_one_by_folder_or_by_pattern_in_the_order_of_their_names(tmp_path: Path):
    for name in ('b', 'a', 'c'):
        (tmp_path / f'{name}.txt').write_text(f'{name}\n', 'utf-8')
    (tmp_path / 'other.md').write_text('no\n', 'utf-8')
    assert list(read_texts(tmp_path)) == list(read_texts(f'{tmp_path}/*.txt')) == ['a', 'b', 'c']
    assert list(read_texts([tmp_path / 'c.txt', tmp_path / 'a.txt'])) == ['c', 'a']


def test_lists_arrays_generators_and_columns_give_their_strings():
    texts = ['one', 'two']
    for given in (texts, np.array(texts), (text for text in texts)):
        assert list(read_texts(given)) == texts
    assert list(read_texts({'text': texts, 'label': [1, 2]}, column='text')) == texts


@pytest.mark.parametrize(
    'library', [pytest.param(name, marks=pytest.mark.service(name)) for name in ('pandas', 'polars')]
)
def test_frames_give_the_column_that_is_named(library: str):
    frame = pytest.importorskip(library).DataFrame({'text': ['one', 'two'], 'label': [1, 2]})
    assert list(read_texts(frame, column='text')) == list(read_texts(frame['text'])) == ['one', 'two']
    with pytest.raises(ArgumentError, match=r"column.*\['text', 'label'\]"):
        list(read_texts(frame))
    with pytest.raises(ArgumentError, match=r'label to be strings, received 1 \(int\) in row 0'):
        list(read_texts(frame, column='label'))


def test_what_is_asked_for_is_read_and_no_more(tmp_path: Path):
    (tmp_path / 'a.txt').write_bytes(b'One.\n' * 3 + b'\xff\n')
    assert list(islice(read_texts(tmp_path / 'a.txt'), 3)) == ['One.'] * 3


def test_a_wrong_encoding_is_told_with_file_line_and_byte(tmp_path: Path):
    (tmp_path / 'a.txt').write_bytes('One.\nCafé.\n'.encode('latin-1'))
    with pytest.raises(DataError, match=r'a\.txt, line 2, byte 8: expected utf-8 text, received b.\\xe9'):
        list(read_texts(tmp_path / 'a.txt'))
    assert list(read_texts(tmp_path / 'a.txt', encoding='latin-1')) == ['One.', 'Café.']


def test_wide_encodings_are_read_as_well(tmp_path: Path):
    (tmp_path / 'a.txt').write_text('One.\nਸ\nTwo.\n', 'utf-16')
    assert list(read_texts(tmp_path / 'a.txt', encoding='utf-16')) == ['One.', 'ਸ', 'Two.']


@pytest.mark.parametrize(
    ('given', 'error', 'told'),
    [
        (['one', None], ArgumentError, r'texts to be strings, received None \(NoneType\) in row 1'),
        (7, ArgumentError, 'files or strings, received int'),
        ([], DataError, 'at least one text, received none'),
        (Path('nowhere.txt'), MissingFileError, r"'nowhere\.txt', which is none"),
        ('nowhere/*.txt', MissingFileError, 'fits none'),
        ({'text': ['a']}, ArgumentError, 'which column holds the texts'),
    ],
)
def test_what_is_no_text_is_named(given: object, error: type[Exception], told: str):
    with pytest.raises(error, match=told):
        list(read_texts(given))


def test_an_unknown_column_or_encoding_is_told(tmp_path: Path):
    with pytest.raises(UnknownNameError, match="Did you mean 'text'"):
        list(read_texts({'text': ['a']}, column='tekst'))
    (tmp_path / 'a.txt').write_text('a', 'utf-8')
    with pytest.raises(ArgumentError, match="encoding to be one of Python's, received 'utf-9'"):
        list(read_texts(tmp_path / 'a.txt', encoding='utf-9'))


def test_an_empty_file_is_named(tmp_path: Path):
    (tmp_path / 'empty.txt').touch()
    with pytest.raises(DataError, match=r'empty\.txt: expected text, received an empty file'):
        list(read_texts(tmp_path / 'empty.txt'))


def test_documents_are_parted_by_blank_lines_or_by_files(tmp_path: Path):
    (tmp_path / 'a.txt').write_text('One.\nTwo.\n\n\nThree.\n', 'utf-8')
    (tmp_path / 'b.txt').write_text('Four.\n', 'utf-8')
    assert list(read_documents(tmp_path)) == [['One.', 'Two.'], ['Three.'], ['Four.']]
    assert list(read_documents(tmp_path, separator='file')) == [['One.', 'Two.', 'Three.'], ['Four.']]
    with pytest.raises(ArgumentError, match="'blank line' or 'file', received 'page'"):
        list(read_documents(tmp_path, separator='page'))
    with pytest.raises(DataError, match='at least one document'):
        list(read_documents([' \n ']))
