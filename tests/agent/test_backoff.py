"""Each failure waits twice as long, up to a bound, and never in step with others."""

# mypy: disable-error-code="no-untyped-call"

import pytest

from orchestration.node_agent.backoff import Backoff


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("orchestration.node_agent.clock.clock.monotonic", lambda: now[0])
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    return now


def test_what_never_failed_is_due(clock: list[float]) -> None:
    assert Backoff().is_due()


def test_the_pause_doubles_up_to_five_minutes(clock: list[float]) -> None:
    one, pauses = Backoff(), []
    for _ in range(10):
        one.failed("why")
        pauses.append((one.again_at - clock[0]) / 1.2)
    assert pauses == pytest.approx([2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
    assert (one.count, one.reason) == (10, "why")


def test_it_is_due_again_when_the_pause_is_over(clock: list[float]) -> None:
    one = Backoff()
    one.failed("why")
    assert not one.is_due()
    clock[0] = one.again_at
    assert one.is_due()
