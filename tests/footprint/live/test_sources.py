"""Each service of grids, as it documents itself: what it is asked, what is believed of its answers, what is not."""

import base64
import logging
import math
import time

import pytest

from hefted.errors import ArgumentError
from hefted.footprint import grid, live
from hefted.footprint.live.electricity_maps import ElectricityMaps
from hefted.footprint.live.source import is_marginal
from hefted.footprint.live.uk import Uk
from hefted.footprint.live.watttime import WattTime
from hefted.footprint.live.web import Unanswered, Web
from hefted.footprint.place import Place

TOKEN = 'key-that-nobody-may-see'
HERE = Place.of('47.6,-122.3')


def moment(ago=0.0):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - ago))


def latest(**more):
    return {
        'zone': 'FR',
        'carbonIntensity': 41,
        'datetime': moment(),
        'emissionFactorType': 'lifecycle',
        'isEstimated': False,
    } | more


def half_hour(forecast=120, actual=118, **more):
    told = {'from': moment()[:16] + 'Z', 'to': moment(), 'intensity': {'forecast': forecast, 'actual': actual}}
    return {'data': [told | more]}


def maps(service, token=TOKEN, **more):
    return ElectricityMaps(Web('Electricity Maps', service.address, **more), token)


def hours_ahead(*values, step=3600, first=-600):
    return [{'carbonIntensity': value, 'datetime': moment(-first - step * at)} for at, value in enumerate(values)]


def test_electricity_maps_tells_the_hours_to_come(service):
    service.says({'zone': 'DE', 'forecast': hours_ahead(999, 300, 96, first=-4000), 'updatedAt': moment()})
    told = maps(service).ahead(Place('DE'), 30.0)
    ((_, path, headers),) = service.asked
    assert path == '/v3/carbon-intensity/forecast?emissionFactorType=lifecycle&zone=DE&horizonHours=48'
    assert headers['auth-token'] == TOKEN
    assert [slot.intensity.value for slot in told] == [300, 96]  # what is over is left out
    assert [round(slot.end - slot.start) for slot in told] == [3600, 3600]
    assert told[0].start < time.time() < told[0].end
    assert told[0].intensity.sources[0].key == 'grid:live:electricitymaps:DE'
    service.says(latest(carbonIntensity=300, zone='DE'))
    now = maps(service).now(Place('DE'))
    assert told[0].intensity.high > now.high  # what is foreseen is less sure
    assert {error.source for error in now.errors} == {error.source for error in told[0].intensity.errors}


def test_great_britain_tells_the_half_hours_to_come(service):
    def half(at, forecast):
        return {
            'from': moment(-at)[:16] + 'Z',
            'to': moment(-at - 1800)[:16] + 'Z',
            'intensity': {'forecast': forecast},
        }

    uk = Uk(Web('The Carbon Intensity API', service.address))
    service.says({'data': [half(-1000, 120), half(800, 60)]})
    told = uk.ahead(Place('GB'), 8.0)
    assert service.asked[0][1].endswith('/fw24h')
    assert service.asked[0][1].startswith(f'/intensity/{moment()[:13]}')
    assert [slot.intensity.value for slot in told] == [grid.life_cycle(120), grid.life_cycle(60)]
    uk.ahead(Place('GB'), 30.0)
    assert service.asked[1][1].endswith('/fw48h')
    with pytest.raises(Unanswered, match='Great Britain alone'):
        uk.ahead(Place('FR'), 8.0)


def test_watttime_tells_the_five_minutes_to_come(service):
    rows = [{'point_time': moment(200 - 300 * at), 'value': 1000.0 - 100 * at} for at in range(3)]
    meta = {'units': 'lbs_co2_per_mwh', 'data_point_period_seconds': 300}
    service.says({'token': 'abc'}, {'region': 'CAISO_NORTH'}, {'data': rows, 'meta': meta})
    told = WattTime(Web('WattTime', service.address), 'me', TOKEN).ahead(HERE, 7.2)
    assert service.asked[2][1] == '/v3/forecast?region=CAISO_NORTH&signal_type=co2_moer&horizon_hours=8'
    assert told[0].intensity.value == pytest.approx(453.59237)
    assert is_marginal(told[0].intensity)
    assert [round(slot.end - slot.start) for slot in told] == [300, 300, 300]


@pytest.mark.parametrize(
    ('answer', 'words'),
    [
        ({}, 'sent no forecast'),
        ({'forecast': []}, 'sent no forecast'),
        ({'forecast': 'soon'}, 'sent no forecast'),
        ({'forecast': [{'carbonIntensity': 100, 'datetime': 'soon'}]}, 'times cannot be read'),
        ({'forecast': [{'carbonIntensity': 0, 'datetime': moment()}]}, 'no intensity'),
        ({'forecast': [5]}, 'no number'),
        ({'forecast': hours_ahead(100, 200, 300, step=-3600)}, 'do not follow one another'),
        ({'forecast': hours_ahead(100, first=-900000)}, 'sent no forecast'),
        ('<html>', 'not JSON'),
    ],
)
def test_what_cannot_be_a_forecast_is_refused_with_its_reason(service, answer, words):
    service.says(answer)
    with pytest.raises(Unanswered, match=words):
        maps(service).ahead(Place('FR'), 24.0)


def test_a_forecast_without_a_key_or_beyond_the_plan_says_so(service):
    with pytest.raises(Unanswered, match='ELECTRICITYMAPS_TOKEN is not set'):
        maps(service, token='').ahead(Place('FR'), 24.0)
    with pytest.raises(Unanswered, match='WATTTIME_USER'):
        WattTime(Web('WattTime', service.address), '', '').ahead(HERE, 24.0)
    assert service.asked == []
    service.says({'error': TOKEN}, status=403)
    with pytest.raises(Unanswered, match='refused the key') as caught:
        maps(service).ahead(Place('FR'), 24.0)
    assert TOKEN not in caught.value.reason


def test_electricity_maps_is_asked_for_the_life_cycle_with_the_key_in_a_header(service):
    service.says(latest())
    told = maps(service).now(Place('FR'))
    ((method, path, headers),) = service.asked
    assert (method, path) == ('GET', '/v3/carbon-intensity/latest?emissionFactorType=lifecycle&zone=FR')
    assert headers['auth-token'] == TOKEN
    assert (told.value, told.unit, told.basis) == (41, 'g CO2e/kWh', 'modelled')
    assert told.high / told.value == pytest.approx(math.exp(math.hypot(math.log(1.16), math.log(1.10))))
    assert told.sources[0].key == 'grid:live:electricitymaps:FR'
    assert 'life-cycle' in told.sources[0].title
    assert not is_marginal(told)


def test_coordinates_are_sent_to_a_tenth_of_a_degree(service):
    service.says(latest(zone='US-NW-SCL'))
    maps(service).now(Place.of('47.60621,-122.33207'))
    assert service.asked[0][1].endswith('&lat=47.6&lon=-122.3')


def test_an_estimate_is_wider_and_says_so(service):
    service.says(latest(isEstimated=True, estimationMethod='TIME_SLICER_AVERAGE'))
    told = maps(service).now(Place('FR'))
    assert told.high / told.value > 1.35
    assert told.sources[0].title.endswith('estimated')


def test_a_zones_name_is_never_shown_as_it_came(service):
    service.says(latest(zone='\u001b[31mFR\u0000' + 'x' * 1000))
    key = maps(service).now(Place('FR')).sources[0].key
    assert key.isprintable()
    assert len(key) < 60


@pytest.mark.parametrize(
    ('answer', 'words'),
    [
        (latest(carbonIntensity=0), '0 g/kWh'),
        (latest(carbonIntensity=-5), '-5 g/kWh'),
        (latest(carbonIntensity=1e9), 'no intensity'),
        (latest(carbonIntensity=10**400), 'no intensity'),
        (latest(carbonIntensity=None), 'no number'),
        (latest(carbonIntensity='41'), 'no number'),
        (latest(carbonIntensity=True), 'no intensity'),
        (b'{"carbonIntensity": NaN}', 'not JSON'),
        (b'{"carbonIntensity": Infinity}', 'not JSON'),
        (b'{"carbonIntensity": 1e999}', 'no intensity'),
        ({}, 'no number'),
        ([], 'no number'),
        ('<html>', 'not JSON'),
        (b'\xff\xfe\x00', 'not JSON'),
        ('', 'not JSON'),
        ('[' * 100_000, 'not JSON'),
        (latest(emissionFactorType='direct'), 'not of the life cycle'),
        (latest(datetime=moment(ago=7 * 3600)), 'newest figure'),
        (latest(padding='x' * 2**21), 'more than 1 MB'),
    ],
)
def test_what_cannot_be_an_intensity_is_refused_with_its_reason(service, answer, words):
    service.says(answer)
    with pytest.raises(Unanswered, match=words) as caught:
        maps(service).now(Place('FR'))
    assert TOKEN not in caught.value.reason
    assert not caught.value.refused


@pytest.mark.parametrize(
    ('status', 'words', 'refused'),
    [
        (401, 'refused the key', True),
        (403, 'refused the key', True),
        (404, 'status 404', False),
        (500, 'status 500', False),
        (302, 'status 302', False),
        (204, 'status 204', False),
    ],
)
def test_a_failure_is_told_without_the_key_or_the_address(service, status, words, refused):
    service.says({'error': TOKEN}, status=status, Location=f'{service.address}/elsewhere')
    with pytest.raises(Unanswered, match=words) as caught:
        maps(service).now(Place('FR'))
    assert caught.value.refused is refused
    assert TOKEN not in caught.value.reason
    assert '127.0.0.1' not in caught.value.reason
    assert len(service.asked) == 1  # no redirection is followed


@pytest.mark.parametrize(
    ('header', 'low', 'high'),
    [
        ('120', 120, 120),
        ('in ten minutes', 500, 700),
        ('99999999', 86400, 86400),
        ('Thu, 01 Jan 1970 00:00:00 GMT', 0, 0),
    ],
)
def test_a_service_that_asks_to_be_left_alone_is_heard(service, header, low, high):
    if header == 'in ten minutes':
        header = time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime(time.time() + 600))
    service.says({}, status=429, Retry_After=header)
    with pytest.raises(Unanswered, match='too often') as caught:
        maps(service).now(Place('FR'))
    assert low <= caught.value.wait <= high


def test_a_wait_that_cannot_be_read_is_none(service):
    service.says({}, status=429, Retry_After='soon')
    with pytest.raises(Unanswered) as caught:
        maps(service).now(Place('FR'))
    assert caught.value.wait is None


@pytest.mark.parametrize('how', ['hang', 'drip'])
def test_a_service_that_does_not_answer_is_given_up(service, how):
    service.answer = getattr(service, how)
    begun = time.monotonic()
    with pytest.raises(Unanswered, match=r'did not answer within 0\.3 s'):
        maps(service, seconds=0.3).now(Place('FR'))
    assert time.monotonic() - begun < 2


def test_where_nobody_listens_it_cannot_be_reached(service):
    service.close()
    with pytest.raises(Unanswered, match=r'cannot be reached \(ConnectError\)'):
        maps(service).now(Place('FR'))


def test_without_a_key_or_a_place_nothing_is_asked(service):
    with pytest.raises(Unanswered, match='ELECTRICITYMAPS_TOKEN is not set'):
        maps(service, token='').now(Place('FR'))
    with pytest.raises(Unanswered, match='wants a place'):
        maps(service).now(Place.of(None))
    assert service.asked == []


def test_what_is_asked_is_in_no_log(service, caplog):
    caplog.set_level(logging.INFO)
    service.says(latest())
    maps(service).now(HERE)
    assert caplog.text == ''
    logging.getLogger('httpx').info('of somebody else')
    assert caplog.messages == ['of somebody else']


def test_the_key_is_in_no_text_of_a_source(service):
    assert TOKEN not in repr(maps(service))
    assert TOKEN not in repr(WattTime(Web('WattTime', service.address), 'me', TOKEN))


def test_great_britain_is_told_by_what_was_else_by_what_was_forecast(service):
    uk = Uk(Web('The Carbon Intensity API', service.address))
    service.says(half_hour(), half_hour(actual=None))
    was, forecast = uk.now(Place('GB')), uk.now(Place('GB-SCT'))
    assert service.asked[0][1] == '/intensity'
    assert was.value == pytest.approx(grid.life_cycle(118))
    assert forecast.value == pytest.approx(grid.life_cycle(120))
    # The stack alone is told, so it is wider than a figure of the life cycle.
    assert was.high / was.value > math.exp(math.hypot(math.log(1.16), math.log(1.13)))
    assert was.sources[0].key == 'grid:live:uk'


@pytest.mark.parametrize('said', ['FR', 'GB-NIR', 'world', 'IE'])
def test_elsewhere_than_in_great_britain_its_service_is_not_asked(service, said):
    with pytest.raises(Unanswered, match='Great Britain alone'):
        Uk(Web('The Carbon Intensity API', service.address)).now(Place(said))
    assert service.asked == []


@pytest.mark.parametrize('answer', [{'data': []}, {'data': {}}, half_hour(actual=0), half_hour(actual='118'), {}])
def test_an_answer_of_great_britain_that_cannot_be_read_is_refused(service, answer):
    service.says(answer)
    with pytest.raises(Unanswered):
        Uk(Web('The Carbon Intensity API', service.address)).now(Place('GB'))


def watttime(service):
    return WattTime(Web('WattTime', service.address), 'me', TOKEN)


def test_watttime_is_asked_by_position_with_a_token_and_is_labelled_marginal(service):
    service.says(
        {'token': 'abc.def'},
        {'region': 'CAISO_NORTH', 'region_full_name': 'California ISO Northern', 'signal_type': 'co2_moer'},
        {'data': [{'point_time': moment(), 'value': 870.0}], 'meta': {'units': 'lbs_co2_per_mwh'}},
    )
    told = watttime(service).now(Place.of('37.77493,-122.41942'))
    login, region, forecast = service.asked
    basic = base64.b64encode(f'me:{TOKEN}'.encode()).decode()
    assert (login[1], login[2]['authorization']) == ('/login', f'Basic {basic}')
    assert region[1] == '/v3/region-from-loc?latitude=37.8&longitude=-122.4&signal_type=co2_moer'
    assert forecast[1] == '/v3/forecast?region=CAISO_NORTH&signal_type=co2_moer&horizon_hours=0'
    assert {each[2]['authorization'] for each in (region, forecast)} == {'Bearer abc.def'}
    assert told.value == pytest.approx(870 * 453.59237 / 1000)
    assert is_marginal(told)
    assert 'marginal' in told.sources[0].title
    assert told.high / told.value > 1.5


@pytest.mark.parametrize(
    'answers',
    [
        [{}],
        [{'token': 'a\r\nEvil: 1'}],
        [{'token': 'abc'}, {'region': None}],
        [{'token': 'abc'}, {'region': 'X'}, {'data': []}],
        [{'token': 'abc'}, {'region': 'X'}, {'data': [{'value': 0}]}],
        [{'token': 'abc'}, {'region': 'X'}, {'data': [{'value': 870}], 'meta': {'units': 'percent'}}],
        [{'token': 'abc'}, {'region': 'X'}, {'data': [{'value': 870, 'point_time': moment(ago=86400)}]}],
    ],
)
def test_an_answer_of_watttime_that_cannot_be_read_is_refused(service, answers):
    service.says(*answers)
    with pytest.raises(Unanswered) as caught:
        watttime(service).now(HERE)
    assert TOKEN not in caught.value.reason


def test_watttime_wants_a_key_and_coordinates(service):
    with pytest.raises(Unanswered, match='WATTTIME_USER'):
        WattTime(Web('WattTime', service.address), '', '').now(HERE)
    with pytest.raises(Unanswered, match='wants coordinates'):
        watttime(service).now(Place('US-CA'))
    assert service.asked == []


def test_keys_come_from_the_environment_and_the_address_may_be_another(service):
    environ = {'HEFTED_GRID_URL': f'{service.address}/', 'ELECTRICITYMAPS_TOKEN': TOKEN}
    service.says(latest())
    assert live.chosen('electricitymaps', environ).now(Place('FR')).value == 41
    assert service.asked[0][2]['auth-token'] == TOKEN
    assert live.chosen('watttime', {}).address == 'https://api.watttime.org'
    assert live.chosen('uk', {}).address == 'https://api.carbonintensity.org.uk'


@pytest.mark.parametrize('address', ['http://example.org', 'ftp://127.0.0.1', 'example.org', 'https://'])
def test_a_key_is_sent_in_the_clear_to_this_machine_alone(address):
    with pytest.raises(ArgumentError, match='HEFTED_GRID_URL: expected an address that begins with https://'):
        live.chosen('electricitymaps', {'HEFTED_GRID_URL': address})


def test_without_httpx_the_reason_says_how_to_get_it(service, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'httpx', None)
    with pytest.raises(Unanswered, match=r'pip install "hefted\[live\]"'):
        maps(service).now(Place('FR'))
