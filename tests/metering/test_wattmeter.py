"""A wattmeter that is named by a setting, over files and servers on the loopback."""

import base64
import http.server
import json
import threading
import time

import pytest

from hefted.metering.sensor import Instant, SensorError
from hefted.metering.wattmeter import from_setting

VARIABLE = 'HEFTED_WATTMETER'


class Plug(http.server.BaseHTTPRequestHandler):
    """Answers as plugs do."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get('Authorization')))
        if self.path == '/moved':
            self.send_response(302)
            self.send_header('Location', '/status')
            self.end_headers()
            return
        time.sleep(server.delay)
        body = server.answers.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write(b'' if body is None else body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def plug():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Plug)
    server.asked, server.delay = [], 0.0
    server.answers = {
        '/status': {'emeters': [{'power': 61.5}], 'relays': []},
        '/rpc/Switch.GetStatus?id=0': {'apower': 80.2, 'aenergy': {'total': 12.5}},
        '/cm?cmnd=Status%208': {'StatusSNS': {'ENERGY': {'Power': '42'}}},
        '/page': b'<html>',
    }
    server.at = f'http://127.0.0.1:{server.server_address[1]}'
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def watts(setting):
    """The power that a setting's meter gives, over one second."""
    sensor = from_setting(VARIABLE, setting)
    sensor.poll()
    now = sensor._clock()
    first = sensor.read(Instant(now))
    return sensor.read(Instant(now + 0.5)) * 2 - first * 2


def total(setting):
    sensor = from_setting(VARIABLE, setting)
    sensor.poll()
    return sensor.read(Instant(sensor._clock()))


def reason(setting):
    """Why a setting gives nothing."""
    with pytest.raises(SensorError) as caught:
        total(setting)
    return str(caught.value)


@pytest.mark.parametrize(
    ('way', 'expected'),
    [
        ('/status#emeters.0.power', 61.5),
        ('/rpc/Switch.GetStatus?id=0#apower', 80.2),
        ('/cm?cmnd=Status%208#StatusSNS.ENERGY.Power', 42.0),
        ('/status#emeters.0.power mW', 0.0615),
    ],
)
def test_a_plugs_power_is_found_by_its_keys(plug, way, expected):
    assert watts(plug.at + way) == pytest.approx(expected)


def test_a_plugs_total_is_a_counter_in_the_unit_behind_it(plug):
    assert total(f'{plug.at}/rpc/Switch.GetStatus?id=0#aenergy.total Wh') == pytest.approx(45_000)


def test_a_login_in_the_address_is_sent_and_told_nowhere(plug):
    address = plug.at.replace('http://', 'http://me:s%20cret@')
    assert watts(f'{address}/status#emeters.0.power') == pytest.approx(61.5)
    assert plug.asked == [('/status', 'Basic ' + base64.b64encode(b'me:s cret').decode())]
    assert 'cret' not in reason(f'{address}/status#nothing')


@pytest.mark.parametrize(
    ('way', 'words'),
    [
        ('/status#emeter.power', "no 'emeter'; there is emeters, relays"),
        ('/status#emeters.3.power', "no 'emeters.3'"),
        ('/status#emeters', 'expected a number'),
        ('/page#power', 'expected JSON'),
        ('/nowhere#power', 'cannot be asked'),
        ('/status', 'without #key'),
        ('/status#emeters.0.power horses', "the unit 'horses'"),
    ],
)
def test_what_is_wrong_names_the_setting_and_what_was_expected(plug, way, words):
    told = reason(plug.at + way)
    assert told.startswith(f'{VARIABLE}: ')
    assert words in told


def test_only_what_was_named_is_asked(plug, monkeypatch):
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:9')
    assert 'cannot be asked' in reason(f'{plug.at}/moved#power')
    assert [path for path, _ in plug.asked] == ['/moved']


def test_a_plug_that_is_not_there_is_a_gap(plug):
    plug.shutdown()
    plug.server_close()
    assert 'cannot be asked' in reason(f'{plug.at}/status#power')


def test_a_slow_plug_makes_no_reading_wait(plug):
    plug.delay = 0.3
    for _ in range(3):  # a busy machine may stand still meanwhile
        sensor = from_setting(VARIABLE, f'{plug.at}/status#emeters.0.power')
        begun = time.perf_counter()
        with pytest.raises(SensorError, match='not answered yet'):
            sensor.read(Instant(time.monotonic()))
        seconds = time.perf_counter() - begun
        if seconds < 0.1:
            break
    assert seconds < 0.1
    end = time.monotonic() + 5
    while sensor._state is None and time.monotonic() < end:
        time.sleep(0.01)
    assert sensor.read(Instant(time.monotonic())) >= 0


@pytest.mark.parametrize('form', ['{}', 'file:{}', 'file://{}', '{} W'])
def test_a_file_holds_watts(tmp_path, form):
    (tmp_path / 'watts').write_text('75.5\n')
    assert watts(form.format(tmp_path / 'watts')) == pytest.approx(75.5)


def test_a_file_holds_a_total(tmp_path):
    (tmp_path / 'total').write_text('1.5')
    assert total(f'{tmp_path}/total kWh') == pytest.approx(5.4e6)


@pytest.mark.parametrize(
    ('content', 'words'), [(None, 'there is none'), ('', 'expected a number'), ('off', "received 'off'")]
)
def test_a_file_without_a_number_is_a_gap(tmp_path, content, words):
    if content is not None:
        (tmp_path / 'watts').write_text(content)
    assert words in reason(f'{tmp_path}/watts')


def test_a_relative_path_is_refused():
    assert 'absolute path' in reason('watts.txt')
