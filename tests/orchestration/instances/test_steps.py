"""How far an instance has come, in words."""

from datetime import timedelta

from orchestration.instances.steps import Step, steps_of, trouble_of
from tests.orchestration.builders import NOON


def words(steps: list[Step]) -> list[str]:
    return [step.state for step in steps]


def test_a_waiting_instance_shows_why_it_has_no_place() -> None:
    steps = steps_of(
        state="waiting",
        reason="It fits on no node yet.",
        moves=[("requested", NOON)],
        placement_reasons=["node-1: it has no free partition"],
    )
    assert words(steps) == ["done", "running", "waiting", "waiting", "waiting"]
    assert steps[1].message == "node-1: it has no free partition"


def test_a_started_instance_has_done_all_with_the_time_of_each() -> None:
    moves = [
        ("requested", NOON),
        ("placed", NOON + timedelta(seconds=2)),
        ("building", NOON + timedelta(seconds=3)),
        ("starting", NOON + timedelta(seconds=13)),
        ("started", NOON + timedelta(seconds=14)),
    ]
    steps = steps_of(state="started", reason="", moves=moves)
    assert words(steps) == ["done"] * 5
    assert [step.seconds for step in steps] == [None, 2, 11, 1, 0]


def test_a_failed_instance_shows_the_step_that_failed() -> None:
    moves = [("requested", NOON), ("placed", NOON), ("building", NOON), ("failed", NOON)]
    steps = steps_of(state="failed", reason="pip said no", moves=moves)
    assert words(steps) == ["done", "done", "failed", "waiting", "waiting"]
    assert steps[2].message == "pip said no"
    assert trouble_of(steps).startswith("The software could not be prepared.")


def test_what_ran_and_then_failed_shows_that_it_does_not_answer() -> None:
    moves = [("requested", NOON), ("placed", NOON), ("started", NOON), ("failed", NOON)]
    steps = steps_of(state="failed", reason="answered 500, promised 200", moves=moves)
    assert words(steps) == ["done", "done", "done", "done", "failed"]
    assert trouble_of(steps).startswith("The service does not answer")


def test_a_later_build_that_fails_is_not_taken_for_the_first_start() -> None:
    moves = [("placed", NOON), ("started", NOON), ("building", NOON), ("failed", NOON)]
    steps = steps_of(state="failed", reason="no", moves=moves)
    assert words(steps) == ["done", "done", "failed", "waiting", "waiting"]


def test_what_is_well_has_no_trouble() -> None:
    assert trouble_of(steps_of(state="started", reason="", moves=[("started", NOON)])) == ""
