"""Give a lost node up: by hand, or by what was agreed once a second node cannot reach it either."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.tickets.services import report_cause
from orchestration.backup import services
from orchestration.backup.models import Relocation, Takeover, Witness
from orchestration.backup.policy import policy_of
from orchestration.backup.states import UNDER_WAY, Going, Open, Why
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import PATIENCE
from orchestration.nodes.states import Carrier, State

BY = "backup"
MOST_WITNESSES = 2
# What a witness said longer ago says nothing of now.
FRESH = timedelta(minutes=5)


class NodeAnswers(DomainError):
    """The node answers: drain it, and its instances move without losing anything."""

    code = "node_answers"


@transaction.atomic
def declare(
    node: ComputeNode, *, at: datetime, by: str, only_agreed: bool = False
) -> Takeover | None:
    """Bring the instances of a node back elsewhere; the same node again adds what is left.

    Args:
        only_agreed: those of which the agreed time is over; the others wait for a person.

    Raises:
        NodeAnswers: it is not lost.
    """
    node = ComputeNode.objects.select_for_update(of=("self",)).get(pk=node.pk)
    if not is_lost(node):
        raise NodeAnswers
    wanted = [one for one in lost_instances(node) if not only_agreed or _is_time(one, node, at=at)]
    if not wanted:
        return None
    takeover = _open(node, at=at, by=by)
    for instance in wanted:
        _begin(takeover, instance, at=at, by=by)
    services.hurry(takeover.relocations.order_by("-priority", "pk").values_list("pk", flat=True))
    return takeover


def is_lost(node: ComputeNode) -> bool:
    """Return whether the Master cannot reach the node."""
    return node.state == State.UNREACHABLE or node.failures >= PATIENCE


def lost_instances(node: ComputeNode) -> list[Instance]:
    """Return what was lost with a node and can be brought back, the most important first."""
    held = Instance.objects.filter(partition__node=node, protection__isnull=False)
    rows = held.exclude(requested_state=Requested.DESTROYED).exclude(
        relocations__state__in=UNDER_WAY
    )
    found = rows.select_related("line", "organisation").order_by("pk")
    return sorted(found, key=lambda one: (-_priority(one), one.pk))


def unprotected(node: ComputeNode) -> list[Instance]:
    """Return what is on a node and saved nowhere: it is away until the node is back."""
    held = Instance.objects.filter(partition__node=node, protection=None)
    rows = held.exclude(requested_state=Requested.DESTROYED)
    return list(rows.select_related("line", "organisation").order_by("pk"))


def _priority(instance: Instance) -> int:
    policy = policy_of(instance.line.backup)
    return policy.priority if policy else 0


def _is_time(instance: Instance, node: ComputeNode, *, at: datetime) -> bool:
    policy = policy_of(instance.line.backup)
    if policy is None or policy.takeover_minutes is None or node.last_seen_at is None:
        return False
    return at - node.last_seen_at >= timedelta(minutes=policy.takeover_minutes)


def _open(node: ComputeNode, *, at: datetime, by: str) -> Takeover:
    facts = {
        "organisation_id": node.organisation_id,
        "lost_at": node.last_seen_at or at,
        "by": by,
        "created_at": at,
        "state_since": at,
    }
    takeover, is_new = Takeover.objects.get_or_create(node=node, state=Open.OPEN, defaults=facts)
    if is_new:
        record(takeover, "declared", at=at, by=by, why=f"{node.name}: {node.last_error}"[:500])
        record(node, "given_up", at=at, by=by)
    return takeover


def _begin(takeover: Takeover, instance: Instance, *, at: datetime, by: str) -> None:
    try:
        with transaction.atomic():
            row = services.begin(instance, Why.TAKEOVER, Going.WAITING, at=at, by=by)
    except (services.BusyAlready, IntegrityError):
        return
    Relocation.objects.filter(pk=row.pk).update(takeover=takeover)


@transaction.atomic
def close(takeover_pk: int, *, at: datetime) -> None:
    """End a takeover of which nothing is under way any more."""
    row = Takeover.objects.select_for_update(of=("self",)).get(pk=takeover_pk)
    going = Relocation.objects.filter(takeover=row)
    if row.state != Open.OPEN or going.filter(state__in=UNDER_WAY).exists():
        return
    done, failed = (going.filter(state=one).count() for one in (Going.DONE, Going.FAILED))
    said = f"{done} came back elsewhere, {failed} did not"
    move(row, Open.DONE, at=at, by=BY, why=said)
    if failed:
        report_cause(
            f"takeover:{row.reference}",
            organisation=row.organisation,
            subject=f"Not everything of {row.node.name} came back",
            body=f"{said}. The page of the takeover names what did not, and why.",
            at=at,
            by=BY,
        )


# By what was agreed.


def watched() -> list[ComputeNode]:
    """Return the lost nodes that hold an instance for which a takeover was agreed."""
    found = []
    lost = ComputeNode.objects.filter(failures__gte=PATIENCE).exclude(state=State.RETIRED)
    for node in (lost | ComputeNode.objects.filter(state=State.UNREACHABLE)).order_by("pk"):
        agreed = [policy_of(one.line.backup) for one in lost_instances(node)]
        if any(one and one.takeover_minutes is not None for one in agreed):
            found.append(node)
    return found


@transaction.atomic
def call_witnesses(node: ComputeNode, *, at: datetime) -> None:
    """Have other nodes try to reach a lost one; those that are asked already go on."""
    if node.carrier != Carrier.SSH or node.witnesses.count() >= MOST_WITNESSES:
        return
    asked = node.witnesses.values_list("witness", flat=True)
    ready = ComputeNode.objects.filter(state=State.READY, carrier=Carrier.SSH, failures=0)
    others = ready.exclude(pk=node.pk).exclude(pk__in=asked).order_by("pk")
    for other in others[: MOST_WITNESSES - len(asked)]:
        Witness.objects.get_or_create(
            node=node,
            witness=other,
            defaults={"organisation_id": node.organisation_id, "asked_at": at},
        )
        services.touch(other.pk)


@transaction.atomic
def dismiss_witnesses(node_pk: int) -> None:
    """Nobody needs to look any more."""
    rows = Witness.objects.filter(node=node_pk)
    witnesses = list(rows.values_list("witness", flat=True))
    rows.delete()
    services.touch(*witnesses)


def is_confirmed(node: ComputeNode, *, at: datetime) -> bool:
    """Return whether another node tried as well, and none reached it.

    A witness that the Master itself does not reach any more says nothing.
    """
    heard = node.witnesses.filter(witness__last_seen_at__gte=at - FRESH, witness__failures=0)
    said = set(heard.exclude(answers=None).values_list("answers", flat=True))
    return said == {False}


def watch(node: ComputeNode, *, at: datetime) -> None:
    """Give a lost node up when the agreed time is over and another node confirms it."""
    call_witnesses(node, at=at)
    if is_confirmed(node, at=at):
        declare(node, at=at, by=BY, only_agreed=True)


def found_again() -> list[int]:
    """Return the nodes that have witnesses and are not lost any more."""
    rows = Witness.objects.filter(node__failures=0).exclude(node__state=State.UNREACHABLE)
    return list(rows.values_list("node", flat=True).distinct())
