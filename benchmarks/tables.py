"""The figures as tables: for a terminal, and in Markdown for the README."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bars import Verdict
from statistics_of import median_ratio
from workloads import PEERS, WORKLOADS

_BEGIN, _END = '<!-- bench:begin -->', '<!-- bench:end -->'
_UNITS = ((1, 's'), (1e-3, 'ms'), (1e-6, 'µs'))

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def seconds(value: float) -> str:
    """Three digits and the unit that suits them."""
    scale, unit = next((pair for pair in _UNITS if value >= pair[0]), _UNITS[-1])
    return f'{value / scale:.3g} {unit}'


def workload(name: str, rows: Rows) -> str:
    """One workload for a terminal: medians, and Hefted's wall time over each peer's."""
    lines = [f'\n{WORKLOADS[name].title}']
    for peer, runs in rows.items():
        if runs:
            wall, cpu = (statistics.median(run[figure] for run in runs) for figure in ('wall', 'cpu'))
            memory = statistics.median(run['memory'] for run in runs) if 'memory' in runs[0] else None
            told = f'{memory / 1e6:7.0f} MB' if memory else ''
            lines.append(
                f'  {PEERS.get(peer, peer):<32} {seconds(wall):>8}  CPU {seconds(cpu):>8} {told:>11}'
                f'  {_ratio("wall", rows, peer)}'
            )
    return '\n'.join(lines)


def bars(verdicts: Sequence[Verdict]) -> str:
    """Every bar, for a terminal."""
    return '\nBars\n' + '\n'.join(
        f'  {_what(verdict):<78} {_figure(verdict):<22} {_limit(verdict):<12} {verdict.told}' for verdict in verdicts
    )


def markdown(result: Mapping[str, Any], verdicts: Sequence[Verdict]) -> str:
    """All workloads and all bars."""
    about = result['machine']
    peers = [peer for peer in PEERS if any(runs.get(peer) for runs in result['runs'].values())]
    head = ['', *(PEERS[peer] for peer in peers)]
    measured = (
        f'Measured on {result["date"]} on {about["cores"]} cores of {about["cpu"]} ({about["system"]}), '
        f'Python {about["python"]}: medians of alternating runs.'
    )
    for day, names in sorted(result.get('earlier', {}).items()):
        measured += f' On {day}: {", ".join(sorted(names))}.'
    lines = [measured, '', _row(head), _row(['---'] * len(head))]
    for name, rows in result['runs'].items():
        if rows.keys() & {'floor', 'torch'}:
            lines.append(_row([WORKLOADS[name].title, *(_cell(rows, peer, 'wall') for peer in peers)]))
            if name.startswith('reference'):
                for title, figure in (('its CPU time', 'cpu'), ('its peak memory', 'memory')):
                    lines.append(_row([title, *(_cell(rows, peer, figure) for peer in peers)]))
    lines += ['', _row(['bar', 'limit', 'here (95 % interval)', '']), _row(['---'] * 4)]
    lines += [_row([_what(v), _limit(v), _figure(v), v.told]) for v in verdicts]
    return '\n'.join(lines)


def write_readme(path: Path, result: Mapping[str, Any], verdicts: Sequence[Verdict]) -> None:
    """Put the tables between the README's markers."""
    text = path.read_text('utf-8')
    before, rest = text.split(_BEGIN)
    after = rest.split(_END)[1]
    path.write_text(f'{before}{_BEGIN}\n{markdown(result, verdicts)}\n{_END}{after}', 'utf-8')


def _ratio(figure: str, rows: Rows, peer: str) -> str:
    ours, theirs = rows.get('hefted', ()), rows[peer]
    if peer == 'hefted' or not ours or len(ours) != len(theirs):
        return ''
    ratio, low, high = median_ratio([run[figure] for run in ours], [run[figure] for run in theirs])
    return f'Hefted takes {ratio:.2f} of it ({low:.2f} to {high:.2f})'


def _cell(rows: Rows, peer: str, figure: str) -> str:
    if not rows.get(peer):
        return '–'
    value = statistics.median(run[figure] for run in rows[peer])
    return f'{value / 1e6:.0f} MB' if figure == 'memory' else seconds(value)


def _what(verdict: Verdict) -> str:
    bar = verdict.bar
    figure = '' if bar.figure == 'wall' else f', {bar.figure.replace("_", " ")}'
    over = f', over {PEERS.get(bar.over, bar.over)}' if bar.over else ''
    return f'{WORKLOADS[bar.workload].title}{figure}{over}'


def _limit(verdict: Verdict) -> str:
    return '' if verdict.bar.limit is None else f'{verdict.bar.limit:g} {verdict.bar.unit}'.strip()


def _figure(verdict: Verdict) -> str:
    if verdict.low is None:
        return f'{verdict.value:.3g} {verdict.bar.unit}'.strip()
    digits = 4 if verdict.bar.limit is None else 2
    return f'{verdict.value:.{digits}f} ({verdict.low:.{digits}f} to {verdict.high:.{digits}f})'


def _row(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'
