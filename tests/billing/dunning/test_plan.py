"""Which step is due when: in order, never sooner than said, and a preview that comes true."""

from datetime import date, timedelta

from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from billing.dunning.plan import Hold, Late, Step, due, forecast

DUE = date(2026, 12, 1)
STEPS = [Step(1, 5, "remind"), Step(2, 14, "warn"), Step(3, 21, "suspend")]


def _day(days: int) -> date:
    return DUE + timedelta(days=days)


def test_steps_come_one_after_the_other() -> None:
    assert due(Late(1, DUE, {}), STEPS, _day(4)) is None
    assert due(Late(1, DUE, {}), STEPS, _day(5)) == STEPS[0]
    assert due(Late(1, DUE, {1: _day(5)}), STEPS, _day(13)) is None
    assert due(Late(1, DUE, {1: _day(5)}), STEPS, _day(14)) == STEPS[1]
    done = {1: _day(5), 2: _day(14), 3: _day(21)}
    assert due(Late(1, DUE, done), STEPS, _day(99)) is None


def test_who_was_reminded_late_still_has_the_whole_time() -> None:
    late = Late(1, DUE, {1: _day(40)})
    assert due(late, STEPS, _day(48)) is None
    assert due(late, STEPS, _day(49)) == STEPS[1]


def test_a_hold_stops_everything_up_to_its_day() -> None:
    late = Late(1, DUE, {}, [Hold(_day(10))])
    assert due(late, STEPS, _day(10)) is None
    assert due(late, STEPS, _day(11)) == STEPS[0]
    assert due(Late(1, DUE, {}, [Hold()]), STEPS, _day(300)) is None


def test_the_preview_names_every_day() -> None:
    found = list(forecast([Late(1, DUE, {})], STEPS, _day(0), _day(30)))
    assert found == [(_day(5), 1, STEPS[0]), (_day(14), 1, STEPS[1]), (_day(21), 1, STEPS[2])]


@tried(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    days=st.lists(st.integers(1, 60), min_size=1, max_size=5, unique=True),
    looks=st.sets(st.integers(0, 110), max_size=40),
    until=st.one_of(st.none(), st.integers(0, 60)),
)
def test_whenever_one_looks_each_step_is_taken_once_in_order_and_in_time(
    days: list[int], looks: set[int], until: int | None
) -> None:
    steps = [Step(rank, day, "remind") for rank, day in enumerate(sorted(days), 1)]
    holds = [] if until is None else [Hold(_day(until))]
    done: dict[int, date] = {}
    for look in sorted(looks):
        step = due(Late(1, DUE, done, holds), steps, _day(look))
        if step:
            assert step.position == len(done) + 1
            assert look >= step.days and (until is None or look > until)
            if done:
                gap = step.days - steps[step.position - 2].days
                assert _day(look) - done[step.position - 1] >= timedelta(days=gap)
            done[step.position] = _day(look)


@tried(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 30), st.integers(1, 90))
def test_the_preview_is_what_happens_when_nobody_pays(first: int, length: int) -> None:
    foreseen = list(forecast([Late(1, DUE, {})], STEPS, _day(first), _day(first + length)))
    done: dict[int, date] = {}
    happened = []
    for day in range(first, first + length + 1):
        step = due(Late(1, DUE, done), STEPS, _day(day))
        if step:
            done[step.position] = _day(day)
            happened.append((_day(day), 1, step))
    assert foreseen == happened
