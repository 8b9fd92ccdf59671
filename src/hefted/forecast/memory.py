"""The most memory that a training step of a transformer's encoder takes, by its shapes alone.

The blocks run as one loop (`layers.Stack`), whose backward half begins when the forward one has kept, of every block,
what its gradient needs. Of a block of BERT's kind, in float32, that is for each token:

- 14 vectors of the model's width: the input, query (as made and as scaled), key, value and their mixture, and of each
  of the two sums its parts, its normalized form and its output;
- 2 vectors of the width between the dense layers: before and after the activation;
- with dropout, a byte for each place of the two outputs that it zeroes;

and for each head and pair of tokens the attention's weight, with dropout the weight that was left too, and a byte that
says whether it was. Query's, key's and value's kernels are kept side by side. These counts are read off the traced
program, and the sum agrees with what XLA says of BERT large's compiled step to 3 % (batches of 1 to 8 rows of 128
tokens and of 2 of 512, on a CPU, jax 0.10).
"""

from __future__ import annotations

from typing import NamedTuple

_FLOAT = 4  # bytes
_WIDE, _INNER = 14, 2  # vectors that are kept of a token


class StepMemory(NamedTuple):
    """Bytes that are in use at once, at the most.

    Attributes:
        weights: The parameters.
        slots: What the optimizer keeps for each of them.
        gradients: Of the blocks' parameters; the others' come when what the blocks kept is gone.
        kept: What the forward pass keeps for the backward one, and one block more that is being worked on.
        logits: Scores of the vocabulary.
    """

    weights: int
    slots: int
    gradients: int
    kept: int
    logits: int

    @property
    def total(self) -> int:
        """All of them: the step's peak."""
        return sum(self)


def encoder_step_memory(
    *,
    parameters: int,
    blocks: int,
    width: int,
    inner: int,
    heads: int,
    rows: int,
    length: int,
    scores: int = 0,
    slots: int = 2,
    dropout: bool = True,
) -> StepMemory:
    """The peak memory of one training step in float32, weights and optimizer included, without rematerialization.

    `4 p (1 + slots) + 4 n (4 d^2 + 2 d f + 9 d + f) + 12 n d^2 + (n + 1) (t (56 d + 8 f) + 4 h t l) + 4 s` bytes; with
    dropout, `2 t d + 5 h t l` more a block. The module's text says where each term is from.

    Args:
        parameters: Of the whole model, `p`.
        blocks: How many, `n`.
        width: Of the model, `d`.
        inner: Between a block's dense layers, `f`.
        heads: Of a block's attention, `h`.
        rows: Of a batch on one device; `t` is rows times length.
        length: Tokens of a row, `l`.
        scores: Numbers that the last layer gives, `s`: places whose tokens are wanted times the vocabulary.
        slots: Numbers that the optimizer keeps for each parameter: 2 for Adam, AdamW and LAMB.
        dropout: Whether blocks drop in training.

    Example:
        >>> large = dict(parameters=335_174_458, blocks=24, width=1024, inner=4096, heads=16)
        >>> step = encoder_step_memory(**large, rows=2, length=128, scores=2 * 20 * 30_522)
        >>> f'{step.total / 1e9:.2f} GB'  # XLA says 6.26
        '6.25 GB'
    """
    tokens = rows * length
    pairs = heads * tokens * length
    block = 4 * width**2 + 2 * width * inner + 9 * width + inner
    each = _FLOAT * (tokens * (_WIDE * width + _INNER * inner) + pairs)
    if dropout:
        each += 2 * tokens * width + (_FLOAT + 1) * pairs
    state = _FLOAT * parameters
    gradients = _FLOAT * blocks * block
    joined = _FLOAT * 3 * blocks * width**2
    return StepMemory(state, slots * state, gradients, joined + (blocks + 1) * each, _FLOAT * scores)
