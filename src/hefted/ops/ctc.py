"""Connectionist temporal classification: labels without their times, as a loss and as a decoder.

Source: Graves et al. 2006, "Connectionist temporal classification".
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, nn

from hefted.errors import ArgumentError
from hefted.ops.calling import on_arrays, result_type
from hefted.variables import Array

# The logarithm of nothing, as Keras has it: exact zeros would make NaN of gradients.
_NEVER = -1e5
# Paths (beams, times), their log-probabilities, and whether each ends in a blank.
Beams = tuple[Array, Array, Array]


@on_arrays('target', 'output', 'target_length', 'output_length')
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Array:
    """`-log` of the probability that the outputs spell the targets, over all ways to place them in time.

    Args:
        target: Labels (batch, labels).
        output: Logits (batch, times, classes).
        target_length: Labels that count (batch,).
        output_length: Times that count (batch,).
        mask_index: The class that is a blank.

    Returns:
        (batch,).
    """
    target, target_length, output_length = (
        lax.convert_element_type(x, 'int32') for x in (target, target_length, output_length)
    )
    logs = nn.log_softmax(lax.convert_element_type(output, result_type(output.dtype, 'float32')))
    _, times, _ = logs.shape
    labels = target.shape[1]
    blank = logs[:, :, mask_index]
    spoken = jnp.take_along_axis(logs, jnp.broadcast_to(target[:, None], (*logs.shape[:2], labels)), 2)
    # From a label to an equal one the way leads through a blank.
    repeats = jnp.pad(target[:, :-1] == target[:, 1:], ((0, 0), (0, 1))).astype(logs.dtype)

    def passed(blanks: Array, emitted: Array) -> Array:
        """Blank states after k labels, reached from label k too."""
        return jnp.concatenate([blanks[:, :1], jnp.logaddexp(blanks[:, 1:], emitted)], 1)

    def step(state: tuple[Array, Array], now: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], None]:
        blanks, emitted = state
        label_log, blank_log, counts = now
        open_ = passed(blanks, emitted + _NEVER * repeats)
        next_emitted = jnp.logaddexp(open_[:, :-1], emitted) + label_log
        next_blanks = passed(open_ + blank_log[:, None], emitted + blank_log[:, None] + _NEVER * (1 - repeats))
        keep = counts[:, None]
        return (jnp.where(keep, next_blanks, blanks), jnp.where(keep, next_emitted, emitted)), None

    counts = jnp.arange(times)[:, None] < output_length
    start = jnp.full((target.shape[0], labels + 1), _NEVER, logs.dtype).at[:, 0].set(0.0)
    emitted = jnp.full(target.shape, _NEVER, logs.dtype)
    (blanks, emitted), _ = lax.scan(step, (start, emitted), (spoken.transpose(1, 0, 2), blank.T, counts))
    ends = passed(blanks, emitted)
    return -jnp.take_along_axis(ends, jnp.minimum(target_length, labels)[:, None], 1)[:, 0]


@on_arrays('inputs', 'sequence_lengths')
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = 'greedy',
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Array, Array]:
    """The likeliest labels.

    Args:
        inputs: Logits (batch, times, classes).
        sequence_lengths: Times that count (batch,).
        strategy: 'greedy' takes the likeliest class of each time; 'beam_search' adds up ways to the same labels.
        beam_width: How many beginnings are followed.
        top_paths: How many results of a beam search.
        merge_repeated: Whether equal neighbours are one label (greedy).
        mask_index: The class that is a blank.

    Returns:
        Labels (paths, batch, times), -1 after the end, and scores (batch, paths): minus the sum of the chosen
        logits if greedy, else the paths' log-probabilities.

    Raises:
        ValueError: The strategy is neither.
    """
    inputs = lax.convert_element_type(inputs, result_type(inputs.dtype, 'float32'))
    blank = inputs.shape[-1] - 1 if mask_index is None else mask_index
    beyond = jnp.arange(inputs.shape[1]) >= sequence_lengths[:, None]
    if strategy == 'greedy':
        return _greedy(inputs, beyond, merge_repeated, blank)
    if strategy == 'beam_search':
        return _beam_search(inputs, beyond, beam_width, top_paths, blank)
    raise ArgumentError(f"Expected strategy to be 'greedy' or 'beam_search', received {strategy!r}.")


def _greedy(inputs: Array, beyond: Array, merge_repeated: bool, blank: int) -> tuple[Array, Array]:
    labels = jnp.where(beyond, blank, jnp.argmax(inputs, -1))
    scores = -jnp.where(beyond, 0.0, jnp.max(inputs, -1)).sum(1, keepdims=True)
    if merge_repeated:
        repeats = jnp.pad(labels[:, 1:] == labels[:, :-1], ((0, 0), (1, 0)))
        labels = jnp.where(repeats, blank, labels)
    # A stable sort brings the labels to the front and keeps their order.
    order = jnp.argsort(labels == blank, axis=1, stable=True)
    labels = jnp.where(labels == blank, -1, labels)
    return jnp.take_along_axis(labels, order, 1)[None], scores


def _beam_search(inputs: Array, beyond: Array, width: int, top: int, blank: int) -> tuple[Array, Array]:
    """Follow `width` beginnings; each has the probability of ending in its last label and in a blank."""
    classes = inputs.shape[-1]
    # Of equal scores the smaller class wins, while sorting prefers what comes last: the classes are turned round.
    logs, blank = jnp.flip(nn.log_softmax(inputs), -1), classes - 1 - blank
    paths, scores = jax.vmap(lambda x, skip: _search_one(x, skip, width, top, blank))(logs, beyond)
    return jnp.where(paths == -1, -1, classes - 1 - paths).transpose(1, 0, 2), scores


def _search_one(logs: Array, beyond: Array, width: int, top: int, blank: int) -> tuple[Array, Array]:
    times, classes = logs.shape
    first = min(classes, width)
    best = jnp.argsort(logs[0])[-first:]
    paths = jnp.full((2 * width, times), -1, 'int32')
    paths = paths.at[:first, 0].set(jnp.where(best == blank, -1, best).astype('int32'))
    scores = jnp.full(2 * width, -jnp.inf, logs.dtype).at[:first].set(logs[0][best])
    state = paths, scores, paths[:, 0] == -1

    def step(state: Any, now: tuple[Array, Array]) -> tuple[Any, None]:
        log, skip = now
        return lax.cond(skip, lambda s: s, lambda s: _pruned(_extended(s, log, blank), width), state), None

    (paths, scores, _), _ = lax.scan(step, state, (logs[1:], beyond[1:]))
    paths, scores = _merged(paths, [scores], 2 * width * classes)
    order = jnp.argsort(scores[0])[-top:][::-1]
    return paths[order], scores[0][order]


def _extended(state: Beams, log: Array, blank: int) -> Beams:
    """Every path with every class after it."""
    paths, scores, in_blank = state
    classes = log.shape[0]
    many = paths.shape[0] * classes
    added = jnp.tile(jnp.arange(classes).at[blank].set(-1), paths.shape[0])
    paths, scores, in_blank = (jnp.repeat(x, classes, axis=0) for x in (paths, scores, in_blank))
    length = jnp.argmax(paths == -1, axis=1)
    last = jnp.where(length == 0, -1, paths[jnp.arange(many), length - 1])
    # The label before, without a blank between, is the same label going on.
    written = jnp.where(~in_blank & (last == added), -1, added)
    paths = paths.at[jnp.arange(many), length].set(written.astype('int32'))
    return paths, scores + jnp.tile(log, many // classes), added == -1


def _merged(paths: Array, scores: list[Array], size: int) -> tuple[Array, list[Array]]:
    """Equal paths as one, their probabilities added."""
    unique, place = jnp.unique(paths, return_inverse=True, size=size, axis=0, fill_value=-1)
    place = place.reshape(-1)
    added: list[Array] = []
    for score in scores:
        most = jnp.max(score)
        total = jnp.zeros_like(score).at[place].add(jnp.exp(score - most))
        added.append(jnp.log(total) + most)
    return unique, added


def _pruned(state: Beams, width: int) -> Beams:
    """The `width` likeliest, once as ending in a label and once in a blank."""
    paths, scores, in_blank = state
    ways = [jnp.where(in_blank, -jnp.inf, scores), jnp.where(in_blank, scores, -jnp.inf)]
    paths, (spoken, silent) = _merged(paths, ways, paths.shape[0])
    order = jnp.argsort(jnp.logaddexp(spoken, silent))[-width:]
    ends = jnp.arange(2 * width) >= width
    return jnp.tile(paths[order], (2, 1)), jnp.concatenate([spoken[order], silent[order]]), ends
