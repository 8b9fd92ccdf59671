"""The story of BERT's price, as told on terminals of all widths and as drawn."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from hefted.errors import ArgumentError
from hefted.forecast.story import Story, story
from hefted.report.columns import plain
from hefted.report.story import told, verdict
from hefted.report.story_picture import described, draw, marks_of


@pytest.fixture(scope='module')
def found() -> Story:
    return story(['8 x A100-80GB', '8 x H100', 'this machine'], ['FR', 'US-VA'])


def text(story: Story, width: int = 120) -> str:
    return '\n'.join(plain(line) for line in told(story, width))


def test_the_papers_figures_stand_beside_what_they_come_to(found: Story):
    said = text(found)
    for part in ('1,507 kWh', '1,506.8', '652 kg CO2e', '1,437.5', '3,751 to 12,571 USD', '0.72', '15.35 h', '79.2 h'):
        assert part in said


@pytest.mark.parametrize('width', [80, 100, 120, 140, 200])
def test_no_line_is_longer_than_the_terminal(found: Story, width: int):
    lines = text(found, width).splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith('8 x H100') and 'Virginia' in line for line in lines)


def test_a_narrow_terminal_has_whole_lines_and_is_told_what_it_goes_without(found: Story):
    lines = text(found, 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert '  12.04 kW x 79.2 h x PUE 1.58 = 1,506.8' in lines
    assert 'Left out for want of width: energy, carbon, cost. --json has' in lines


@pytest.mark.parametrize('width', [40, 60])
def test_a_narrow_terminal_keeps_what_counts(found: Story, width: int):
    said = text(found, width)
    assert 'Carbon' in said
    assert '1,507 kWh' in said


def test_a_wide_terminal_tells_every_interval(found: Story):
    alone = story(['8 x H100'], ['FR'])
    line = next(line for line in text(alone, 140).splitlines() if line.startswith('8 x H100'))
    assert line.count(' to ') == 4


def test_the_verdict_is_of_the_least(found: Story):
    said = verdict(found)
    assert '8 x H100' in said
    assert 'France' in said
    assert 'times that' in said


def test_a_picture_has_its_words_and_is_the_same_each_time(found: Story, tmp_path: Path):
    for name in ('a.svg', 'b.svg'):
        draw(found, tmp_path / name)
    assert (tmp_path / 'a.svg').read_bytes() == (tmp_path / 'b.svg').read_bytes()
    title = ElementTree.parse(tmp_path / 'a.svg').findtext('{http://www.w3.org/2000/svg}title')
    assert title is not None
    assert title.startswith('What the training of BERT takes')
    words = described(marks_of(found))
    assert 'As published: BERT base, 64 V100: 652 kg CO2e, 3.3 d' in words
    assert 'Today · this machine · France' in words


def test_a_picture_of_dots_is_drawn_and_another_kind_refused(found: Story, tmp_path: Path):
    draw(found, tmp_path / 'a.png')
    assert (tmp_path / 'a.png').stat().st_size > 10_000
    with pytest.raises(ArgumentError, match=r'\.svg or \.png'):
        draw(found, tmp_path / 'a.jpg')


def test_what_the_times_are_made_of_is_told_and_is_all_of_them(found: Story):
    apart, times = found.apart(found.least), found.times(found.least)
    assert apart is not None
    assert times is not None
    assert apart.figure.value * apart.tokens * apart.rest.value == pytest.approx(times.value)
    assert apart.tokens == pytest.approx(42.5984 / 4.29, rel=1e-2)
    assert f'{apart.rest.rounded} times are machines, place and what is counted' in ' '.join(text(found).split())


def test_it_is_told_that_v100s_were_set_with_their_makers_figures_in_sight(found: Story):
    said = ' '.join(text(found).split())
    assert '15.35 h proves little' in said
    assert 'no fit has timed them here yet' in said or 'as an earlier fit timed them here' in said
