"""A receipt in a notebook or a browser: one self-contained block, light or dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from hefted.report.receipt import Line, Receipt, blocks

_STYLE = """
.hefted{--ink:#1f2a24;--quiet:#66736b;--line:#dfe5e0;--paper:#fbfcfa;--leaf:#2f7d4f;--warn:#8a5a00;
  font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--paper);
  border:1px solid var(--line);border-radius:10px;padding:16px 20px;max-width:680px;color-scheme:light dark}
@media(prefers-color-scheme:dark){.hefted{--ink:#e4ebe6;--quiet:#93a199;--line:#2f3a34;--paper:#151a17;
  --leaf:#6fc48f;--warn:#e0b04a}}
.hefted h3{font-size:14px;font-weight:400;margin:0 0 12px;color:var(--quiet)}
.hefted h3 b{color:var(--leaf);font-weight:600}
.hefted table{border-collapse:collapse;width:100%;margin:0;border:0;font-size:14px;color:inherit;background:none}
.hefted tr,.hefted tr:hover,.hefted tr:nth-child(even){background:none}
.hefted td,.hefted th{border:0;padding:2px 16px 2px 0;text-align:left;vertical-align:baseline;color:inherit;
  font-weight:400}
.hefted th{color:var(--quiet);white-space:nowrap;width:1%}
.hefted td.value{white-space:nowrap;font-variant-numeric:tabular-nums;width:1%}
.hefted .figure td.value{font-size:18px;font-weight:600}
.hefted .part th{padding-left:14px}
.hefted td.detail{color:var(--quiet);font-variant-numeric:tabular-nums}
.hefted tbody+tbody::before{content:"";display:block;height:12px}
.hefted .warning td{color:var(--warn)}
.hefted td.share{width:40%}
.hefted .track{display:block;height:8px;border-radius:4px;background:var(--line);overflow:hidden}
.hefted .bar{display:block;height:8px;background:var(--leaf);min-width:2px}
@media(max-width:520px){.hefted{padding:12px 14px}.hefted table,.hefted tbody{display:block}
  .hefted tr{display:grid;grid-template-columns:92px minmax(0,1fr);padding-bottom:4px}
  .hefted th,.hefted td.value{width:auto}.hefted td.detail,.hefted td.share{grid-column:2;width:auto;padding-right:0}
  .hefted .figure td.value{font-size:16px}.hefted td{overflow-wrap:anywhere}}
.hefted code{font:12px ui-monospace,Menlo,Consolas,monospace;color:inherit;background:none}
"""


def fragment(receipt: Receipt) -> str:
    """The receipt as a block of HTML that brings its own style."""
    bodies = ''.join(f'<tbody>{"".join(map(_row, block))}</tbody>' for block in blocks(receipt.lines))
    title = f'<h3><b>Hefted</b> · {escape(receipt.title)}</h3>'
    return f'<div class="hefted"><style>{_STYLE}</style>{title}<table>{bodies}</table></div>'


def page(receipt: Receipt) -> str:
    """The receipt as a whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<title>Hefted · {escape(receipt.title)}</title>'
        '<style>:root{color-scheme:light dark}body{margin:24px}</style></head>'
        f'<body>{fragment(receipt)}</body></html>\n'
    )


def _row(line: Line) -> str:
    return f'<tr class="{line.kind}"><th scope="row">{escape(line.label)}</th>{"".join(_cells(line))}</tr>'


def _cells(line: Line) -> Iterator[str]:
    if line.kind in ('note', 'warning'):
        yield f'<td colspan="3">{escape(line.value)}</td>'
        return
    yield f'<td class="value">{escape(line.value)}</td>'
    if line.kind != 'phase':
        yield f'<td class="detail" colspan="2">{escape(line.detail)}</td>'
        return
    yield f'<td class="detail">{escape(line.detail)}</td>'
    if line.share is None:
        yield '<td class="share"></td>'
        return
    percent = f'{100 * line.share:.0f}'
    bar = f'<span class="bar" style="width:{percent}%"></span>'
    yield f'<td class="share"><span class="track" title="{percent} %">{bar}</span></td>'
