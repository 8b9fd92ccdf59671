"""Comparisons, as told on a terminal and as drawn."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hefted.errors import ArgumentError
from hefted.forecast.compare import Comparison, compare
from hefted.forecast.plan import Plan
from hefted.report.columns import plain
from hefted.report.comparison import cut_name, same, told
from hefted.report.picture import described, draw

from ..forecast.priced import price

PLAN = Plan(steps=10**6, batch_size=256, flops_per_step=6e12, parameters=340_000_000, tokens=137e9)


def compared(*on: str, places: tuple[str, ...] = ('FR', 'US-VA'), by: str = 'carbon') -> Comparison:
    return compare(PLAN, on or ('slow', 'fast'), places, price=price, by=by)  # pyright: ignore[reportArgumentType]


def text(comparison: Comparison, width: int = 120) -> str:
    return '\n'.join(plain(line) for line in told(comparison, width))


def test_what_is_the_same_is_said_once():
    work = '340 million parameters, 137 billion tokens'
    assert same(compared()) == f'{work} · float32 · batch 256'
    assert same(compared('slow')) == f'{work} · slow · float32 · batch 256'
    assert same(compared('slow', places=('FR',))) == f'{work} · France · float32 · batch 256'


def test_rows_tell_their_figures_and_how_many_times_the_least_they_take():
    said = text(compared()).splitlines()
    assert ' '.join(said[2].split()) == 'Machine · Place Duration Energy Carbon Cost Times the least'
    assert said[3].startswith('fast · France')
    assert said[3].endswith('USD')
    assert said[-1].startswith('Least carbon: fast · France')
    assert '10 (' in text(compared('slow'))


def test_a_doubt_is_marked():
    said = text(compared('fast', 'faster', by='energy', places=('FR',)))
    assert [line.endswith('?') for line in said.splitlines()[2:5]] == [False, False, True]


def test_what_does_not_fit_says_so_and_why():
    said = text(compared('slow', 'tiny', places=('FR',)))
    assert 'does not fit' in said
    assert 'tiny: tiny has too little memory.' in said


@pytest.mark.parametrize('width', [60, 80, 100, 120, 200])
def test_the_table_fits_the_terminal_and_keeps_what_it_is_sorted_by(width: int):
    said = text(compared('slow', 'fast', 'faster', 'tiny'), width)
    assert max(map(len, said.splitlines())) <= width
    assert 'Carbon' in said
    assert 'kg CO2e (' in said
    assert ('Cost' in said) == (width > 80)
    assert ('Times' in said) == (width > 60)


def test_one_row_alone_is_told_without_a_verdict():
    said = text(compared('slow', places=('FR',)))
    assert 'Times' not in said
    assert 'Least' not in said
    assert 'slow' in said


def test_a_picture_has_its_words_for_whoever_cannot_see_it(tmp_path: Path):
    draw(compared(), tmp_path / 'a.svg')
    tree = ElementTree.parse(tmp_path / 'a.svg')
    namespace = '{http://www.w3.org/2000/svg}'
    assert tree.findtext(f'{namespace}title') == f'What it takes: {same(compared())}'
    words = (tmp_path / 'a.svg').read_text('utf-8')
    assert 'fast · France: duration' in words
    assert 'Least carbon: fast · France. The next, slow · France, takes about 2.0 times' in described(compared())


def test_the_same_comparison_draws_the_same_file(tmp_path: Path):
    for name in ('a.svg', 'b.svg'):
        draw(compared('slow', 'tiny'), tmp_path / name)
    assert (tmp_path / 'a.svg').read_bytes() == (tmp_path / 'b.svg').read_bytes()


def test_a_picture_of_dots_is_one_on_white(tmp_path: Path):
    from matplotlib.image import imread

    draw(compared(), tmp_path / 'a.png')
    pixels = imread(tmp_path / 'a.png')
    assert pixels.shape[1] > pixels.shape[0] > 300
    assert (pixels[0, 0, :3] == 1.0).all()
    assert (pixels[..., :3].min(axis=2) < 0.5).any()


def test_a_picture_leaves_the_programs_own_matplotlib_alone(tmp_path: Path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw(compared(), tmp_path / 'a.svg')
    assert dict(matplotlib.rcParams) == before


def test_many_rows_with_long_names_are_drawn(tmp_path: Path):
    found = compare(
        PLAN, ['slow', 'fast', 'faster'], ['FR', 'US-VA'], ['float32', 'bfloat16'], [64, 256, 1024], price=price
    )
    assert len(found.rows) == 36
    draw(found, tmp_path / 'many.png')
    assert (tmp_path / 'many.png').stat().st_size > 10_000


@pytest.mark.parametrize('name', ['a.jpg', 'a', 'a.svg/b.svg'])
def test_a_file_that_cannot_be_is_an_error_that_names_it(tmp_path: Path, name: str):
    (tmp_path / 'a.svg').write_text('')
    with pytest.raises(ArgumentError, match='picture: '):
        draw(compared(), tmp_path / name)


def test_where_matplotlib_is_missing_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    with pytest.raises(ArgumentError, match=r"pip install 'hefted\[plots\]'"):
        draw(compared(), tmp_path / 'a.svg')


@pytest.mark.parametrize('width', [28, 30, 33, 40])
def test_names_that_are_cut_short_still_differ(width: int):
    names = [f'64 x Tesla V100 SXM2 16GB · {place} · bfloat16' for place in ('France', 'Virginia')]
    short = [cut_name(name, width) for name in names]
    assert max(map(len, short)) <= width
    assert short[0] != short[1]


def test_a_picture_of_what_fits_nowhere_says_so(tmp_path: Path):
    from dataclasses import replace

    rows = tuple(replace(row, forecast=replace(row.forecast, fits=False)) for row in compared().rows)
    draw(Comparison(rows, 'carbon'), tmp_path / 'a.svg')
    draw(compared(), tmp_path / 'b.svg')
    drawn, usual = ((tmp_path / name).read_text('utf-8') for name in ('a.svg', 'b.svg'))
    assert drawn.count('does not fit') > usual.count('does not fit')
