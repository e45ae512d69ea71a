"""Work on a node: closed, drained or stopped in its window, checked, opened; resumed anywhere."""

from datetime import datetime, timedelta

import pytest

from erp.base.doors import now
from erp.base.journal import history
from erp.base.lifecycle import IllegalMove
from erp.tickets.models import Ticket
from orchestration.convergence import documents
from orchestration.instances.models import Instance
from orchestration.maintenance import services
from orchestration.maintenance.models import NodeWork
from orchestration.maintenance.services import BusyNode, NotItsWindow
from orchestration.maintenance.states import How, Work
from orchestration.maintenance.tasks import sweep_works
from orchestration.monitoring.services import HELD, RUNS, Sighting, observe
from orchestration.nodes.document import stored
from orchestration.nodes.models import ComputeNode
from orchestration.windows.models import Occurrence
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.nodes import an_operator
from tests.orchestration.windows.planned import LONG_BEFORE, a_told_time

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
END = NOON + timedelta(hours=1)


def planned(how: How, node: ComputeNode | None = None) -> NodeWork:
    node = node or a_node()
    occurrence = a_told_time(node, NOON)
    return services.plan(node, occurrence, how=how, what="Disk", at=LONG_BEFORE, by="ops")


def step(work: NodeWork, at: datetime) -> NodeWork:
    """Every step twice: a worker that is killed after it leaves the same behind."""
    services.advance(work.pk, at=at)
    if work.state == NodeWork.objects.get(pk=work.pk).state:
        services.advance(work.pk, at=at)
    return NodeWork.objects.select_related("node", "occurrence").get(pk=work.pk)


def answers(node: ComputeNode, at: datetime) -> None:
    """The node applied its newest document and was heard."""
    documents.recompute(node.pk, at=at)
    node.refresh_from_db()
    ComputeNode.objects.filter(pk=node.pk).update(
        applied_revision=node.desired_revision, last_seen_at=at, failures=0
    )


def wanted(node: ComputeNode) -> str:
    documents.recompute(node.pk, at=NOON)
    document = stored(ComputeNode.objects.get(pk=node.pk))
    assert document
    return str(document["partitions"][0]["instance"]["requested_state"])


def test_before_its_window_nothing_happens() -> None:
    work = step(planned(How.CLOSE), NOON - MINUTE)
    assert (work.state, work.node.state) == (Work.PLANNED, "ready")


def test_a_closed_node_takes_nothing_and_opens_when_all_is_well() -> None:
    work = step(planned(How.CLOSE), NOON)
    assert (work.state, work.node.state, work.node.closed_for) == (
        Work.PREPARING, "closed", "maintenance",
    )  # fmt: skip
    work = step(work, NOON + MINUTE)
    assert work.state == Work.WORKING
    work = step(work, NOON + 2 * MINUTE)
    assert work.state == Work.WORKING, "a person says when the work is done"

    services.finish(work, at=NOON + 3 * MINUTE, by="ops")
    work = step(work, NOON + 4 * MINUTE)
    assert work.state_reason == "waiting for node-1 to answer."

    answers(work.node, NOON + 5 * MINUTE)
    work = step(work, NOON + 6 * MINUTE)
    assert (work.state, work.node.state, work.node.closed_for) == (Work.DONE, "ready", "")
    assert [line.event for line in history(work)] == [
        "planned", "preparing", "working", "checking", "done",
    ]  # fmt: skip


def test_a_stopped_node_stops_what_is_there_and_starts_it_again_without_a_new_request() -> None:
    instance = an_instance_on(node := a_node(), state="started")
    assert wanted(node) == "started"
    work = step(planned(How.STOP, node), NOON)
    assert wanted(node) == "stopped"
    work = step(work, NOON + MINUTE)
    assert work.state_reason == f"{instance.reference} is not stopped yet"

    Instance.objects.filter(pk=instance.pk).update(state="stopped")
    work = step(work, NOON + 2 * MINUTE)
    assert work.state == Work.WORKING
    services.finish(work, at=NOON + 3 * MINUTE, by="ops")
    assert wanted(node) == "started"

    answers(node, NOON + 4 * MINUTE)
    assert step(work, NOON + 5 * MINUTE).state_reason == f"{instance.reference} is not well"
    Instance.objects.filter(pk=instance.pk).update(state="started")
    assert step(work, NOON + 6 * MINUTE).state == Work.DONE
    instance.refresh_from_db()
    assert (instance.requested_state, instance.generation) == ("started", 1)


def test_what_is_held_counts_as_failing_so_that_an_overrun_is_seen() -> None:
    instance = an_instance_on(a_node(is_held=True), state="stopped")
    observe([Sighting(instance, "", [], is_held=True)], at=NOON)
    assert [(one.promise, one.message) for one in instance.outages.all()] == [(RUNS, HELD)]
    Instance.objects.update(state="started")
    instance.refresh_from_db()
    observe([Sighting(instance, "", [])], at=NOON + MINUTE)
    assert instance.outages.get().until == NOON + MINUTE


def test_a_drained_node_waits_until_it_is_empty_and_gives_up_at_the_end_of_the_window() -> None:
    instance = an_instance_on(node := a_node(), state="started")
    work = step(planned(How.DRAIN, node), NOON)
    assert work.node.state == "draining"
    work = step(work, NOON + MINUTE)
    assert work.state_reason == f"{instance.reference} is still on the node"

    work = step(work, END)
    assert work.state == Work.CHECKING
    assert work.state_reason.endswith("is still on the node: nothing was done")
    answers(node, END + MINUTE)
    assert step(work, END + 2 * MINUTE).state == Work.DONE
    node.refresh_from_db()
    assert node.state == "ready"


def test_work_beyond_its_window_is_told_once_and_the_ticket_closes_with_it() -> None:
    work = step(step(planned(How.CLOSE), NOON), NOON + MINUTE)
    for minutes in (61, 62, 63):
        work = step(work, NOON + minutes * MINUTE)
    ticket = Ticket.objects.get()
    assert ticket.subject == "Work on node node-1 is beyond its window"
    assert ticket.messages.count() == 1
    services.finish(work, at=END + 5 * MINUTE, by="ops")
    answers(work.node, END + 6 * MINUTE)
    step(work, END + 7 * MINUTE)
    ticket.refresh_from_db()
    assert ticket.state == "closed"


def test_a_node_that_was_closed_by_hand_stays_closed() -> None:
    node = a_node(state="closed", closed_for="hand")
    work = step(step(planned(How.CLOSE, node), NOON), NOON + MINUTE)
    services.finish(work, at=NOON + 2 * MINUTE, by="ops")
    answers(node, NOON + 3 * MINUTE)
    assert step(work, NOON + 4 * MINUTE).state == Work.DONE
    node.refresh_from_db()
    assert (node.state, node.closed_for) == ("closed", "hand")


def test_a_window_that_was_cancelled_or_missed_cancels_its_work() -> None:
    work = planned(How.CLOSE)
    assert step(work, END).state_reason == "its window has passed"
    other = planned(How.CLOSE, a_node("other"))
    Occurrence.objects.update(cancelled_at=LONG_BEFORE)
    assert step(other, NOON).state_reason == "its window was cancelled"


def test_one_work_on_a_node_at_a_time_and_only_in_its_own_window() -> None:
    work = planned(How.CLOSE)
    with pytest.raises(BusyNode):
        services.plan(work.node, work.occurrence, how=How.STOP, what="x", at=LONG_BEFORE, by="ops")
    with pytest.raises(NotItsWindow):
        services.plan(
            a_node("other"), work.occurrence, how=How.STOP, what="x", at=LONG_BEFORE, by="ops"
        )


def test_work_is_called_off_before_it_began_and_what_was_prepared_is_given_back() -> None:
    node = a_node()
    an_instance_on(node, state="started")
    work = step(planned(How.STOP, node), NOON)
    services.cancel(work, at=NOON + MINUTE, by="ops", why="no spare part")
    assert ComputeNode.objects.get(pk=node.pk).is_held is False
    assert NodeWork.objects.get().state == Work.CHECKING
    with pytest.raises(IllegalMove):
        services.cancel(NodeWork.objects.get(), at=NOON, by="ops", why="x")


def test_the_sweep_takes_the_steps_that_are_due() -> None:
    work = planned(How.CLOSE)
    sweep_works()
    sweep_works()
    work.refresh_from_db()
    assert work.state_reason == "its window has passed", "the clock of the sweep is the real one"


def test_an_operator_plans_work_on_the_page_and_follows_its_steps() -> None:
    node = a_node()
    occurrence = a_told_time(node, now() + timedelta(days=1))
    client = an_operator()
    typed = {"what": "New disk", "occurrence": occurrence.reference, "how": "stop"}
    page = client.post(f"/maintenance/of-node/{node.reference}/plan", typed, follow=True)
    text = page.content.decode()
    assert "Wait for the window" in text
    assert "stop what is there" in text
    work = NodeWork.objects.get()
    client.post(f"/maintenance/works/{work.reference}/cancel", {"why": "no part"})
    text = client.get(f"/maintenance/works/{work.reference}").content.decode()
    assert "no part" in text
