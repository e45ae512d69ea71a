"""Work on a node: close, drain or stop in its window, work, check, open. Resumed by any sweep."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.nudges import announce
from erp.tickets.services import report_cause, resolve_cause
from orchestration.allocation import moving
from orchestration.instances.models import Instance
from orchestration.maintenance import queries
from orchestration.maintenance.models import NodeWork
from orchestration.maintenance.states import How, Work
from orchestration.nodes import services as nodes
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.states import State as NodeState
from orchestration.windows.models import Occurrence

BY = "maintenance"
MOST_NAMED = 5


class BusyNode(DomainError):
    """Other work on this node is planned or goes on: end it first."""

    code = "busy_node"


class NotItsWindow(DomainError):
    """This time is over, was cancelled, or is not one of this node."""

    code = "not_its_window"
    status = 422


@transaction.atomic
def plan(
    node: ComputeNode, occurrence: Occurrence, *, how: How, what: str, at: datetime, by: str
) -> NodeWork:
    """Plan work on a node within one time of a window of it or of its region.

    Raises:
        BusyNode: there is other work on it.
        NotItsWindow: the time does not fit.
    """
    window = occurrence.window
    is_its = window.node_id == node.pk or (window.region and window.region == node.region)
    if not is_its or occurrence.cancelled_at or occurrence.ends_at <= at:
        raise NotItsWindow
    work = NodeWork(
        organisation_id=node.organisation_id, node=node, occurrence=occurrence, how=how, what=what,
        created_at=at, state=Work.PLANNED, state_since=at,
    )  # fmt: skip
    try:
        with transaction.atomic():
            work.save()
    except IntegrityError as error:
        raise BusyNode from error
    record(work, "planned", at=at, by=by, why=f"{what}: {How(how).label}")
    return work


@transaction.atomic
def advance(work_pk: int, *, at: datetime) -> None:
    """Take the step that is due, if one is; repeating it changes nothing."""
    rows = NodeWork.objects.select_for_update(of=("self",))
    work = rows.select_related("node", "occurrence").get(pk=work_pk)
    steps = {
        Work.PLANNED: _begin,
        Work.PREPARING: _wait_until_clear,
        Work.WORKING: _watch_overrun,
        Work.CHECKING: _check,
    }
    step = steps.get(Work(work.state))
    if step:
        step(work, at)


def _begin(work: NodeWork, at: datetime) -> None:
    occurrence = work.occurrence
    if occurrence.cancelled_at or occurrence.ends_at <= at:
        why = "its window was cancelled" if occurrence.cancelled_at else "its window has passed"
        move(work, Work.CANCELLED, at=at, by=BY, why=why)
        return
    if occurrence.starts_at > at:
        return
    node, why = work.node, f"{work.reference}: {work.what}"
    was_open = node.state in (NodeState.READY, NodeState.UNREACHABLE)
    if work.how == How.DRAIN and node.state != NodeState.DRAINING:
        moving.drain(node, at=at, by=BY, why=why)
    elif was_open:
        nodes.close_for_maintenance(node, at=at, by=BY, why=why)
    if work.how == How.STOP:
        _hold(node, is_held=True)
    move(work, Work.PREPARING, at=at, by=BY, also={"was_open": was_open})


def _hold(node: ComputeNode, *, is_held: bool) -> None:
    if ComputeNode.objects.filter(pk=node.pk).exclude(is_held=is_held).update(is_held=is_held):
        announce("instance.changed", node=node.pk)


def _wait_until_clear(work: NodeWork, at: datetime) -> None:
    """Wait until nothing is in the way; at the end of the window what is in the way stays."""
    in_the_way = _in_the_way(work)
    if not in_the_way:
        move(work, Work.WORKING, at=at, by=BY, why="the node is yours: say when you are done")
    elif work.occurrence.ends_at <= at:
        _open_up(work, at, f"the window is over and {in_the_way}: nothing was done")
    else:
        _say(work, in_the_way)


def _in_the_way(work: NodeWork) -> str:
    if work.how == How.DRAIN:
        return _names(queries.still_there(work.node), "still on the node")
    if work.how == How.STOP:
        return _names(queries.still_running(work.node), "not stopped yet")
    return ""


def _names(rows: QuerySet[Instance], what: str) -> str:
    count = rows.count()
    if not count:
        return ""
    named = ", ".join(rows.order_by("pk").values_list("reference", flat=True)[:MOST_NAMED])
    more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
    return f"{named}{more} {'is' if count == 1 else 'are'} {what}"


def _say(work: NodeWork, why: str) -> None:
    if work.state_reason != why:
        NodeWork.objects.filter(pk=work.pk).update(state_reason=why)


def _watch_overrun(work: NodeWork, at: datetime) -> None:
    """Tell once that work goes on beyond its window: from now on it counts as failure."""
    said = "the window is over and the work is not done: from now on it counts as failure"
    if work.occurrence.ends_at > at or work.state_reason == said:
        return
    _say(work, said)
    report_cause(
        _cause(work),
        organisation=work.node.organisation,
        subject=f"Work on node {work.node.name} is beyond its window",
        body=f"{work.reference} ({work.what}): {said}.",
        at=at,
        by=BY,
    )


def _cause(work: NodeWork) -> str:
    return f"nodework:{work.reference}:overrun"


def finish(work: NodeWork, *, at: datetime, by: str) -> None:
    """The work is done: let everything start again, and look whether it does.

    Raises:
        IllegalMove, StaleState: it has not begun, or somebody said so before.
    """
    _open_up(work, at, "the work is done", by=by)


@transaction.atomic
def _open_up(work: NodeWork, at: datetime, why: str, *, by: str = BY) -> None:
    move(work, Work.CHECKING, at=at, by=by, why=why)
    _hold(work.node, is_held=False)


def _check(work: NodeWork, at: datetime) -> None:
    """Open the node when it answers again and everything on it keeps its promises."""
    trouble = _trouble(work)
    if trouble:
        _say(work, trouble)
        return
    node = work.node
    is_ours = node.state == NodeState.DRAINING or node.closed_for == "maintenance"
    if work.was_open and is_ours:
        nodes.reopen(node, at=at, by=BY, why=f"{work.reference} is done")
    resolve_cause(_cause(work), body="The work is done and all is well.", at=at, by=BY)
    move(work, Work.DONE, at=at, by=BY, why="it answers, and all on it keep their promises")


def _trouble(work: NodeWork) -> str:
    node = work.node
    if node.failures or not node.last_seen_at or node.last_seen_at <= work.state_since:
        return f"waiting for {node.name} to answer. {node.last_error}".strip()
    if node.applied_revision != node.desired_revision or queries.is_stale(node):
        return f"{node.name} has not yet what it should"
    if node.failing:
        return f"{node.name} does not keep its promises: {', '.join(sorted(node.failing))}"
    return _names(queries.not_well(node), "not well")


@transaction.atomic
def cancel(work: NodeWork, *, at: datetime, by: str, why: str) -> None:
    """Call it off before anything was done; what was prepared is given back.

    Raises:
        IllegalMove, StaleState: it is under way: say that it is done instead.
    """
    if work.state == Work.PREPARING:
        _open_up(work, at, f"called off: {why}", by=by)
    else:
        move(work, Work.CANCELLED, at=at, by=by, why=why)
