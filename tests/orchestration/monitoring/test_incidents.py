"""What lasts longer than its tolerance is one incident that closes itself."""

from datetime import datetime

import pytest
import time_machine

from erp.base.lifecycle import StaleState
from erp.outbox.models import Mail
from erp.tickets.models import Message, Ticket
from erp.tickets.services import close, reply
from orchestration.instances.models import Instance
from orchestration.monitoring import services
from orchestration.monitoring.models import Outage
from orchestration.monitoring.services import report_failing, resolve_failing
from orchestration.monitoring.tasks import sweep_incidents
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import a_node
from tests.orchestration.monitoring.watched import (
    ANSWERS,
    a_running_instance,
    after,
    broken,
    kept,
    see,
)

pytestmark = pytest.mark.django_db


def sweep(at: datetime) -> None:
    with time_machine.travel(at, tick=False):
        sweep_incidents()


def said() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("body", flat=True))


def test_a_failure_is_told_when_it_lasts_longer_than_its_tolerance_and_not_before() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    sweep(after(59))
    sweep(after(60))
    assert not Ticket.objects.exists()
    sweep(after(60.001))
    ticket = Ticket.objects.get()
    assert (ticket.kind, ticket.state, ticket.organisation) == (
        "incident", "open", instance.organisation,
    )  # fmt: skip
    assert ticket.cause == f"instance:{instance.reference}:promises"
    assert ticket.subject == "My site does not keep its promises"
    assert said() == ["the page answers: failing since 2026-11-01 12:00:00 UTC. answered 500"]
    assert Outage.objects.get().ticket == ticket


def test_an_incident_names_its_service_and_is_mailed_at_its_begin_and_its_end() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    sweep(after(61))
    see(instance, broken(message="answered 502"), at=after(70))
    sweep(after(200))
    see(instance, kept(), at=after(300))
    sweep(after(301))
    sweep(after(302))

    ticket = Ticket.objects.get()
    assert ticket.contract == instance.line.contract
    title = "My site does not keep its promises"
    assert list(Mail.objects.order_by("pk").values_list("recipient", "subject")) == [
        (instance.organisation.email, f"[{ticket.reference}] {title}"),
        (instance.organisation.email, f"[{ticket.reference}] Over: {title}"),
    ]


def test_a_short_failure_is_kept_in_the_history_and_told_to_nobody() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    see(instance, kept(), at=after(59))
    sweep(after(600))
    assert Outage.objects.count() == 1
    assert not Ticket.objects.exists()


def test_a_sweep_that_runs_again_says_nothing_again() -> None:
    see(a_running_instance(), broken(), at=after(0))
    with time_machine.travel(after(61), tick=False):
        sweep_incidents()
        sweep_incidents()
    sweep(after(3600))
    assert (Ticket.objects.count(), Message.objects.count()) == (1, 1)


def test_further_failures_are_added_to_the_one_incident_once_each() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    sweep(after(61))
    see(instance, broken(), broken("mail leaves", "no route"), at=after(100))
    sweep(after(160))
    assert len(said()) == 1
    sweep(after(161))
    sweep(after(176))
    assert said()[1:] == ["mail leaves: failing since 2026-11-01 12:01:40 UTC. no route"]
    assert Ticket.objects.count() == 1


def test_an_incident_closes_itself_with_the_times_when_all_is_well() -> None:
    instance = a_running_instance()
    see(instance, broken(), broken("mail leaves"), at=after(0))
    sweep(after(61))
    see(instance, kept(), broken("mail leaves"), at=after(90))
    sweep(after(91))
    assert Ticket.objects.get().state == "open"
    see(instance, kept(), kept("mail leaves"), at=after(120))
    sweep(after(121))
    sweep(after(136))
    assert Ticket.objects.get().state == "closed"
    assert said()[1:] == [
        "All promises are kept again.\n"
        "the page answers: failed from 2026-11-01 12:00:00 UTC to 2026-11-01 12:01:30 UTC "
        "(90 seconds).\n"
        "mail leaves: failed from 2026-11-01 12:00:00 UTC to 2026-11-01 12:02:00 UTC "
        "(120 seconds)."
    ]


def test_the_next_failure_is_a_new_incident() -> None:
    instance = a_running_instance()
    for start in (0, 1000):
        see(instance, broken(), at=after(start))
        sweep(after(start + 61))
        see(instance, kept(), at=after(start + 70))
        sweep(after(start + 71))
    assert list(Ticket.objects.values_list("state", flat=True)) == ["closed", "closed"]


def test_an_incident_that_the_customer_opens_again_stays_open() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    sweep(after(61))
    see(instance, kept(), at=after(70))
    sweep(after(71))
    reply(Ticket.objects.get(), "Why did that happen?", at=after(100), by="alice")
    sweep(after(115))
    assert Ticket.objects.get().state == "open"
    assert len(said()) == 3


def test_an_incident_that_somebody_closed_by_hand_is_not_opened_again_for_the_same() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    sweep(after(61))
    close(Ticket.objects.get(), at=after(70), by="alice")
    sweep(after(76))
    see(instance, kept(), at=after(80))
    sweep(after(91))
    assert (Ticket.objects.count(), len(said())) == (1, 1)
    assert Outage.objects.get().told_over_at == after(91)


@pytest.mark.parametrize("facts", [{"state": "unreachable"}, {"failures": 1}])
def test_what_cannot_be_seen_opens_no_incident_of_its_own(facts: dict[str, object]) -> None:
    see(a_running_instance(), broken(), at=after(0))
    ComputeNode.objects.update(**facts)
    sweep(after(600))
    assert not Ticket.objects.exists()
    ComputeNode.objects.update(state="ready", failures=0)
    sweep(after(615))
    assert said() == ["the page answers: failing since 2026-11-01 12:00:00 UTC. answered 500"]


def test_a_service_that_should_stop_is_told_no_more_and_its_incident_ends() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    sweep(after(61))
    Instance.objects.update(requested_state="stopped")
    sweep(after(76))
    assert Ticket.objects.get().state == "closed"
    assert said()[1].startswith("The service was stopped.\nthe page answers: failed from")
    assert list(Outage.objects.values_list("promise", "until")) == [(ANSWERS, after(76))]


def test_a_service_that_should_be_stopped_opens_no_incident() -> None:
    see(a_running_instance(), broken(), at=after(0))
    Instance.objects.update(requested_state="stopped")
    sweep(after(600))
    assert not Ticket.objects.exists()


def test_two_sweeps_that_found_the_same_work_do_it_once() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    report_failing(instance.pk, at=after(61))
    report_failing(instance.pk, at=after(61))
    resolve_failing(instance.pk, at=after(62))
    assert (len(said()), Ticket.objects.get().state) == (1, "open")
    see(instance, kept(), at=after(70))
    resolve_failing(instance.pk, at=after(71))
    resolve_failing(instance.pk, at=after(71))
    assert (len(said()), Ticket.objects.get().state) == (2, "closed")


def test_one_incident_that_cannot_be_told_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = a_running_instance(), a_running_instance(a_node("node-2"))
    for instance in (first, second):
        see(instance, broken(), at=after(0))
    real = services.report_failing

    def refuse(pk: int, *, at: datetime) -> None:
        if pk == first.pk:
            raise StaleState
        real(pk, at=at)

    monkeypatch.setattr(services, "report_failing", refuse)
    sweep(after(61))
    assert Ticket.objects.get().cause == f"instance:{second.reference}:promises"
