"""After a restore of the Master: look at each node before anything on it is changed.

A node may be ahead: it runs changes, and instances, that the restored database does not know. It
is asked what it has, and given nothing, until both agree or an operator has looked at the
difference and says that the node shall have what the Master knows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from erp.base.journal import record
from erp.tickets.services import report_cause, resolve_cause
from orchestration.convergence.carrier import BadAnswer, Session
from orchestration.convergence.observed import FoundPartition, Report, parse
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, NodeLease
from orchestration.nodes.queries import VISITED

BY = "restore"
# Beyond every fence that the lost Master can have given out since its backup.
FENCE_STEP = 1_000_000
EMPTY = ("empty", "wiped", "waiting")


@transaction.atomic
def begin_all(*, at: datetime, by: str) -> int:
    """Have every node compared before it is given anything; return how many.

    Fences go on far behind those that the nodes may hold: else they refuse to speak with us.
    """
    nodes = ComputeNode.objects.filter(state__in=VISITED, compare_since=None)
    found = list(nodes.defer("desired_sealed").order_by("pk"))
    keys = [one.pk for one in found]
    ComputeNode.objects.filter(pk__in=keys).update(
        compare_since=at, differences=[], next_attempt_at=at, failures=0
    )
    NodeLease.objects.filter(node__in=keys).update(
        fence=F("fence") + FENCE_STEP, until=None, owner=""
    )
    for node in found:
        record(node, "compare_begun", at=at, by=by)
    return len(found)


def compare(node: ComputeNode, session: Session, *, fence: int, at: datetime) -> None:
    """Ask the node what it has and keep the differences; where there are none, go on as usual.

    Raises:
        NodeUnreachable, BadAnswer, AgentRefused: the next visit asks again.
    """
    # Nothing is acknowledged but what is stored: the samples come again and fill the hole.
    acked = {"epoch": node.spool_epoch, "seq": node.spool_position}
    answer = session.ask({"op": "poll", "fence": fence, "revision": "", "acked": acked})
    if answer["op"] != "report" or not isinstance(answer.get("report"), Mapping):
        raise BadAnswer("The agent was asked for all that it has and gave no report.")
    report = parse(answer["report"], node=node.reference)
    found = differences(report, _known(node))
    if found:
        _keep(node, found, at=at)
    else:
        _agree(node, at=at, by=BY, why="it has what the Master knows")


def differences(report: Report, known: Mapping[str, tuple[str, int]]) -> list[dict[str, Any]]:
    """Return what a node has that the Master does not know: pure.

    Args:
        known: instance and generation of each partition that holds one.
    """
    found = []
    for one in report.partitions:
        if one.state in EMPTY and not one.instance:
            continue
        reference, generation = known.get(one.name, ("", 0))
        said = _difference(one, reference, generation)
        if said:
            facts = {"partition": one.name, "instance": one.instance, "said": said}
            found.append(facts | {"generation": one.generation})
    return found


def _difference(one: FoundPartition, reference: str, generation: int) -> str:
    if one.instance and one.instance != reference and one.state != "wiped":
        held = f"the Master knows {reference} there" if reference else "the Master knows none there"
        return f"it holds {one.instance}, {held}: what it holds would be wiped"
    if one.instance == reference and one.generation > generation:
        return (
            f"{reference} is at generation {one.generation}, the Master knows {generation}: "
            "what was changed since would be undone"
        )
    return ""


def _known(node: ComputeNode) -> dict[str, tuple[str, int]]:
    rows = Instance.objects.filter(partition__node=node)
    return {
        name: (reference, generation)
        for name, reference, generation in rows.values_list(
            "partition__name", "reference", "generation"
        )
    }


@transaction.atomic
def _keep(node: ComputeNode, found: list[dict[str, Any]], *, at: datetime) -> None:
    """Keep the differences for the page, and say once that somebody must look."""
    is_news = node.differences != found
    ComputeNode.objects.filter(pk=node.pk).update(differences=found)
    node.differences = found
    if is_news:
        report_cause(
            _cause(node),
            organisation=node.organisation,
            subject=f"Node {node.name} is ahead of the restored Master",
            body="\n".join(f"{one['partition']}: {one['said']}." for one in found),
            at=at,
            by=BY,
        )


def _cause(node: ComputeNode) -> str:
    return f"node:{node.reference}:ahead"


@transaction.atomic
def accept(node: ComputeNode, *, at: datetime, by: str) -> None:
    """Let the node have what the Master knows: an operator has seen what is undone by it.

    Generations go on behind the node's: they never go backwards.
    """
    node = ComputeNode.objects.select_for_update(of=("self",)).get(pk=node.pk)
    if node.compare_since is None or not node.differences:
        return
    for one in node.differences:
        behind = Instance.objects.filter(reference=one["instance"], partition__node=node)
        behind.filter(generation__lte=one["generation"]).update(generation=one["generation"] + 1)
    _agree(
        node, at=at, by=by, why="accepted: " + "; ".join(one["said"] for one in node.differences)
    )


@transaction.atomic
def _agree(node: ComputeNode, *, at: datetime, by: str, why: str) -> None:
    ComputeNode.objects.filter(pk=node.pk).update(
        compare_since=None, differences=[], next_attempt_at=at, desired_source=""
    )
    node.compare_since, node.differences = None, []
    record(node, "compared", at=at, by=by, why=why)
    resolve_cause(_cause(node), body=f"{node.name}: {why}.", at=at, by=by)
