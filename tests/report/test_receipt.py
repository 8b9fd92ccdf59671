"""The receipt: every figure says what it is, in a terminal, a notebook and a file."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hefted import report
from hefted.footprint.account import Shares
from hefted.footprint.account import footprint as weighed
from hefted.footprint.factors import factors_for
from hefted.footprint.footprint import Footprint, PhaseShare
from hefted.footprint.grid import carbon
from hefted.footprint.place import Place
from hefted.footprint.price import prices
from hefted.metering.machine import Machine
from hefted.metering.reading import Gap
from hefted.quantities import Quantity, Source
from hefted.report.html import page
from hefted.report.live import live
from hefted.report.receipt import Facts, Receipt, receipt
from hefted.report.terminal import painted, plain, rows, show

FACTS = Facts('0193a7c4-5f21-7abc-8000-1234567890ab', 'fit', 'sequential', 'finished', 1795473000.0, 0.0021)
CPU = Quantity.between(15, 12, 19, 'J', source=Source('cpu', 'Watts by microarchitecture', 2024))
MEMORY = Quantity.between(2.1, 1.2, 2.9, 'J', source=Source('memory', 'Watts by gigabyte', 2016))


def footprint(place: str | None = None, **changes: Any) -> Footprint:
    energy = CPU + MEMORY
    where = Place.of(place)
    told: dict[str, Any] = {
        'energy': energy,
        'carbon': carbon(energy, where),
        'operational': carbon(energy, where),
        'duration': Quantity(1.42, 's'),
        'place': where,
        'components': {'cpu': CPU, 'dram': MEMORY},
        'phases': {
            'start-up': PhaseShare(energy * 0.4, 0.5),
            'compile': PhaseShare(energy * 0.2, 0.3),
            'train': PhaseShare(energy * 0.4, 0.6),
        },
        'covers': 'CPU and memory, modelled; no board, fans or power supply',
    }
    return Footprint(**(told | changes))


def test_energy_is_told_by_component_and_by_phase_with_interval_and_basis():
    text = str(receipt(footprint(), FACTS))
    assert re.search(r'^Energy +17 J +14 to 21, modelled$', text, re.M)
    assert re.search(r'^  CPU +15 J +12 to 19, modelled$', text, re.M)
    assert re.search(r'^  memory +2.1 J +1.2 to 2.9, modelled$', text, re.M)
    assert re.search(r'^start-up +6.8 J +500 ms +40 %$', text, re.M)
    assert re.search(r'^Duration +1.4 s$', text, re.M)
    assert 'no board, fans or power supply' in text
    assert 'took 0.21 % of the run’s CPU time' in text
    assert 'hefted receipt 0193a7c4-5f21' in text


def test_an_assumed_place_says_so_and_how_to_set_it():
    text = ' '.join(str(receipt(footprint(), FACTS)).split())
    assert 'the world (assumed)' in text
    assert "place='FR'" in text
    assert 'HEFTED_PLACE' in text


def test_a_known_place_tells_its_grids_intensity_with_source_and_year():
    text = ' '.join(str(receipt(footprint('FR'), FACTS)).split())
    assert 'Place France Grid 44 g CO2e/kWh (30 to 64): Our World in Data, 20' in text
    assert 'HEFTED_PLACE' not in text


def test_carbon_and_water_tell_their_parts_where_there_are_two():
    here = carbon(CPU, Place('FR'))
    making = Quantity.between(0.3, 0.1, 0.6, 'mg CO2e', source=Source('server', 'Life-cycle assessment', 2021))
    told = footprint(
        'FR',
        carbon=here + making,
        operational=here,
        embodied=making,
        water=Quantity(30, 'mL'),
        water_off_site=Quantity(30, 'mL'),
        facility=Quantity(9, 'J'),
    )
    text = str(receipt(replace(told, place=Place('FR', land='the commons of our town')), FACTS))
    assert re.search(r'^  in use +\d', text, re.M) and re.search(r'^  hardware +300 µg CO2e +100 to 600', text, re.M)
    assert re.search(r'^Water +30 mL +measured; off site only$', text, re.M) and '  on site' not in text
    assert 'the commons of our town, as declared' in text
    assert '9.0 J more in carbon and water' in text


def accounted(place: str, machine: Machine, **others: Any) -> str:
    """The receipt of 1 kWh in an hour, by the tables and by other factors beside them."""
    shares, where = Shares(), Place.of(place)
    shares.add('train', 3600.0, {'counter': 3.6e6})
    accuracy = Quantity.between(1, 0.9, 1.1, '1', source=Source('cpu', 'Watts by microarchitecture', 2024))
    told = weighed(shares, {'counter': ('cpu', accuracy)}, where, replace(factors_for(where, machine), **others))
    return ' '.join(str(receipt(told, FACTS)).split())


def test_a_grid_that_was_brought_to_the_life_cycle_tells_the_published_figure_too():
    text = accounted('US-VA', Machine(virtual=True, threads=2))
    assert 'Grid 307 g CO2e/kWh (220 to 430): US EPA eGRID2023, 245 brought to the life cycle' in text
    assert '560 Wh more in carbon and water: PUE 1.6 (1.1 to 1.9), Uptime Institute, 2024' in text


def test_the_worlds_mean_that_stands_for_a_country_says_so():
    assert "(40 to 750): the world's mean, Ember, 2024" in accounted('CF', Machine())


def test_a_country_that_stands_for_its_part_says_so():
    assert 'the whole country, Our World in Data, 20' in accounted('AU-TAS', Machine())
    assert 'the whole country' not in accounted('DE-BY', Machine())


def test_minerals_and_money_say_what_they_cover():
    machine = Machine(virtual=True, threads=2)
    assert 'assumed; hardware only' in accounted('FR', machine)
    said, listed = prices('0.30 USD/kWh', None, 2026), prices(None, 'aws:p4d.24xlarge', 2026)
    assert 'Cost 0.47 USD' in (text := accounted('FR', machine, electricity_price=said.electricity))
    assert 'assumed; electricity, at the price said' in text
    assert 'assumed; the machine, list price of 2023' in accounted('FR', machine, price=listed.machine)
    assert 'the machine, at the price said' in accounted('FR', machine, price=prices('2 USD/h', None, 2026).machine)
    cents = prices('0.0001 USD/h', None, 2026).machine
    assert 'Cost under 0.001 USD measured; the machine' in accounted('FR', machine, price=cents)


def test_a_part_that_is_nothing_by_definition_takes_no_line():
    text = accounted('FR', Machine('laptop'))
    assert ' on site' not in text and 'modelled; all off site' in text
    told = footprint(components={'cpu': CPU, 'dram': MEMORY, 'unseen': Quantity(0, 'J')})
    assert 'unseen' not in str(receipt(told, FACTS))


def test_what_is_not_known_is_said_and_never_zero():
    unknown = footprint(energy=None, carbon=None, operational=None, components={})
    told = receipt(replace(unknown, phases={'train': PhaseShare(None, 1.4)}), FACTS)
    text = str(told)
    assert re.search(r'^Energy +not known$', text, re.M)
    assert re.search(r'^Carbon +not known$', text, re.M)
    assert re.search(r'^train +not known +1.4 s +100 %$', text, re.M)
    assert told.to_json()['footprint']['energy'] is None
    assert 'not known' in str(receipt(None, FACTS))


def test_gaps_tell_their_reason_once_and_a_lost_journal_is_told():
    gaps = (Gap('rapl:package-0', 'only root may read it', 1.0, 2.0),) * 5
    gaps += tuple(Gap(f'nvml:{number}', 'no answer', 1.0) for number in range(4))
    facts = Facts('0193', journal_failure='The journal could not be kept: no space left on device.')
    text = str(receipt(footprint(gaps=gaps), facts))
    assert text.count('only root may read it') == 1
    assert 'and 2 more such gaps' in text
    assert 'no space left on device' in text
    assert 'hefted receipt' not in text


def test_a_stream_that_is_not_utf8_gets_a_receipt_and_no_error():
    stream = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    show(receipt(footprint(), FACTS), stream)
    stream.flush()
    assert b'Energy' in stream.buffer.getvalue()  # type: ignore[attr-defined]


def test_a_person_is_told_what_it_feels_like():
    told = receipt(footprint(), FACTS)
    assert 1 <= len(told.equivalents) <= 2
    assert told.equivalents[0] in str(told)


@pytest.mark.parametrize('width', [40, 60, 80, 120])
def test_no_row_is_wider_than_the_terminal_and_none_is_lost(width: int):
    told = receipt(footprint(gaps=(Gap('rapl:package-0', 'the counter is readable by root alone', 1.0),)), FACTS)
    for bars in (True, False):
        laid = [''.join(text for text, _ in row) for row in rows(told, width, bars=bars)]
        assert max(map(len, laid)) <= width
        words = ' '.join(' '.join(laid).split())
        assert all(' '.join(line.value.split()) in words for line in told.lines)


@pytest.mark.parametrize('width', [60, 120])
def test_the_frame_on_a_terminal_is_closed_at_every_row(width: int):
    text = re.sub(r'\x1b\[[0-9;]*m', '', painted(receipt(footprint(), FACTS), width))
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= width
    assert lines[0].startswith('╭─ Hefted')
    assert '█' in text


def test_a_file_gets_plain_text_and_a_terminal_a_frame():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    told = receipt(footprint(), FACTS)
    file, terminal = io.StringIO(), Terminal()
    show(told, file)
    show(told, terminal)
    assert file.getvalue() == plain(told) + '\n'
    assert '\x1b' not in file.getvalue()
    assert '╭' in terminal.getvalue()


def test_plain_text_needs_neither_rich_nor_jax():
    program = """
import sys
from hefted.report.receipt import Facts, Receipt
print(Receipt(Facts('0193'), None))
assert not {'rich', 'jax', 'click', 'numpy'} & set(sys.modules), sorted(sys.modules)
"""
    source = str(Path(report.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, '-c', program],
        env=os.environ | {'PYTHONPATH': source},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


class Tags(HTMLParser):
    """Holds that every tag is closed, and collects text and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ''
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ('meta', 'br'):
            self.open.append(tag)
        self.links += [value or '' for name, value in attrs if name in ('src', 'href')]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_whole_self_contained_escaped_and_minds_the_readers_theme():
    facts = Facts('0193', name='<script>alert(1)</script>', journal_failure='a & b <i>')
    told = receipt(footprint(), facts)
    for text in (told._repr_html_(), page(told)):
        tags = Tags()
        tags.feed(text)
        tags.close()
        assert not tags.open
        assert not tags.links
        assert 'url(' not in text
        assert '<script' not in text
        assert '<script>alert(1)</script>' in tags.text
        assert 'a & b <i>' in tags.text
        assert 'prefers-color-scheme:dark' in text
        assert '@media(max-width:520px)' in text  # a telephone's: the interval goes below its figure


def test_json_is_strict_and_keeps_every_quantitys_errors_and_sources():
    told = receipt(footprint('US-WA', gaps=(Gap('rapl', 'no', 1.0),)), FACTS).to_json()
    back = json.loads(json.dumps(told, allow_nan=False))
    assert back == told
    assert Quantity.from_json(back['footprint']['energy']) == CPU + MEMORY
    assert back['footprint']['place']['code'] == 'US-WA'
    assert back['run_id'] == FACTS.run_id
    assert set(back['footprint']['phases']) == {'start-up', 'compile', 'train'}


def test_a_receipt_holds_no_host_user_arguments_or_paths():
    import getpass
    import socket

    told = receipt(footprint(), FACTS)
    text = str(told) + told._repr_html_() + json.dumps(told.to_json())
    words = set(re.split(r'[^\w.-]+', text))
    assert not {socket.gethostname(), getpass.getuser(), sys.argv[0]} & words
    assert str(Path.home()) + '/' not in text


def test_the_live_line_tells_power_energy_and_carbon_each_in_its_unit():
    assert live(SimpleNamespace(power=11.2, energy=9.8, carbon=0.00104)) == '11 W · 9.8 J · 1.0 mg CO2e'
    assert live(SimpleNamespace(power=312.4, energy=5.2e6, carbon=1234.0)) == '310 W · 1.4 kWh · 1.2 kg CO2e'
    assert live(SimpleNamespace(power=9.96, energy=None, carbon=None)) == '10 W'
    assert live(SimpleNamespace(power=None, energy=0.0, carbon=0.0)) == '0 J · 0 g CO2e'
    assert live(SimpleNamespace(power=None, energy=None, carbon=None)) == ''


def test_a_figure_that_is_not_finite_does_not_stop_the_live_line():
    assert live(SimpleNamespace(power=float('nan'), energy=float('inf'), carbon=None)) == 'nan W · inf J'


def test_the_live_line_takes_less_than_twenty_microseconds():
    tick = SimpleNamespace(power=11.2, energy=9.8, carbon=0.00104)
    rounds = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(2000):
            live(tick)
        rounds.append((time.process_time() - begun) / 2000)
    assert min(rounds) < 20e-6


def test_a_receipt_without_a_footprint_still_names_its_run():
    assert 'interrupted' in str(Receipt(Facts('0193a7c4-5f21', status='interrupted'), None))


@pytest.mark.parametrize('width', [40, 46, 60, 88])
def test_a_narrow_terminal_keeps_its_indent_and_a_long_name_leaves_the_status_in_sight(width: int):
    told = receipt(footprint(), replace(FACTS, name='a_long_name_of_a_model_' * 5))
    lines = re.sub(r'\x1b\[[0-9;]*m', '', painted(told, width)).splitlines()
    assert {len(line) for line in lines} == {width}
    assert '… · finished' in lines[0]
    assert '… · finished' in plain(told).splitlines()[0]
    assert {line[2:14].strip() for line in lines[2:-1]} == {'', *(line.label for line in told.lines)}


@pytest.mark.parametrize(('share', 'told'), [(0.00001, 'under 0.01'), (0.0021, '0.21'), (0.17, '17'), (0.998, '100')])
def test_the_meters_part_is_told_in_plain_figures(share: float, told: str):
    assert f'took {told} % of the run’s CPU time' in str(receipt(footprint(), replace(FACTS, meter_share=share)))
