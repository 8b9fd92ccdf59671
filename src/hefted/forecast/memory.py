"""The most memory that a training step of a transformer's encoder takes, by its shapes alone.

The blocks run as one loop (`layers.Stack`), whose backward half begins when the forward one has kept, of every block,
what its gradient needs. Of a block of BERT's kind, in float32, that is for each token:

- 14 vectors of the model's width: the input, query (as made and as scaled), key, value and their mixture, and of each
  of the two sums its parts, its normalized form and its output;
- 2 vectors of the width between the dense layers: before and after the activation;
- with dropout, a byte for each place of the two outputs that it zeroes;

and for each head and pair of tokens the attention's weight, with dropout the weight that was left too, and a byte that
says whether it was. With `remat='full'` a block keeps its input alone, with 'products' also the six outputs of its
dense layers; then one block's parts are there at once, and with them slopes of the widest ones.

These counts are read off the traced program, and the sum agrees with what XLA says of BERT large's compiled step to
2 % (batches of 1 to 8 rows of 128 tokens and of 2 of 512, on a CPU, jax 0.10), of small ones and with
rematerialization to 8 %. In 16 bits what is kept is about half; on a GPU a fused attention keeps no weights at all. XLA
says of a CPU's program neither, so there is no formula for them here.
"""

from __future__ import annotations

from typing import NamedTuple

from hefted.errors import unknown_name

_FLOAT = 4  # bytes
_WIDE, _INNER = 14, 2  # vectors that are kept of a token


class StepMemory(NamedTuple):
    """Bytes that are in use at once, at the most.

    Attributes:
        weights: The parameters.
        slots: What the optimizer keeps for each of them.
        gradients: Of the blocks' parameters; of the others where the vocabulary is scored by the embedding, whose
            first part is there from the beginning. Else they come when what the blocks kept is gone.
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
    remat: str = 'none',
) -> StepMemory:
    """The peak memory of one training step in float32, weights and optimizer included.

    `4 p (1 + slots) + 4 g + (n + 1) b + 4 s` bytes. A block keeps `b = t (56 d + 8 f) + 4 h t l` of them, with dropout
    `2 t d + 5 h t l` more. `g` is `p` where the vocabulary is scored, else `n (4 d^2 + 2 d f + 9 d + f)`. With `remat`,
    `n k + b + 4 t (2 d + f) + 4 h t l` takes the place of `(n + 1) b`: `k` is `4 t d` for 'full', `4 t (6 d + f)` for
    'products'. The module's text says where each term is from.

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
        remat: As for `layers.Stack`.

    Raises:
        UnknownNameError: Another `remat`.

    Example:
        >>> large = dict(parameters=335_174_458, blocks=24, width=1024, inner=4096, heads=16)
        >>> step = encoder_step_memory(**large, rows=2, length=128, scores=2 * 20 * 30_522)
        >>> f'{step.total / 1e9:.2f} GB'  # XLA says 6.13
        '6.08 GB'
    """
    tokens = rows * length
    pairs = heads * tokens * length
    block = 4 * width**2 + 2 * width * inner + 9 * width + inner
    each = _FLOAT * (tokens * (_WIDE * width + _INNER * inner) + pairs)
    if dropout:
        each += 2 * tokens * width + (_FLOAT + 1) * pairs
    kept = (blocks + 1) * each
    if remat != 'none':
        kept = blocks * _kept_with(remat, tokens, width, inner) + each
        kept += _FLOAT * (tokens * (2 * width + inner) + pairs)
    state = _FLOAT * parameters
    gradients = _FLOAT * (parameters if scores else blocks * block)
    return StepMemory(state, slots * state, gradients, kept, _FLOAT * scores)


def _kept_with(remat: str, tokens: int, width: int, inner: int) -> int:
    """Bytes that a block keeps for the backward pass, the rest being computed again."""
    kept = {'full': width, 'products': 6 * width + inner}
    if remat not in kept:
        raise unknown_name('remat', remat, ('none', *kept))
    return _FLOAT * tokens * kept[remat]
