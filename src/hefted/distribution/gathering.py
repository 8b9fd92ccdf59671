"""Weights of which each device has a share, put together where a step uses them: all at once, or block by block.

A fully sharded training would gain little if its step began by gathering every weight. What is used once is gathered
where it is read; a stack of blocks is gathered one block at a time, in the loop over them, and again on the way back.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hefted.distribution.placing import Placing

_placing: list[Placing] = []


@contextmanager
def gathering(placing: Placing | None) -> Generator[None]:
    """While a step is traced: how its weights lie."""
    if placing is None or not placing.how.gathers:
        yield
        return
    _placing.append(placing)
    try:
        yield
    finally:
        _placing.pop()


def gathers() -> bool:
    """Whether the step that is traced has shares of weights, to be put together."""
    return bool(_placing)


def put_together(values: Sequence[Any], variables: Sequence[Any]) -> list[Any]:
    """Values of variables as a step uses them: whole.

    Args:
        values: As the devices have them.
        variables: Whose they are.
    """
    if not _placing:
        return list(values)
    placing = _placing[-1]
    pairs = [(value, placing.of(variable)) for value, variable in zip(values, variables, strict=True)]
    return [placing.put_together(value, sharding) for value, sharding in pairs]


def keeps(primitive: Any, *_: Any, **__: Any) -> bool:
    """A policy for `jax.checkpoint`: keep everything but what was put together."""
    return primitive.name != 'sharding_constraint'
