"""A plug on the network, named by a setting, tells what a fit's parts do not see; one that fails stops nothing."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

WATTS = 500.0
FIT = """
model = small()
model.fit(x, y, epochs=2, verbose=0)   # by its end the plug has answered
end, history = time.monotonic() + 2.5, None
while time.monotonic() < end:
    history = model.fit(x, y, epochs=2000, verbose=0)
footprint = history.footprint
print(json.dumps(footprint and {'seconds': footprint.duration.value, 'gaps': [gap.reason for gap in footprint.gaps]
    } | {name: [energy.low, energy.value, energy.high] for name, energy in footprint.components.items()
    } | {'total': [footprint.energy.low, footprint.energy.value, footprint.energy.high]}))
"""


class Plug(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({'emeters': [{'power': WATTS}]}).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def plug():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Plug)
    server.asked = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fitted(house, setting, **environment):
    return json.loads(house.run('import json\n' + FIT, HEFTED_WATTMETER=setting, HEFTED_SHARE='machine', **environment))


def test_a_fits_parts_and_the_unseen_come_to_what_the_plug_tells(house, plug):
    told = fitted(house, f'http://127.0.0.1:{plug.server_port}/status#emeters.0.power')
    assert told['gaps'] == []
    low, total, high = told['total']
    assert total == pytest.approx(WATTS * told['seconds'], rel=0.1)
    assert told['unseen'][1] == pytest.approx(total - told['cpu'][1] - told['dram'][1])
    assert (high - low) / total < 0.15  # the plug's error, and not the models'
    assert 2 <= plug.asked <= 12


def test_a_plug_that_is_not_there_is_told_and_changes_nothing_else(house):
    told = fitted(house, 'http://127.0.0.1:9/status#power')
    assert told['gaps'][0].startswith('HEFTED_WATTMETER: it cannot be asked')
    assert told.get('unseen', [0, 0, 0])[1] == 0
    assert told['cpu'][1] > 0


def test_where_no_run_is_metered_no_plug_is_asked(house, plug):
    assert fitted(house, f'http://127.0.0.1:{plug.server_port}/status#power', HEFTED_METER='off') is None
    assert plug.asked == 0
