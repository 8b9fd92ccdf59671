"""The story of BERT's price, as told to a person on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from hefted.forecast.story import EARLIER, OFF, Story, Told
from hefted.quantities import Quantity
from hefted.report.columns import Column, Piece, plain, table
from hefted.report.comparison import cut_name, interval, left_out

Lines = Iterator[list[Piece]]
_UNKNOWN = '–'
_PARTS = {
    'gpu': 'GPUs',
    'cpu': 'processors',
    'dram': 'memory',
    'unseen': 'fans, supplies, board',
    'switches': 'switches',
}
_NARROW = 70  # where names are cut to what tells them apart
_WIDEST = 118  # no line of text is read well beyond
_WHY = (
    'The paper multiplied the watts of one Titan X, of 250 W at most, by 64. A DGX-2H lets each V100 draw up to 450 W, '
    'and its processors, memory, fans, supplies and switches draw {beside:.0f} % of that again. Both sides have the '
    "paper's PUE of 1.58 and its 79.2 hours. A run that waited much of them drew less: that is the low end."
)
_FORECAST = (
    'Of 2018 is the recipe of its authors: 1,000,000 steps of 256 sequences. Forecasts know the shape of the model, '
    "its steps and the machine. What share of its peak a V100 reaches was set with the GPU maker's own figures of BERT "
    'large in sight, so 15.35 h proves little; without them it would be forecast half as long again. Carbon is of the '
    'grid of the United States as it is now, with the making of the hardware; V100s cost what the paper took, 2.48 '
    'USD/h, and at the low end its 0.74 of those that may be taken away. The work of the base model explains neither '
    '79.2 nor 96 hours: those runs held more than it, or their software was slower; the papers do not say.'
)
_MODERN = (
    'One pass over the same 3.3 billion words (4.3 billion word pieces), packed without padding, in bfloat16. Energy '
    "is the machines' own; carbon has the data centre's share and the making of the hardware too. What the model is "
    'worth afterwards is not forecast. This was published:'
)


def told(story: Story, width: int) -> Lines:
    """Lay the story out in lines of pieces with styles.

    Args:
        story: What is told.
        width: Of the terminal.
    """
    width = min(width, 140)
    title = 'BERT: what its training took, as published, in fact, and today'
    yield from ([(line, 'strong')] for line in textwrap.wrap(title, width))
    yield from _quietly(
        '"Training BERT on GPU is roughly equivalent to a trans-American flight" (Strubell et al. 2019).', width
    )
    yield from _section('1', 'As published in 2019: BERT base on 64 V100, 79.2 hours')
    yield from _printed(story, width)
    yield from _section('2', 'What is known to be off')
    yield from (line for text in OFF for line in _bullet(text, width))
    yield from _section('3', 'What 64 V100s draw')
    yield from _drawn(story, width)
    yield from _quietly(_WHY.format(beside=100 * _beside(story)), width)
    yield from _section('4', 'Trainings of then, forecast from model and machine')
    yield from _then(story, width)
    yield from _quietly(_FORECAST, width)
    yield from _section('5', 'The modern recipe, today')
    yield from _now(story, width)
    yield from _quietly(_MODERN, width)
    yield from (line for each in EARLIER for line in _bullet(f'{each.name}: {each.told} ({each.url})', width))
    yield []
    yield from ([(line, 'strong')] for line in textwrap.wrap(verdict(story), min(width, _WIDEST)))
    yield from _quietly(reasons(story), width)
    yield from _notes(story.now, width)


def verdict(story: Story) -> str:
    """How many times today's least the published figure is, in a sentence."""
    least = story.least
    times, carbon = story.times(least), least.forecast.footprint.carbon
    if times is None or carbon is None:
        return 'What today would take is not known.'
    return (
        f'Today, on {least.forecast.on} ({least.forecast.footprint.place.name}): {interval(carbon)}. The published '
        f'{story.printed.carbon.rounded} are {interval(times)} times that.'
    )


def reasons(story: Story) -> str:
    """What those times are made of, in a sentence; '' where that is not known.

    Most of them are no progress of machines.
    """
    apart = story.apart(story.least)
    if apart is None:
        return ''
    return (
        f'Of these, {apart.figure.rounded} times are the published figure over what the work of BERT base takes on '
        f'those same GPUs by the forecast above; {apart.tokens:.2g} times are that today’s recipe reads one pass where '
        f'the first read so many more; {apart.rest.rounded} times are machines, place and what is counted.'
    )


def _beside(story: Story) -> float:
    """What a node's other parts draw over its GPUs."""
    gpus = story.watts['gpu'].value
    return story.wall.value / gpus - 1


def _printed(story: Story, width: int) -> Lines:
    printed = story.printed
    dollars = f'{printed.least.value:,.0f} to {printed.most.value:,.0f} USD'
    rows = [
        ['Power', f'{printed.power.value:,.0f} W', '64 times 188.1 W, which one Titan X drew'],
        ['Energy', f'{printed.energy.value:,.0f} kWh', f'12.04 kW x 79.2 h x PUE 1.58 = {printed.energy_again:,.1f}'],
        [
            'Carbon',
            f'{printed.carbon.value:,.0f} kg CO2e',
            f'printed as 1,438 lb; 0.954 lb/kWh = {printed.pounds_again:,.1f}',
        ],
        ['Cloud', dollars, '64 x 79.2 h at 0.74 (preemptible) to 2.48 USD'],
        ['Flights', f'{printed.flights.value:.2f}', 'of a passenger, New York to San Francisco and back'],
    ]
    columns = [Column('', style='name'), Column('', right=True, style='strong'), Column('', style='quiet')]
    if _wide([''] * 3, rows) <= width:
        yield from list(table(columns, rows, width))[1:]
        return
    figures = list(table(columns[:2], [row[:2] for row in rows], width))[1:]
    for line, (*_, how) in zip(figures, rows, strict=True):
        yield line
        yield from ([(f'  {part}', 'quiet')] for part in textwrap.wrap(how, width - 2))


def _drawn(story: Story, width: int) -> Lines:
    rows = [[_PARTS.get(name, name), '', interval(watts)] for name, watts in story.watts.items()]
    printed = story.printed
    rows += [
        ['together', f'{printed.power.to("kW").value:.1f} kW', interval(story.wall)],
        ['79.2 h x PUE 1.58', f'{printed.energy.to("MWh").value:.1f} MWh', interval(story.drawn)],
    ]
    columns = [Column('64 V100', style='name'), Column('The paper', right=True), Column('Hefted', style='strong')]
    yield from table(columns, rows, width)


def _then(story: Story, width: int) -> Lines:
    heads = ('Training', 'On', 'Published', 'Forecast', 'Energy', 'Carbon', 'Cost')
    rows = [
        [
            each.name,
            each.forecast.on.replace('Tesla ', '').replace(' SXM3 32GB', ''),
            _hours(each.published),
            _hours_between(each.forecast.duration),
            *_figures(each),
        ]
        for each in story.then
    ]
    yield from _fitting(heads, rows, width, ((6,), (4,), (5,)), 'Forecast')


def _now(story: Story, width: int) -> Lines:
    several = len({each.forecast.footprint.place for each in story.now}) > 1
    heads = ('Machine · Place' if several else 'Machine', 'Duration', 'Energy', 'Carbon', 'Cost', 'Times less')
    rows = [
        [_named(each, several), _interval(each.forecast.duration), *_figures(each), _times(story, each)]
        for each in story.now
    ]
    if not several:
        place = story.now[0].forecast.footprint.place
        yield from _quietly(f'Place: {place}. Tell another, or several, by --place FR.', width)
    yield from _fitting(heads, rows, width, ((2,), (4,)), 'Carbon')


def _fitting(
    heads: Sequence[str], rows: list[list[str]], width: int, given_up: Sequence[Sequence[int]], strong: str
) -> Lines:
    """A table in which a narrow terminal goes without intervals, but for the figure that counts, before columns."""
    columns = [Column(head, style='strong' if head == strong else '') for head in heads]
    columns[0] = Column(heads[0], style='name', cut=cut_name)
    at = heads.index(strong)
    short = [
        [cell if column in (0, at) else cell.partition(' (')[0] for column, cell in enumerate(row)] for row in rows
    ]
    cells = rows if _wide(heads, rows) <= width else short
    few = given_up if _wide(heads, cells) > width else ()
    lines = list(table(columns, cells, width, few, elastic=0, shortest=18 if width > _NARROW else 12))
    yield from lines
    yield from left_out(
        [head for head in heads[1:] if head not in plain(lines[0])], width
    )  # the first may be cut short


def _wide(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return sum(max(len(cell) for cell in column) + 2 for column in zip(heads, *rows, strict=True)) - 2


def _figures(told: Told) -> list[str]:
    footprint = told.forecast.footprint
    return [_interval(footprint.energy), _interval(footprint.carbon), _interval(told.cost)]


def _times(story: Story, told: Told) -> str:
    """How many times less carbon than was published."""
    times = story.times(told)
    return _UNKNOWN if times is None else times.rounded


def _named(told: Told, several: bool) -> str:
    name = told.forecast.on
    return f'{name} · {told.forecast.footprint.place.name.partition(",")[0]}' if several else name


def _interval(figure: Quantity | None) -> str:
    return _UNKNOWN if figure is None else interval(figure)


def _hours(hours: Quantity | None) -> str:
    return _UNKNOWN if hours is None else f'{hours.to("h").value:g} h'


def _hours_between(duration: Quantity) -> str:
    """In hours, as published ones are, and not in days."""
    hours = duration.to('h')
    return f'{hours.value:.2g} h ({hours.low:.2g} to {hours.high:.2g})'


def _section(number: str, title: str) -> Lines:
    yield []
    yield [(f'{number}  ', 'quiet'), (title, 'strong')]


def _bullet(text: str, width: int) -> Lines:
    lines = textwrap.wrap(text, min(width, _WIDEST) - 2, break_on_hyphens=False, break_long_words=False)
    yield from ([('· ' if number == 0 else '  ', 'quiet'), (line, '')] for number, line in enumerate(lines))


def _quietly(text: str, width: int) -> Lines:
    yield from ([(line, 'quiet')] for line in textwrap.wrap(text, min(width, _WIDEST), break_on_hyphens=False))


def _notes(now: Iterable[Told], width: int) -> Lines:
    """What forecasts of today say of themselves, each once; list prices in one sentence."""
    notes = dict.fromkeys(note for each in now for note in each.forecast.notes)
    priced = [note for note in notes if note.startswith(_PRICED)]
    instances = ', '.join(note.removeprefix(_PRICED).partition(',')[0] for note in priced)
    told = [f'{_PRICED}{instances}, by the accelerator.'] if priced else []
    for note in [*told, *(note for note in notes if note not in priced)]:
        yield from _quietly(note, width)


_PRICED = 'Cost is by the list price of '
