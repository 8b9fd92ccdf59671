"""What the compiled step sends between devices is what theory says, to the byte."""

import pytest
from tests.distribution import sent, sent_by_heads, worlds

from hefted.train.collectives import bytes_by_kind

_SCALARS = 4 * 4  # the loss, what a metric counts and their weights, at the most


def test_one_device_sends_nothing():
    assert [how['sent'] for how in worlds.on_devices(sent, 1).values()] == [{}, {}]


def test_eight_devices_send_what_theory_says():
    """Data parallel: all gradients once, added up (Li et al. 2020, PyTorch Distributed). Fully sharded: the weights
    that are split are gathered (Rajbhandari et al. 2020, ZeRO stage 3), those of a stack's blocks once more on the way
    back; and on a CPU, whose XLA makes no reduce-scatter of it, all gradients are added up besides.
    """
    told = worlds.on_devices(sent, 8)
    parallel, sharded = told['DataParallel'], told['FullyShardedDataParallel']
    assert parallel['sent'].keys() == {'all-reduce'}
    assert 0 < parallel['sent']['all-reduce'] - parallel['weights'] <= _SCALARS
    assert sharded['sent'].keys() == {'all-gather', 'all-reduce'}
    assert sharded['of blocks'] and sharded['split'] > sharded['of blocks']
    assert sharded['sent']['all-gather'] == sharded['split'] + sharded['of blocks']
    assert 0 < sharded['sent']['all-reduce'] - sharded['weights'] <= _SCALARS
    # What is gathered again is not multiplied again: both tell MFU.
    assert not parallel['again'] and not sharded['again']
    assert parallel['products'] == sharded['products'] > 0


def test_devices_that_have_some_heads_each_send_nothing_for_query_key_and_value():
    assert worlds.on_devices(sent_by_heads, 4) == {'forward': {}, 'back': {}}


class Program:
    """As much of a compiled program as is read."""

    def __init__(self, text: str) -> None:
        self.as_text = lambda: text


@pytest.mark.parametrize(
    ('line', 'sent'),
    [
        ('%r = f32[8,4]{1,0} all-reduce(%a), to_apply=%add', {'all-reduce': 128}),
        ('%r = (f32[8]{0}, bf16[4]{0}) all-reduce(%a, %b), to_apply=%add', {'all-reduce': 40}),
        ('%r = (f32[2]{0}, f32[16]{0}) all-gather-start(%a), dimensions={0}', {'all-gather': 64}),
        ('%r = f32[2]{0} reduce-scatter(%a), dimensions={0}', {'reduce-scatter': 8}),
        ('%r = s32[] add(%a, %b)', {}),
    ],
)
def test_an_instruction_is_read_as_xla_writes_it(line: str, sent: dict[str, int]):
    assert bytes_by_kind(Program(f'ENTRY %main (a: f32[]) -> f32[] {{\n  {line}\n}}\n')) == sent


def test_a_loop_of_known_length_counts_as_often_as_it_runs():
    text = """
%body (p: f32[]) -> f32[] {
  %r = f32[4]{0} all-gather(%p), dimensions={0}
}

ENTRY %main (a: f32[]) -> f32[] {
  %w = f32[] while(%a), condition=%cond, body=%body, backend_config={"known_trip_count":{"n":"24"}}
}
"""
    assert bytes_by_kind(Program(text)) == {'all-gather': 384}
