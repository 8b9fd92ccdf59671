"""What is foreseen of a grid, kept fresh: in the foreground, behind a training, and when it fails."""

from __future__ import annotations

import threading
import time

from hefted.footprint.live.electricity_maps import ElectricityMaps
from hefted.footprint.live.forecasts import Outlook, Slot
from hefted.footprint.live.web import Web
from hefted.footprint.place import Place
from hefted.quantities import Quantity

HERE = Place.of('FR')


def slot(start, end, grams):
    return Slot(start, end, Quantity(grams, 'g CO2e/kWh'))


class Grid:
    name = 'The grid'

    def __init__(self, *answers):
        self.answers = list(answers)

    def ahead(self, place, hours):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_past_hours_are_remembered_when_new_ones_come():
    clock = [1000.0]
    outlook = Outlook(
        Grid([slot(0, 2000, 100), slot(2000, 4000, 200)], [slot(3000, 5000, 50)]), HERE, 9e3, lambda: clock[0]
    )
    assert outlook.due
    outlook.renew()
    assert not outlook.due
    clock[0] = 3000.0
    assert outlook.due
    outlook.renew()
    assert [(each.start, each.end, each.intensity.value) for each in outlook.slots] == [
        (0, 2000, 100),
        (2000, 3000, 200),
        (3000, 5000, 50),
    ]
    assert outlook.version == 2


def test_what_no_author_thought_of_is_a_reason_and_no_error():
    outlook = Outlook(Grid(ZeroDivisionError()), HERE, 9e3, lambda: 0.0)
    outlook.renew()
    assert (outlook.slots, outlook.version) == ([], 0)
    assert outlook.reason == 'The grid could not be asked: ZeroDivisionError.'


def test_behind_a_training_a_service_that_hangs_keeps_nobody_waiting(service):
    service.answer = service.hang
    source = ElectricityMaps(Web('Electricity Maps', service.address, seconds=1.0), 'key')
    for _ in range(3):  # a busy machine may stand still meanwhile
        service.asked.clear()
        outlook = Outlook(source, HERE, time.time() + 3600, time.time)
        begun = time.monotonic()
        outlook.renew_behind()
        outlook.renew_behind()
        seconds = time.monotonic() - begun
        outlook.renew()  # waits for the one that is under way, then asks again
        if seconds < 0.9:
            break
    assert seconds < 0.9
    assert 'did not answer within 1 s' in outlook.reason
    assert len(service.asked) == 2
    assert not any(thread.name == 'hefted-outlook' for thread in threading.enumerate())
