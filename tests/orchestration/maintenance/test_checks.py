"""Recurring checks: what they make of facts, one ticket per failure, history and trend."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.base.doors import now
from erp.tickets.models import Ticket
from orchestration.maintenance import checks, judge
from orchestration.maintenance.judge import Found
from orchestration.maintenance.models import Check, Reading
from orchestration.maintenance.states import Verdict
from orchestration.maintenance.tasks import sweep_checks
from orchestration.maintenance.trend import in_days, reaches, slope
from orchestration.node_agent.bundle import version
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import NOON, a_node, a_provider
from tests.orchestration.nodes import an_operator

DAY = timedelta(days=1)
WELL: dict[str, Any] = {
    "updates_pending": 0, "updates_security": 0, "reboot_required": False,
    "disk_bytes": 1000, "disk_free_bytes": 700, "disk_health": "ok",
}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (judge.updates({}), "unknown", "does not say"),
        (judge.updates(WELL), "ok", "No update waits"),
        (judge.updates(WELL | {"updates_pending": 3}), "warn", "3 updates wait, none"),
        (
            judge.updates({"updates_pending": 9, "updates_security": 2}),
            "failed",
            "2 security updates wait of 9",
        ),
        (judge.reboot({}), "unknown", "does not say"),
        (judge.reboot({"reboot_required": True}), "failed", "plan a window"),
        (judge.disk_health({}), "unknown", "install smartmontools"),
        (judge.disk_health({"disk_health": "failing: /dev/sda"}), "failed", "/dev/sda"),
        (judge.disk_health({"disk_health": "unknown: /dev/sda"}), "unknown", "say nothing"),
        (judge.clock(None), "unknown", "not read"),
        (judge.clock(200), "ok", "the same"),
        (judge.clock(-20_000), "warn", "20.0 seconds behind"),
        (judge.clock(70_000), "failed", "time service"),
        (judge.expiry("portal", NOON + 13 * DAY, NOON, todo="Renew it."), "failed", "13 days"),
        (judge.expiry("portal", NOON + 20 * DAY, NOON, todo="Renew it."), "warn", "20 days"),
        (judge.expiry("portal", NOON - DAY, NOON, todo="Renew it."), "failed", "has expired"),
        (judge.node_key(NOON - 366 * DAY, NOON, is_changing=False), "failed", "366 days old"),
        (judge.node_key(NOON - 366 * DAY, NOON, is_changing=True), "warn", "being changed"),
    ],
)
def test_a_check_says_what_is_wrong(found: Found, verdict: str, words: str) -> None:
    assert found.verdict == verdict
    assert words in found.message


def test_a_disk_that_fills_by_a_line_is_full_on_the_day_that_the_line_says() -> None:
    past = [(NOON - (6 - day) * DAY, 100 + 10 * day) for day in range(6)]
    found = judge.disk({"disk_bytes": 280, "disk_free_bytes": 120}, past, NOON)
    assert found.message == "57 % of the disk is used; at this pace it is full in 12 days."
    assert (found.verdict, found.value) == (Verdict.FAILED, 160)


def test_a_disk_that_was_freed_or_has_no_past_fills_up_never() -> None:
    assert judge.disk(WELL, [], NOON).message == "30 % of the disk is used; it is not filling up."
    emptier = [(NOON - (6 - day) * DAY, 500 - 10 * day) for day in range(6)]
    assert judge.disk(WELL, emptier, NOON).verdict == Verdict.OK


def test_an_agent_that_was_put_back_is_a_failure() -> None:
    facts = {
        "has": "a" * 64,
        "shipped": "b" * 64,
        "refusal": "it ended by itself",
        "is_held": False,
    }
    assert judge.agent(refused="", **facts).verdict == Verdict.WARN  # type: ignore[arg-type]
    put_back = judge.agent(refused="b" * 64, **facts)  # type: ignore[arg-type]
    assert put_back.verdict == Verdict.FAILED
    assert "it ended by itself" in put_back.message


@given(per_day=st.integers(1, 10**12), start=st.integers(0, 10**15), days=st.integers(1, 300))
def test_a_straight_line_reaches_its_limit_when_arithmetic_says(
    per_day: int, start: int, days: int
) -> None:
    points = [(NOON + number * DAY, start + number * per_day) for number in range(5)]
    limit = points[-1][1] + days * per_day
    found = reaches(points, limit)
    assert found is not None
    assert abs(found - days * DAY) < timedelta(minutes=10)


def test_a_short_past_says_nothing() -> None:
    hours = [(NOON + timedelta(hours=number), number) for number in range(10)]
    assert slope(hours) is None
    assert slope(hours[:2]) is None
    assert [in_days(one) for one in (DAY / 2, DAY, 12.5 * DAY)] == [
        "less than a day", "1 day", "12 days",
    ]  # fmt: skip


def look(node: ComputeNode, at: datetime, **facts: Any) -> dict[str, str]:
    ComputeNode.objects.filter(pk=node.pk).update(
        facts=WELL | facts, agent_version=version(), clock_offset_ms=0, key_made_at=NOON
    )
    checks.look_at_node(node.pk, at=at)
    return {one.name: one.verdict for one in Check.objects.filter(node=node)}


@pytest.mark.django_db
def test_a_failure_is_one_ticket_that_closes_by_itself() -> None:
    node = a_node()
    assert set(look(node, NOON).values()) == {"ok"}
    for hour in (1, 2):
        found = look(node, NOON + timedelta(hours=hour), reboot_required=True)
    assert found["reboot"] == "failed"
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.messages.count()) == ("Reboot of node node-1", 1)
    check = Check.objects.get(name="reboot")
    assert check.since == NOON + timedelta(hours=1)

    look(node, NOON + timedelta(hours=3))
    ticket.refresh_from_db()
    assert ticket.state == "closed"
    assert [one.verdict for one in check.readings.order_by("at")] == ["ok", "failed", "ok"]

    look(node, NOON + timedelta(hours=4), reboot_required=True)
    assert Ticket.objects.count() == 2


@pytest.mark.django_db
def test_unknown_neither_opens_nor_closes() -> None:
    node = a_node()
    look(node, NOON, disk_health="failing: /dev/sda")
    look(node, NOON + DAY, disk_health="unknown: no disk is known")
    assert Ticket.objects.get().state == "open"


@pytest.mark.django_db
def test_the_trend_is_drawn_from_the_kept_past() -> None:
    node = a_node()
    for day in range(6):
        look(node, NOON + day * DAY, disk_bytes=1000, disk_free_bytes=700 - 50 * day)
    disk = Check.objects.get(name="disk")
    assert disk.message == "55 % of the disk is used; at this pace it is full in 9 days."
    page = an_operator().get(f"/maintenance/checks/{disk.reference}").content.decode()
    assert "full in 9 days" in page
    assert "<svg" in page


@pytest.mark.django_db
def test_the_history_is_bounded_and_the_sweep_looks_once_an_hour() -> None:
    node = a_node()
    for _ in range(2):
        sweep_checks()
    [reading] = Reading.objects.filter(check_of__name="clock")
    assert reading.verdict == "unknown"
    Reading.objects.update(at=now() - timedelta(days=91))
    sweep_checks()
    sweep_checks()
    assert not Reading.objects.exists()
    assert Check.objects.filter(node=node).exists()


@pytest.mark.django_db
def test_the_checks_of_the_master_have_no_node_and_their_own_ticket() -> None:
    a_provider()
    bad = Found("backup", Verdict.FAILED, "There is none.")
    for _ in range(2):
        checks.look_at_master([bad], at=NOON)
    assert Ticket.objects.get().subject == "Backup of the Master"
    checks.look_at_master([], at=NOON)
    assert Ticket.objects.get().state == "closed"


@pytest.mark.django_db
def test_the_page_shows_the_worst_first_and_an_owner_can_be_named() -> None:
    node = a_node()
    look(node, NOON, reboot_required=True, updates_pending=2)
    client = an_operator()
    page = client.get("/maintenance/").content.decode()
    assert page.index("It asks for a reboot") < page.index("2 updates wait")
    check = Check.objects.get(name="reboot")
    client.post(f"/maintenance/checks/{check.reference}/owner", {"owner": "ops@mail.example"})
    client.post(f"/maintenance/checks/{check.reference}/owner", {"owner": "nobody"})
    check.refresh_from_db()
    assert check.owner == "ops@mail.example"
    only = client.get("/maintenance/?verdict=warn").content.decode()
    assert "It asks for a reboot" not in only
    assert (
        "ops@mail.example" in client.get(f"/maintenance/of-node/{node.reference}").content.decode()
    )
