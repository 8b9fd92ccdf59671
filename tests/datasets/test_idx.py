import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefted.datasets.idx import read_idx
from hefted.errors import DataError


def packed(folder: Path, content: bytes) -> Path:
    path = folder / 'some.gz'
    path.write_bytes(gzip.compress(content))
    return path


def test_values_come_back_in_the_shape_of_the_header(tmp_path: Path):
    path = packed(tmp_path, bytes.fromhex('00000802 00000002 00000003') + bytes(range(6)))
    values = read_idx(path)
    assert values.dtype == np.uint8
    assert values.tolist() == [[0, 1, 2], [3, 4, 5]]
    values[0, 0] = 9  # Keras's arrays can be written to as well
    assert values[0, 0] == 9


@pytest.mark.parametrize(
    ('content', 'told'),
    [
        (b'', 'received nothing'),
        (bytes.fromhex('00000d01 00000001 00000000'), 'unsigned bytes'),
        (bytes.fromhex('01000801 00000001 00'), 'unsigned bytes'),
        (bytes.fromhex('00000800'), '1 to 4'),
        (bytes.fromhex('000008ff'), '1 to 4'),
        (bytes.fromhex('00000802 00000001'), '2 sizes'),
        (bytes.fromhex('00000801 00000003 0102'), r'3 values for shape \(3,\), received 2'),
        (bytes.fromhex('00000801 00000002 010203'), 'received more'),
        (bytes.fromhex('00000804 ffffffff ffffffff ffffffff ffffffff'), 'at most'),
    ],
)
def test_a_malformed_file_is_refused_with_what_was_expected(tmp_path: Path, content: bytes, told: str):
    with pytest.raises(DataError, match=told):
        read_idx(packed(tmp_path, content))


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path):
    whole = gzip.compress(bytes.fromhex('00000801 00000004 01020304'))
    path = tmp_path / 'cut.gz'
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r'cut\.gz'):
            read_idx(path)


@given(content=st.binary(max_size=64))
def test_bytes_of_any_kind_are_read_or_refused_and_never_anything_else(tmp_path_factory, content: bytes):
    folder = tmp_path_factory.mktemp('any')
    for raw in (content, gzip.compress(content)):
        path = folder / 'any.gz'
        path.write_bytes(raw)
        try:
            values = read_idx(path)
        except DataError:
            continue
        assert values.ndim == content[3]
