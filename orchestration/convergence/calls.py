"""What the node door does for those who call: join by a token, be recognised, be visited.

All of it is for the one node that the token or the certificate names; a call names no other.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Q

from erp.base.errors import DomainError
from erp.customers.models import Organisation
from erp.customers.states import Kind
from erp.tickets.services import report_cause, resolve_cause
from orchestration.convergence import enrolment, lease
from orchestration.convergence.carrier import BadAnswer, Session
from orchestration.convergence.services import converge, give_up, worker_name
from orchestration.node_agent.bundle import version
from orchestration.nodes import callers, queries
from orchestration.nodes import services as nodes
from orchestration.nodes.authority import Authority, authority_of
from orchestration.nodes.models import ComputeNode, EnrolmentStep, NodeAuthority
from orchestration.nodes.states import State

Clock = Callable[[], datetime]
BY = "node door"
CAUSE_CLOSED = "node-door:closed"


# A machine joins.


def join(asked: object, *, clock: Clock) -> dict[str, Any]:
    """Answer one question of a machine that holds a one-time token.

    Raises:
        TokenRefused, BadCertificateRequest: see `callers`.
        BadAnswer: the question cannot be read.
    """
    if not isinstance(asked, dict) or not isinstance(asked.get("token"), str):
        raise BadAnswer("There is no token in this.")
    node = callers.node_of_token(asked["token"], at=clock())
    if asked.get("op") == "begin":
        return _begin(node, clock)
    if asked.get("op") == "step":
        return _take_step(node, asked.get("line"), clock)
    if asked.get("op") == "certify":
        callers.take_address(node, str(asked.get("address")))
        request = str(asked.get("request"))
        return {"certificate": callers.certify(asked["token"], request, at=clock())}
    raise BadAnswer("There is no such question.")


def _begin(node: ComputeNode, clock: Clock) -> dict[str, Any]:
    with enrolment.step(node, nodes.CALL_STEPS[0], clock):
        pass
    enrolment.show_running(node, nodes.MACHINE_STEPS[0], clock())
    return {
        "node": node.reference,
        "home": node.agent_home,
        "partitions": node.partition_count,
        "user_prefix": nodes.user_prefix(node),
        "version": version(),
    }


def _take_step(node: ComputeNode, line: object, clock: Clock) -> dict[str, Any]:
    """Show a step that ended, and the next as begun; one that failed waits for another try."""
    name = line.get("step") if isinstance(line, dict) else None
    if name not in nodes.MACHINE_STEPS:
        raise BadAnswer("There is no such step.")
    try:
        facts = enrolment.take_line(node, line, clock)
    except enrolment.MachineRefused as error:
        ComputeNode.objects.filter(pk=node.pk).update(last_error=str(error))
        return {}
    following = nodes.MACHINE_STEPS[nodes.MACHINE_STEPS.index(name) + 1 :]
    if following:
        enrolment.show_running(node, following[0], clock())
    else:
        ComputeNode.objects.filter(pk=node.pk).update(facts=facts, last_error="")
    return {}


# A node calls.


def recognise(digest: str, *, clock: Clock) -> int:
    """Return which node shows this certificate.

    Raises:
        CertificateRefused: see `callers`.
    """
    node = callers.recognised(digest, at=clock())
    if node.state != State.ENROLLING:
        callers.forget_token(node)
    return node.pk


def turns(waiting: Mapping[int, str], *, at: datetime) -> tuple[set[int], set[int]]:
    """Return which of the waiting nodes are due, and which may not call any more.

    Args:
        waiting: node to the certificate that it showed.
    """
    rows = ComputeNode.objects.filter(pk__in=waiting).exclude(state=State.RETIRED)
    known = rows.annotate(new=F("caller__certificate_hash"), former=F("caller__former_hash"))
    mine = {
        pk: is_due is None or is_due <= at
        for pk, is_due, new, former in known.values_list("pk", "next_attempt_at", "new", "former")
        if waiting[pk] in {new, former}
    }
    return {pk for pk, is_due in mine.items() if is_due}, set(waiting) - set(mine)


def visit(node_pk: int, session: Session, *, clock: Clock) -> None:
    """Talk to a node whose turn it is; what goes wrong is the node's state, as over SSH."""
    if not converge(node_pk, clock=clock, why="it called", session=session):
        _welcome(node_pk, session, clock=clock)


def _welcome(node_pk: int, session: Session, *, clock: Clock) -> None:
    """End the enrolment of a machine that did all its steps: its own certificate was seen."""
    node = ComputeNode.objects.filter(pk=node_pk, state=State.ENROLLING).first()
    if node is None or _is_preparing(node):
        return
    fence = lease.claim(node_pk, owner=worker_name(), at=clock())
    if fence is None:
        return
    try:
        with enrolment.step(node, nodes.LAST_STEPS[0], clock):
            enrolment.greet(node, session)
        with enrolment.step(node, nodes.LAST_STEPS[1], clock):
            callers.forget_token(node)
            enrolment.finish(node, node.facts, at=clock())
    except DomainError as error:
        ComputeNode.objects.filter(pk=node_pk).update(last_error=str(error))
    finally:
        lease.release(node_pk, fence)


def _is_preparing(node: ComputeNode) -> bool:
    steps = EnrolmentStep.objects.filter(node=node, name__in=nodes.MACHINE_STEPS)
    return steps.exclude(state="done").exists()


# The door itself.


def has_provider() -> bool:
    """Return whether this installation is somebody's already."""
    return Organisation.objects.filter(kind=Kind.PROVIDER).exists()


def authority(*, at: datetime) -> Authority:
    """Return the authority of the provider of this installation."""
    return authority_of(Organisation.objects.get(kind=Kind.PROVIDER), at=at)


def say_open(*, at: datetime) -> None:
    """A door is open: since when counts anew after a time in which none was."""
    was_closed = Q(seen_at=None) | Q(seen_at__lt=at - queries.DOOR_SILENCE)
    NodeAuthority.objects.filter(was_closed).update(open_since=at)
    NodeAuthority.objects.update(seen_at=at)


def miss(node_pk: int, *, clock: Clock) -> None:
    """Say of a node that calls us no more that it cannot be reached."""
    node = queries.silent(clock()).filter(pk=node_pk).select_related("organisation").first()
    if node:
        why = f"It has not called since {node.last_seen_at:%Y-%m-%d %H:%M:%S} UTC."
        failures = max(node.failures, queries.PATIENCE)
        ComputeNode.objects.filter(pk=node_pk).update(failures=failures, last_error=why)
        give_up(node, why=why, at=clock())


def watch_door(*, at: datetime) -> None:
    """Open one incident while nodes find no door open, and close it when one is."""
    closed = queries.doors_closed(at)
    for row in closed.filter(told_closed_at=None).select_related("organisation"):
        if NodeAuthority.objects.filter(pk=row.pk, told_closed_at=None).update(told_closed_at=at):
            report_cause(
                CAUSE_CLOSED,
                organisation=row.organisation,
                subject="The node door is closed",
                body="Nodes that call find nobody: start `manage.py node_door`. They run on.",
                at=at,
                by=BY,
            )
    told = NodeAuthority.objects.exclude(told_closed_at=None)
    if told.exclude(pk__in=closed.values("pk")).update(told_closed_at=None):
        resolve_cause(CAUSE_CLOSED, body="The node door is open again.", at=at, by=BY)
