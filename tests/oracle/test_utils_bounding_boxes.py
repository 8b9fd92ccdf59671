"""Boxes in images are Keras's, in each format."""

import itertools

import keras
import numpy as np
import pytest

from hefted.utils import bounding_boxes as ours

theirs = keras.utils.bounding_boxes
RNG = np.random.default_rng(0)
FORMATS = (
    'xyxy', 'yxyx', 'xywh', 'center_xywh', 'center_yxhw', 'rel_xyxy', 'rel_yxyx', 'rel_xywh', 'rel_center_xywh',
)  # fmt: skip


def _boxes(*shape):
    first = RNG.uniform(-4, 20, (*shape, 2))
    return np.concatenate([first, first + RNG.uniform(1, 20, (*shape, 2))], -1).astype('float32')


A, B, BATCH = _boxes(5), _boxes(5), _boxes(2, 5)
IMAGE = (30, 40, 3)
LABELED = {'boxes': A, 'labels': np.arange(5)}
FACTORS = [0.1, 0.1, 0.2, 0.2]
PAIRS = [*zip(FORMATS, FORMATS[1:] + FORMATS[:1], strict=True), *((one, 'rel_xyxy') for one in FORMATS)]
TURN = [np.array(pair, 'float32') for pair in ([30, -60], [0.1, 0.2], [0, -0.3], [0.8, 1.5], [10, 0], [5, 20])]
OUTSIDE = {'boxes': np.array([[50, 2, 60, 9], [-3, -3, 99, 2]], 'float32'), 'labels': np.array([1, 2])}
CASES = [
    *(('convert_format', A, *pair, 30, 40) for pair in PAIRS),
    ('convert_format', {'boxes': BATCH, 'labels': 'kept'}, 'XYXY', 'xywh'),
    ('clip_to_image_size', OUTSIDE, 30, 40),
    ('clip_to_image_size', {'boxes': A / 10 - 1}, None, None, 'rel_xyxy'),
    ('affine_transform', BATCH, *TURN, 30, 40),
    ('affine_transform', BATCH, *TURN, 30, 40, 0.1, 0.9),
    ('crop', A, 3, 5, 10, 12), ('pad', BATCH, 3, 5, 1, 1),
    ('encode_box_to_deltas', A, BATCH, 'xyxy', 'xywh'),
    ('encode_box_to_deltas', A, B / 40, 'xyxy', 'rel_yxyx', 'center_xywh', FACTORS, IMAGE),
    ('decode_deltas_to_boxes', A, BATCH / 40, 'xyxy', 'xywh'),
    ('decode_deltas_to_boxes', {1: A}, {1: B / 40}, 'xyxy', 'rel_xyxy', 'center_xywh', FACTORS, IMAGE),
    *(('compute_iou', *pair, 'xywh') for pair in itertools.product((A, BATCH), (B, BATCH))),
    ('compute_iou', A - 9, B - 9, 'rel_xyxy', True, -7, IMAGE),
    ('compute_ciou', A, B, 'xyxy'), ('compute_ciou', BATCH, BATCH[::-1], 'center_yxhw'),
]  # fmt: skip


@pytest.mark.parametrize('case', CASES, ids=lambda case: case[0])
def test_boxes_are_kerass(case):
    name, *arguments = case
    # Keras's convert_format writes into a dict that it is given.
    copied = [dict(one) if isinstance(one, dict) else one for one in arguments]
    wanted, got = getattr(theirs, name)(*copied), getattr(ours, name)(*arguments)
    if not isinstance(wanted, dict):
        wanted, got = {'': wanted}, {'': got}
    assert wanted.keys() == got.keys()
    for key, value in wanted.items():
        if isinstance(value, str):
            assert got[key] == value
        else:
            np.testing.assert_allclose(got[key], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('case', [
    ('convert_format', A, 'xyxy', 'zz'), ('convert_format', A, 'xyxy', 'rel_xyxy'),
    ('convert_format', A[:, :3], 'xyxy', 'xywh'), ('clip_to_image_size', LABELED),
    ('clip_to_image_size', LABELED, 3, 3, 'xywh'), ('crop', A, 1, 1, 1, 1, 'xywh'), ('pad', A, 1, 1, 1, 1, 'xywh'),
    ('encode_box_to_deltas', A, B, 'xyxy', 'xyxy', 'xyxy'),
    ('encode_box_to_deltas', A, B, 'xyxy', 'xyxy', 'center_xywh', [1, 2]),
    ('decode_deltas_to_boxes', A, B, 'xyxy', 'xyxy', 'xyxy'),
    ('compute_iou', A[0], B, 'xyxy'), ('compute_iou', A, B, 'rel_xyxy'), ('compute_ciou', A, B, 'rel_xyxy'),
], ids=lambda case: case[0])  # fmt: skip
def test_what_keras_refuses_is_refused_in_kind(case):
    name, *arguments = case
    for module in (theirs, ours):
        with pytest.raises((ValueError, NotImplementedError)) as error:
            getattr(module, name)(*arguments)
        if module is theirs:
            kind = NotImplementedError if error.errisinstance(NotImplementedError) else ValueError
    assert error.errisinstance(kind)


def test_complete_overlap_is_there_for_shares_of_an_image():
    size = np.array([40, 30, 40, 30])
    got = ours.compute_ciou(A / size, B / size, 'rel_xyxy', IMAGE)
    np.testing.assert_allclose(got, ours.compute_ciou(A, B, 'xyxy'), rtol=1e-4, atol=1e-5)
