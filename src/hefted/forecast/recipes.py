"""Trainings that were published whole: the model's shape, and stage by stage its steps, batch and length.

BERT's original recipe is 1,000,000 steps of 256 sequences, nine tenths of them at 128 tokens and the last tenth at 512
(Devlin et al. 2019, appendix A.2): 43 billion token positions, 13 passes over its 3.3 billion words, where "40 epochs"
counts every step at 512. NVIDIA's (2019) takes LAMB and batches of 65,536 and 32,768 in 8,601 steps. A modern one packs
sequences, computes in bfloat16, and passes once over the same words.

    >>> ORIGINAL_BASE.tokens / 1e9
    42.5984
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from hefted.forecast.plan import Plan
from hefted.forecast.planning import plan_of
from hefted.forecast.shapes import Shape
from hefted.quantities import Source

BERT_BASE = Shape(layers=12, width=768, vocabulary=30_522, kind='encoder', parameters=109_482_240)
BERT_LARGE = Shape(layers=24, width=1024, vocabulary=30_522, kind='encoder', parameters=335_141_888)
"""With the pooler, and without the heads of pre-training (Devlin et al. 2019, section 3)."""

WORDS = 3.3e9  # of BooksCorpus and English Wikipedia together: Devlin et al. 2019, section 3.1
PIECES_A_WORD = 1.3  # assumed: WordPiece of 30,522 entries breaks English into 1.2 to 1.4 pieces a word

DEVLIN = Source('devlin-2019', 'Devlin et al.: BERT, appendix A.2', 2019, 'https://arxiv.org/abs/1810.04805', 'fact')
NVIDIA = Source(
    'nvidia-bert',
    'NVIDIA DeepLearningExamples: README of BERT for PyTorch, containers 19.07 and 20.06',
    2020,
    'https://github.com/NVIDIA/DeepLearningExamples/tree/master/PyTorch/LanguageModeling/BERT',
    'fact',
)
_ONE_PASS = Source('one pass', 'Assumed: 1.3 word pieces a word, packed, each seen once', 2026, None, 'fact')


class Stage(NamedTuple):
    """A part of a training whose steps are alike.

    Attributes:
        steps: How many.
        batch: Sequences a step, of all devices together, however many of them are accumulated.
        length: Tokens of a sequence.
    """

    steps: int
    batch: int
    length: int

    @property
    def tokens(self) -> float:
        """Token positions; padding counts, as it is computed."""
        return float(self.steps * self.batch * self.length)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training as its paper describes it.

    Attributes:
        name: For people.
        shape: Of the model; each stage has its own length.
        stages: In order.
        precision: Of the products.
        source: Where it is described.
    """

    name: str
    shape: Shape
    stages: tuple[Stage, ...]
    precision: str
    source: Source

    @property
    def tokens(self) -> float:
        """Of all stages."""
        return sum(stage.tokens for stage in self.stages)

    def shaped(self, stage: Stage) -> Shape:
        """The model's shape with a stage's length."""
        return replace(self.shape, sequence_length=stage.length)

    def plan(self, stage: Stage) -> Plan:
        """The plan of one stage."""
        shape = self.shaped(stage)
        return plan_of(tokens=stage.tokens, batch=stage.batch, precision=self.precision, shape=shape)

    @property
    def whole(self) -> Plan:
        """The plan of all stages: steps and operations in all, the memory of the largest.

        Example:
            >>> ORIGINAL_BASE.whole.steps, f'{ORIGINAL_BASE.whole.flops:.2e}'
            (1000000, '2.91e+19')
        """
        plans = [self.plan(stage) for stage in self.stages]
        largest = max(plans, key=lambda plan: plan.peak_bytes or 0)
        steps = sum(plan.steps or 0 for plan in plans)
        batches = {plan.batch_size for plan in plans}
        return replace(
            largest,
            steps=steps,
            batch_size=batches.pop() if len(batches) == 1 else None,
            flops_per_step=sum(plan.flops or 0.0 for plan in plans) / steps,
            tokens=self.tokens,
        )

    def computed_in(self, precision: str) -> Recipe:
        """The same in other numbers."""
        return replace(self, precision=precision)


_ORIGINAL = (Stage(900_000, 256, 128), Stage(100_000, 256, 512))
_LAMB = (Stage(7_038, 65_536, 128), Stage(1_563, 32_768, 512))
_BATCH = 4_096  # of MosaicBERT and of crammed BERT

ORIGINAL_BASE = Recipe('BERT base, 2018', BERT_BASE, _ORIGINAL, 'float16', DEVLIN)
ORIGINAL_LARGE = Recipe('BERT large, 2018', BERT_LARGE, _ORIGINAL, 'float16', DEVLIN)
LAMB_LARGE = Recipe('BERT large, NVIDIA 2019', BERT_LARGE, _LAMB, 'float16', NVIDIA)
MODERN_BASE = Recipe(
    'BERT base, modern',
    BERT_BASE,
    (Stage(round(WORDS * PIECES_A_WORD / 128 / _BATCH), _BATCH, 128),),
    'bfloat16',
    _ONE_PASS,
)
