"""How well a training uses its devices and its energy: MFU, and tokens (or rows) for each joule.

    MFU = operations of the products of matrices in a step x steps / (seconds x devices x peak)

(Chowdhery et al. 2022, PaLM, appendix B, where N parameters and D tokens stand for the products; here they are counted
in the traced step, forward and backward, so that any model has one.) What works element by element is not in it, as it
is not in the peak. Where a step computes parts again to save memory (`remat`), those products are in the count, which
is then the utilisation of the hardware and is called so: HFU (Korthikanti et al. 2022, section 6.3). cuDNN's attention
counts as its products would without it, and what it computes again inside does not. Other kernels that are opaque to
JAX are not counted: with them, what is told is the least.

A peak is the data sheet's, of dense products in the numbers that the step multiplies (`hefted.forecast.chips`), of what
JAX has as one device. A processor has none there, nor have numbers without a published rate (bfloat16 on a V100,
float16 on a TPU): they get no MFU, and nothing is guessed. Seconds and joules are those of training alone: compiling,
input that was waited for before the first step, validation and checkpoints are not in them. A row has tokens where a
step looks something up by whole numbers (an embedding does) and an input is rows of whole numbers, of which the longest
counts; else rows are told. Padding is no token where the data tells of it, as `hefted.text`'s data sets and arrays
named 'padding_mask' do; elsewhere all places count. Operations of a short last batch count as a whole one's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hefted.errors import ArgumentError
from hefted.forecast.plan import Plan
from hefted.quantities import Quantity, Source, parted

if TYPE_CHECKING:
    from hefted.footprint.footprint import Footprint

_COUNTED = Source(
    'counted products',
    'Products of matrices in the traced step over the peak of the data sheet (MFU: Chowdhery et al. 2022, appendix B)',
    2022,
    'https://arxiv.org/abs/2204.02311',
    'fact',
)


class Effort(NamedTuple):
    """What a stretch of training made of its devices and its energy.

    Attributes:
        utilisation: Operations a second over the peak, from 0 to 1; None where either is not known.
        per_joule: Tokens or rows for each joule; None where nothing is metered.
        of: 'tokens' or 'rows'.
        counted: 'MFU', or 'HFU' where the step computes products again.
    """

    utilisation: float | None
    per_joule: float | None
    of: str = 'rows'
    counted: str = 'MFU'


def effort(plan: Plan, steps: float, seconds: float, joules: float | None) -> Effort | None:
    """Tell it of some steps.

    Args:
        plan: What a step is.
        steps: How many were done.
        seconds: In which.
        joules: With which; None where nothing is metered.

    Returns:
        None where nothing can be told.

    Example:
        >>> plan = Plan(batch_size=8, tokens_per_row=128, products_per_step=1e12, peak_flops=1e14)
        >>> effort(plan, 50, 2.0, 400.0)
        Effort(utilisation=0.25, per_joule=128.0, of='tokens', counted='MFU')
    """
    if steps <= 0 or seconds <= 0:
        return None
    share = None
    if plan.products_per_step and plan.peak_flops:
        share = plan.products_per_step * steps / (seconds * plan.peak_flops * plan.devices)
    rows = (plan.batch_size or 0) * (plan.tokens_per_row or 1) * steps
    each = rows / joules if rows and joules else None
    if share is None and each is None:
        return None
    return Effort(share, each, 'tokens' if plan.tokens_per_row else 'rows', 'HFU' if plan.recomputes else 'MFU')


def short(told: Effort) -> str:
    """Tell it on a live line: rows are left out, which every training has, and tokens are told.

    Example:
        >>> short(Effort(0.413, 1234.5, 'tokens')), short(Effort(None, 12.0))
        ('41 % MFU · 1,200 tokens/J', '')
    """
    parts: list[str] = []
    if told.utilisation is not None:
        parts.append(f'{percent(told.utilisation)} {told.counted}')
    if told.per_joule is not None and told.of == 'tokens':
        size, unit = _scale(told.per_joule)
        parts.append(f'{rounded(told.per_joule * size)} tokens/{unit}')
    return ' · '.join(parts)


class Yielded(NamedTuple):
    """The same of a whole run, as quantities.

    Attributes:
        per_joule: '1/J', tokens or rows; its interval is the energy's.
        of: 'tokens' or 'rows'.
        utilisation: '1'; None where no peak is known.
        counted: 'MFU' or 'HFU'.
    """

    per_joule: Quantity | None
    of: str = 'rows'
    utilisation: Quantity | None = None
    counted: str = 'MFU'

    def to_json(self) -> dict[str, Any]:
        """Write it as plain data."""
        return {
            'per_joule': self.per_joule and self.per_joule.to_json(),
            'of': self.of,
            'utilisation': self.utilisation and self.utilisation.to_json(),
            'counted': self.counted,
        }

    @property
    def words(self) -> tuple[str, str]:
        """What is told, and how it is known.

        Example:
            >>> told = Yielded(Quantity(125.0, '1/J', 'modelled'), 'tokens', Quantity(0.4, '1', 'modelled'))
            >>> told.words
            ('125 tokens/J', 'modelled; 40 % MFU')
        """
        use = '' if self.utilisation is None else f'{percent(self.utilisation.value)} {self.counted}'
        if self.per_joule is None:
            return use, ''
        size, unit = _scale(self.per_joule.value)
        value, about = parted(replace(self.per_joule, unit='1') * size)
        return f'{value} {self.of}/{unit}', '; '.join(filter(None, (about, use)))


def yielded(
    plan: Plan | Mapping[str, Any] | None, steps: int | None, took: Footprint, part: float = 1.0
) -> Yielded | None:
    """Tell what a run made of its devices and its energy.

    Args:
        plan: Its plan, or that as its journal holds it.
        steps: How many it did.
        took: Its footprint, of which the phase 'train' counts.
        part: Which part of all processes that trained together the footprint is of; rows of a step are those of all.

    Returns:
        None where no step was done, or nothing is known.
    """
    plan = Plan.from_json(plan) if isinstance(plan, Mapping) else plan
    train = took.phases.get('train')
    if plan is None or train is None or not steps:
        return None
    found = effort(plan, steps, train.seconds, train.energy and train.energy.to('J').value)
    if found is None:
        return None
    share = found.utilisation
    use = None if share is None else Quantity(share, '1', 'modelled', (), (_COUNTED,))
    return Yielded(_per_joule(found, train.energy, part), found.of, use, found.counted)


def done_of(step: Any, resumed: Any) -> int | None:
    """Steps that a run itself did: those that its journal counts, without those of earlier attempts.

    Args:
        step: The last that its journal tells.
        resumed: What it tells of where it was taken up, such as {'step': 700}; None where it was not.

    Example:
        >>> done_of(800, {'step': 700}), done_of(None, None)
        (100, None)
    """
    before = cast('dict[str, Any]', resumed).get('step') if isinstance(resumed, dict) else 0
    if not isinstance(step, int) or not isinstance(before, int):
        return None
    return max(step - before, 0)


def _per_joule(found: Effort, energy: Quantity | None, part: float) -> Quantity | None:
    """With the energy's interval; None where that may be nothing."""
    if found.per_joule is None or energy is None:
        return None
    try:
        return (Quantity(part * found.per_joule * energy.to('J').value, '1') / energy).to('1/J')
    except ArgumentError:
        return None


def _scale(per_joule: float) -> tuple[float, str]:
    """The energy by which a yield is told, in J, and its name: one by which it is a number that is read.

    Example:
        >>> _scale(2.6e6), _scale(125.0), _scale(0.002)
        ((0.001, 'mJ'), (1.0, 'J'), (1000.0, 'kJ'))
    """
    sizes = (1.0, 'J'), (1e-3, 'mJ'), (1e-6, 'µJ'), (1e3, 'kJ'), (1e6, 'MJ')
    return next((each for each in sizes if 0.1 <= per_joule * each[0] < 1e5), sizes[0])


def percent(share: float) -> str:
    """A share of a peak.

    Example:
        >>> percent(0.413), percent(0.0042)
        ('41 %', '0.42 %')
    """
    return f'{100 * share:.0f} %' if share >= 0.1 else f'{100 * share:.2g} %'


def rounded(number: float) -> str:
    """To two digits.

    Example:
        >>> rounded(1234.5), rounded(0.0123)
        ('1,200', '0.012')
    """
    shown = float(f'{number:.1e}')
    return f'{shown:,.0f}' if shown >= 10 else f'{shown:g}'
