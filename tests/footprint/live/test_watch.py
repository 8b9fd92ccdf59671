"""What keeps an eye on a grid: asks seldom, remembers, backs off, and says what it could not learn."""

import itertools
import json
import threading

import pytest

from hefted.footprint.live.watch import Kept, State, Watch
from hefted.footprint.live.web import Unanswered
from hefted.footprint.place import Place
from hefted.quantities import Quantity

FR = Place('FR')


class Source:
    """Answers with what a test sets: a figure, or what is raised."""

    name = 'The service'
    address = 'https://example.org'

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def now(self, place):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Quantity(answer, 'g CO2e/kWh', 'modelled')


class Clock:
    def __init__(self, now=1e9):
        self.now = now

    def __call__(self):
        return self.now


def watch(tmp_path, source, clock, **more):
    return Watch(source, FR, Kept(tmp_path / 'grid', source, FR), wall=clock, start=lambda work: work(), **more)


def test_it_asks_once_in_five_minutes(tmp_path):
    source, clock = Source(50, 60), Clock()
    mine = watch(tmp_path, source, clock)
    for _ in range(299):
        mine.look()
        clock.now += 1
    assert (source.asked, mine.intensity.value, mine.version) == (1, 50, 1)
    clock.now += 2
    mine.look()
    assert (source.asked, mine.intensity.value, mine.version) == (2, 60, 2)


def test_an_answer_that_is_the_same_again_is_no_change(tmp_path):
    source, clock = Source(50), Clock()
    mine = watch(tmp_path, source, clock)
    mine.look()
    clock.now += 301
    mine.look()
    assert (source.asked, mine.version) == (2, 1)


def test_another_program_finds_the_answer_in_the_cache(tmp_path):
    clock = Clock()
    watch(tmp_path, Source(50), clock).look()
    source = Source(60)
    other = watch(tmp_path, source, clock)
    other.look()
    assert (other.intensity.value, other.intensity.basis, source.asked) == (50, 'modelled', 0)
    assert other.gaps(0.0) == ()
    (file,) = (tmp_path / 'grid').iterdir()
    assert (tmp_path / 'grid').stat().st_mode & 0o077 == 0
    assert file.suffix == '.json'


def test_the_cache_of_another_place_or_service_is_not_read(tmp_path):
    clock = Clock()
    watch(tmp_path, Source(50), clock).look()
    source = Source(60)
    elsewhere = Watch(source, Place('DE'), Kept(tmp_path / 'grid', source, Place('DE')), wall=clock)
    assert elsewhere.intensity is None
    source.address = 'https://example.com'
    assert Kept(tmp_path / 'grid', source, FR).read() == State()


def test_a_cache_that_is_damaged_or_that_others_may_write_is_not_believed(tmp_path):
    clock = Clock()
    watch(tmp_path, Source(50), clock).look()
    folder = tmp_path / 'grid'
    (file,) = folder.iterdir()
    whole = file.read_text()
    for text in ('', '{', '[]', 'null', '{"intensity": 5}', whole.replace('1000000000', '"x"'), '[' * 100_000):
        file.write_text(text)
        assert watch(tmp_path, Source(60), clock).intensity is None
    file.write_text(whole)
    folder.chmod(0o777)
    assert watch(tmp_path, Source(60), clock).intensity is None


def test_a_cache_that_cannot_be_written_keeps_nothing_and_says_nothing(tmp_path):
    (tmp_path / 'grid').write_text('a file where the folder should be')
    mine = watch(tmp_path, Source(50), Clock())
    mine.look()
    assert mine.intensity.value == 50


def test_after_failures_it_backs_off_and_says_why(tmp_path):
    source, clock = Source(Unanswered('It is out of order.')), Clock()
    mine = watch(tmp_path, source, clock)
    asked_at = []
    for _ in range(12_000):
        before = source.asked
        mine.look()
        if source.asked > before:
            asked_at.append(clock.now - 1e9)
        clock.now += 1
    waits = [later - earlier for earlier, later in itertools.pairwise(asked_at)]
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    (gap,) = mine.gaps(0.0)
    assert (gap.sensor, gap.end) == ('grid', None)
    assert gap.reason == "It is out of order. Until it answers, the table's yearly mean is used."


def test_a_service_that_asks_to_be_left_alone_is(tmp_path):
    source, clock = Source(Unanswered('Too often.', 7200.0)), Clock()
    mine = watch(tmp_path, source, clock)
    for _ in range(7200):
        mine.look()
        clock.now += 1
    assert source.asked == 1
    mine.look()
    assert source.asked == 2


def test_another_program_keeps_to_the_back_off_and_knows_why(tmp_path):
    clock = Clock()
    watch(tmp_path, Source(Unanswered('It is out of order.')), clock).look()
    source = Source(50)
    other = watch(tmp_path, source, clock)
    other.look()
    assert source.asked == 0
    assert 'out of order' in other.gaps(0.0)[0].reason


def test_a_key_that_was_refused_is_tried_again_by_the_next_program(tmp_path):
    clock = Clock()
    watch(tmp_path, Source(Unanswered('It refused the key.', refused=True)), clock).look()
    other = watch(tmp_path, Source(50), clock)
    other.look()
    assert other.intensity.value == 50


def test_an_answer_stands_for_an_hour_and_then_the_table_does(tmp_path):
    source, clock = Source(50, Unanswered('It is out of order.')), Clock()
    mine = watch(tmp_path, source, clock)
    mine.look()
    while clock.now < 1e9 + 3599:
        clock.now += 1
        mine.look()
    assert (mine.intensity.value, mine.gaps(0.0), mine.version) == (50, (), 1)
    clock.now += 2
    mine.look()
    assert (mine.intensity, mine.version) == (None, 2)
    assert 'out of order' in mine.gaps(0.0)[0].reason


def test_before_the_first_answer_the_gap_says_that_there_is_none_yet(tmp_path):
    mine = watch(tmp_path, Source(50), Clock())
    assert mine.gaps(0.0)[0].reason.startswith('The service has not answered yet.')
    mine.look()
    assert mine.gaps(0.0) == ()


def test_a_gap_that_lasted_has_an_end(tmp_path, monkeypatch):
    from hefted import host

    monotonic = Clock(1000.0)
    monkeypatch.setattr(host, 'monotonic', monotonic)
    mine = watch(tmp_path, Source(Unanswered('It is out of order.'), 50), clock := Clock())
    mine.look()
    clock.now += 31
    monotonic.now += 301
    mine.look()
    (gap,) = mine.gaps(0.0)
    assert (gap.start, gap.end, gap.reason) == (
        1000.0,
        1301.0,
        "It is out of order. The table's yearly mean is used.",
    )
    assert mine.gaps(1302.0) == ()


def test_what_no_author_thought_of_is_a_reason_too(tmp_path):
    mine = watch(tmp_path, Source(ZeroDivisionError('secret')), Clock())
    mine.look()
    assert mine.gaps(0.0)[0].reason.startswith('The service could not be asked: ZeroDivisionError.')


def test_a_clock_that_was_set_back_does_not_keep_it_from_asking(tmp_path):
    source, clock = Source(50), Clock()
    mine = watch(tmp_path, source, clock)
    mine.look()
    clock.now -= 10**8
    mine.look()
    assert source.asked == 2


def test_one_that_hangs_is_not_asked_twice_and_is_told(tmp_path):
    over = threading.Event()

    class Hangs(Source):
        def now(self, place):
            self.asked += 1
            over.wait(30)
            return Quantity(50, 'g CO2e/kWh', 'modelled')

    source, clock = Hangs(50), Clock()
    mine = Watch(source, FR, Kept(tmp_path / 'grid', source, FR), wall=clock)
    mine.look()
    clock.now += 7
    mine.look()
    assert source.asked == 1
    assert mine.gaps(0.0)[0].reason.startswith('The service has not answered for 6 s.')
    over.set()
    for _ in range(500):
        if mine.intensity is not None:
            break
        threading.Event().wait(0.01)
    assert mine.intensity.value == 50
    assert mine.cost_seconds >= 0


def test_an_interpreter_that_gives_no_thread_is_asked_again_later(tmp_path):
    def refuses(work):
        raise RuntimeError("can't start new thread")

    source = Source(50)
    mine = Watch(source, FR, Kept(tmp_path / 'grid', source, FR), wall=Clock(), start=refuses)
    mine.look()
    mine.look()
    assert (source.asked, mine.intensity) == (0, None)


@pytest.mark.parametrize('name', ['intensity', 'reason'])
def test_the_cache_holds_the_answer_and_no_key(tmp_path, name):
    watch(tmp_path, Source(50), Clock()).look()
    (file,) = (tmp_path / 'grid').iterdir()
    assert set(json.loads(file.read_text())) == {'intensity', 'answered', 'again', 'failures', 'reason'}
