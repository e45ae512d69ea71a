"""Make the recurring checks, keep what they found, and open one ticket per failure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from erp.customers.models import Organisation
from erp.customers.states import Kind
from erp.tickets.services import report_cause, resolve_cause
from orchestration.maintenance import judge, queries
from orchestration.maintenance.judge import TITLES, Found
from orchestration.maintenance.models import Check, Reading
from orchestration.maintenance.states import Verdict
from orchestration.maintenance.trend import Point
from orchestration.node_agent.bundle import version
from orchestration.nodes.models import ComputeNode, NodeCaller
from orchestration.nodes.states import Carrier

BY = "checks"
# A reading is kept when something changed, and so often in any case.
KEEP_EVERY = timedelta(hours=6)


@transaction.atomic
def look_at_node(node_pk: int, *, at: datetime) -> None:
    """Make all checks of one node; repeating it soon adds nothing."""
    rows = ComputeNode.objects.select_for_update(of=("self",)).defer("desired_sealed")
    node = rows.select_related("organisation").get(pk=node_pk)
    known = {one.name: one for one in Check.objects.filter(node=node)}
    past = queries.past_of(known["disk"], at) if "disk" in known else []
    _keep_all(node.organisation, node, _of_node(node, past, at), known, at=at)


def _of_node(node: ComputeNode, past: Sequence[Point], at: datetime) -> list[Found]:
    found = [
        judge.updates(node.facts),
        judge.reboot(node.facts),
        judge.disk(node.facts, past, at),
        judge.disk_health(node.facts),
        judge.clock(node.clock_offset_ms),
        judge.agent(
            has=node.agent_version,
            shipped=version(),
            refused=node.agent_refused,
            refusal=node.agent_refusal,
            is_held=node.agent_held,
        ),
    ]
    if node.carrier == Carrier.HTTPS:
        caller = NodeCaller.objects.filter(node=node).first()
        until = caller.certificate_until if caller else None
        todo = "It is renewed by itself while the node calls: does it?"
        found.append(judge.expiry("certificate", until, at, todo=todo))
    else:
        is_changing = bool(node.next_public_key)
        found.append(judge.node_key(node.key_made_at, at, is_changing=is_changing))
    return found


@transaction.atomic
def look_at_master(found: Sequence[Found], *, at: datetime) -> None:
    """Keep what was found of the Master itself."""
    provider = Organisation.objects.select_for_update().filter(kind=Kind.PROVIDER).first()
    if provider:
        known = {one.name: one for one in Check.objects.filter(node=None)}
        _keep_all(provider, None, found, known, at=at)


def _keep_all(
    owner: Organisation,
    node: ComputeNode | None,
    found: Sequence[Found],
    known: dict[str, Check],
    *,
    at: datetime,
) -> None:
    for one in found:
        check = known.get(one.name) or Check(
            organisation=owner, name=one.name, node=node, verdict=Verdict.UNKNOWN, since=at
        )
        _keep(check, one, at=at)
    # A node that calls us no more has no certificate: what is not looked at is not shown.
    for name in known.keys() - {one.name for one in found}:
        resolve_cause(_cause(known[name]), body="It is not looked at any more.", at=at, by=BY)
        known[name].delete()


def _keep(check: Check, found: Found, *, at: datetime) -> None:
    """Write down what was found; tell of a failure once, and when it is over."""
    is_news = check.pk is None or check.verdict != found.verdict
    if is_news:
        check.since = at
    check.verdict, check.message, check.value = found.verdict, found.message, found.value
    check.checked_at = at
    if found.verdict == Verdict.FAILED and check.told_at is None:
        check.told_at = at
        _report(check, at=at)
    elif found.verdict in (Verdict.OK, Verdict.WARN) and check.told_at is not None:
        check.told_at = None
        resolve_cause(_cause(check), body=found.message, at=at, by=BY)
    check.save()
    newest = check.readings.order_by("-at").values_list("at", flat=True).first()
    if is_news or newest is None or at - newest >= KEEP_EVERY:
        Reading.objects.create(
            organisation_id=check.organisation_id,
            check_of=check,
            at=at,
            verdict=found.verdict,
            message=found.message,
            value=found.value,
        )


def _report(check: Check, *, at: datetime) -> None:
    of = f" of node {check.node.name}" if check.node else ""
    owner = f" Owner: {check.owner}." if check.owner else ""
    report_cause(
        _cause(check),
        organisation=check.organisation,
        subject=f"{TITLES[check.name]}{of}",
        body=f"{check.message}{owner}",
        at=at,
        by=BY,
    )


def _cause(check: Check) -> str:
    return f"check:{check.name}:{check.node.reference if check.node else 'master'}"


@transaction.atomic
def give_owner(check: Check, owner: str) -> None:
    """Say who looks after it."""
    Check.objects.filter(pk=check.pk).update(owner=owner)


def forget_old(*, at: datetime, most: int) -> int:
    """Drop readings that are older than the history; return how many."""
    old = list(queries.old_readings(at).values_list("pk", flat=True)[:most])
    return Reading.objects.filter(pk__in=old).delete()[0]
