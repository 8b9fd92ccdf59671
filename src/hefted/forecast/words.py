"""A forecast as told to a person: in one line, as a short block of text, and as one of HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from hefted.quantities import Quantity, parted

if TYPE_CHECKING:
    from hefted.forecast.forecast import Forecast

_HOW = {
    'pilot': 'a few steps that were tried just now',
    'known': 'earlier trainings of the same program here',
    'roofline': "the machine's calibration; no step was tried",
    'catalogue': "a catalogue's figures of the machine",
}
_FIGURES = {
    'Duration': 'duration', 'Energy': 'energy', 'Carbon': 'carbon', 'Water': 'water', 'Minerals': 'minerals',
    'Cost': 'cost',
}  # fmt: skip
_STYLE = """
.hefted-forecast{--ink:#1f2a24;--quiet:#66736b;--line:#dfe5e0;--paper:#fbfcfa;--leaf:#2f7d4f;
  font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--paper);
  border:1px solid var(--line);border-radius:10px;padding:16px 20px;max-width:680px;color-scheme:light dark}
@media(prefers-color-scheme:dark){.hefted-forecast{--ink:#e4ebe6;--quiet:#93a199;--line:#2f3a34;--paper:#151a17;
  --leaf:#6fc48f}}
.hefted-forecast h3{font-size:14px;font-weight:400;margin:0 0 12px;color:var(--quiet)}
.hefted-forecast h3 b{color:var(--leaf);font-weight:600}
.hefted-forecast table{border-collapse:collapse;margin:0;border:0;font-size:14px;color:inherit;background:none}
.hefted-forecast tbody+tbody::before{content:"";display:block;height:12px}
.hefted-forecast tr,.hefted-forecast tr:nth-child(even){background:none}
.hefted-forecast td,.hefted-forecast th{border:0;padding:2px 16px 2px 0;text-align:left;vertical-align:baseline;
  font-weight:400;color:inherit}
.hefted-forecast th{color:var(--quiet);white-space:nowrap}
.hefted-forecast td.value{font-size:18px;font-weight:600;white-space:nowrap;font-variant-numeric:tabular-nums}
.hefted-forecast td.detail{color:var(--quiet)}
"""


def line(forecast: Forecast) -> str:
    """In one line: 'Forecast: 12 s (10 to 15) · 63 J (40 to 95) · 4.5 mg CO2e (1.0 to 9.0) · 320 steps'."""
    told = forecast.footprint
    figures = [short(figure) for figure in (told.duration, told.energy, told.carbon) if figure is not None]
    return 'Forecast: ' + ' · '.join([*figures, *_steps(forecast)])


def block(forecast: Forecast) -> str:
    """As a short block of text, without a newline at its end."""
    rows = [f'{label:<12}{value:<13} {detail}'.rstrip() for label, value, detail in _rows(forecast)]
    notes = [f'{label:<12}{text}' for label, text in _notes(forecast)]
    return '\n'.join([_title(forecast), '', *rows, '', *notes])


def html(forecast: Forecast) -> str:
    """As a block of HTML that brings its own style."""
    rows = ''.join(
        f'<tr><th scope="row">{escape(label)}</th><td class="value">{escape(value)}</td>'
        f'<td class="detail">{escape(detail)}</td></tr>'
        for label, value, detail in _rows(forecast)
    )
    notes = ''.join(
        f'<tr><th scope="row">{escape(label)}</th><td class="detail" colspan="2">{escape(text)}</td></tr>'
        for label, text in _notes(forecast)
    )
    title = _title(forecast).removeprefix('Hefted')
    return (
        f'<div class="hefted-forecast"><style>{_STYLE}</style><h3><b>Hefted</b>{escape(title)}</h3>'
        f'<table><tbody>{rows}</tbody><tbody>{notes}</tbody></table></div>'
    )


def _title(forecast: Forecast) -> str:
    return ' · '.join(['Hefted · forecast', forecast.on, *_steps(forecast)])


def _rows(forecast: Forecast) -> Iterator[tuple[str, str, str]]:
    for label, name in _FIGURES.items():
        figure: Quantity | None = getattr(forecast.footprint, name)
        if figure is None:
            if name == 'energy':
                yield label, 'not known', ''
            continue
        yield label, *parted(figure)


def _notes(forecast: Forecast) -> Iterator[tuple[str, str]]:
    plan, place = forecast.plan, forecast.footprint.place
    phases = forecast.footprint.phases
    if len(phases) > 1:
        yield 'Of which', ', '.join(f'{Quantity(each.seconds, "s").rounded} {name}' for name, each in phases.items())
    yield 'Rests on', _HOW[forecast.how]
    if plan.flops is not None:
        share = forecast.utilisation
        told = '' if share is None else f', at {_percent(share.value)} of the peak'
        yield 'Operations', f'{rounded(plan.flops)}{told}'
    if plan.bytes_between_devices is not None:
        sent = Quantity(plan.bytes_between_devices, 'B').rounded
        counted = 'by' if forecast.how == 'catalogue' else 'counted in'
        yield 'Sends', f'{sent} a step from each of {plan.devices:,} devices, {counted} the program sharded here'
    if plan.peak_bytes is not None:
        fit = {True: ', which fits', False: ', which does not fit', None: ''}[forecast.fits]
        yield 'Memory', f'{Quantity(plan.peak_bytes, "B").rounded}{fit}'
    yield 'Place', str(place)
    if place.hint:
        yield '', place.hint
    for number, note in enumerate(forecast.notes):
        yield '' if number else 'Note', note


def rounded(number: float) -> str:
    """A large number in words.

    Example:
        >>> rounded(340e6), rounded(137e9), rounded(5200)
        ('340 million', '137 billion', '5,200')
    """
    for size, name in ((1e12, 'trillion'), (1e9, 'billion'), (1e6, 'million')):
        if number >= size:
            return f'{number / size:.3g} {name}'
    return f'{number:,.0f}'


def _percent(share: float) -> str:
    """A share of a peak.

    Example:
        >>> _percent(0.153), _percent(0.0123), _percent(2e-8)
        ('15 %', '1.2 %', 'under 0.1 %')
    """
    if share < 1e-3:
        return 'under 0.1 %'
    return f'{100 * share:.0f} %' if share >= 0.1 else f'{100 * share:.2g} %'


def _steps(forecast: Forecast) -> list[str]:
    steps, devices = forecast.plan.steps, forecast.plan.devices
    on = f' on {devices:,} devices' if devices > 1 and forecast.how != 'catalogue' else ''  # which tells its machines
    return [] if steps is None else [f'{steps:,} step{on}' if steps == 1 else f'{steps:,} steps{on}']


def short(figure: Quantity) -> str:
    """A figure with its interval, without its basis: a forecast is a model."""
    return str(figure).replace(f', {figure.basis})', ')').replace(f' ({figure.basis})', '')
