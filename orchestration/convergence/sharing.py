"""Bring shared instances to what the node said of them: their host's program serves them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from erp.base.lifecycle import move
from erp.base.secret_parameters import revealed
from orchestration.convergence import documents
from orchestration.convergence.observed import FoundShared
from orchestration.instances.children import kind_of
from orchestration.instances.models import Instance
from orchestration.instances.services import connection_of, sealed_connection
from orchestration.instances.states import Requested, State
from orchestration.monitoring.services import Sighting, observe
from orchestration.node_agent.fill import fill, with_defaults
from orchestration.releases.models import SoftwareRelease

BY = "node"
SERVED = "it is served"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be written of a shared instance."""

    state: State
    reason: str = ""


def judge(shared: Instance, host: Instance, found: FoundShared | None) -> Verdict | None:
    """Return what was found, or None when nothing was said of what is wanted now."""
    if shared.requested_state == Requested.DESTROYED:
        return None if found else Verdict(State.WIPED)
    if found is None or found.generation != shared.generation:
        return None
    if shared.requested_state == Requested.STOPPED:
        return Verdict(State.STOPPED)
    if host.state != State.STARTED:
        why = f"{host.reference}, on which it stands, is {host.state}"
        return Verdict(State.STARTING if shared.state == State.PLACED else State.FAILED, why)
    if found.ok is None:
        return Verdict(State.STARTING, f"{host.reference} has not taken it up yet")
    return Verdict(State.STARTED if found.ok else State.FAILED, found.message)


def gone(*, most: int) -> list[int]:
    """Return the shared instances that should not be and of which their nodes know nothing.

    A node that has applied a document without them says nothing more of them: most are written
    down with its report, and those that it never knew are found here.
    """
    leaving = Instance.objects.filter(host__isnull=False, requested_state=Requested.DESTROYED)
    applied = leaving.filter(node__applied_revision=F("node__desired_revision"))
    rows = list(applied.order_by("pk").values_list("pk", "node")[:most])
    stale = set(documents.stale([node for _, node in rows if node], most=most))
    return [pk for pk, node in rows if node not in stale]


@transaction.atomic
def settle(shared_pk: int, *, at: datetime) -> None:
    """Write down that a shared instance is no longer anywhere; a second time changes nothing."""
    rows = Instance.objects.select_for_update(of=("self",)).select_related("host")
    shared = rows.filter(pk=shared_pk, host__isnull=False).first()
    if shared is None or shared.host is None:
        return
    verdict = judge(shared, shared.host, None)
    if verdict and verdict.state != shared.state:
        observe([take(shared, shared.host, verdict, at=at)], at=at)


def take(shared: Instance, host: Instance, verdict: Verdict, *, at: datetime) -> Sighting:
    """Write it down, if it is news; return what monitoring is told."""
    is_well = verdict.state == State.STARTED
    promises: list[dict[str, Any]] = []
    if verdict.state in (State.STARTED, State.FAILED):
        promises = [{"name": SERVED, "ok": is_well, "message": verdict.reason}]
    changes: dict[str, Any] = {"promises": promises, "observed_generation": shared.generation}
    if is_well:
        changes |= _connection(shared, host)
        changes["first_started_at"] = shared.first_started_at or at
    if verdict.state == State.WIPED:
        changes |= {"host": None, "wiped_at": at, "connection_sealed": ""}
    news = {name: value for name, value in changes.items() if getattr(shared, name) != value}
    if verdict.state != shared.state:
        move(shared, verdict.state, at=at, by=BY, why=verdict.reason, also=news)
    elif news or verdict.reason != shared.state_reason:
        news["state_reason"] = verdict.reason
        Instance.objects.filter(pk=shared.pk).update(**news)
    return Sighting(shared, verdict.reason, promises)


def _connection(shared: Instance, host: Instance) -> dict[str, str]:
    """Return what it publishes, as stored, when that is other than it was."""
    made = published(shared, connection_of(host))
    return (
        {}
        if made == connection_of(shared)
        else {"connection_sealed": sealed_connection(shared, made)}
    )


def published(shared: Instance, host_publishes: Mapping[str, str]) -> dict[str, str]:
    """Fill in what the release says that a shared instance publishes."""
    kind = kind_of(shared)
    plain = revealed(shared.parameters, product=shared.release.product)
    given = with_defaults(plain, kind.get("parameters", {}))  # type: ignore[no-untyped-call]
    values = {"reference": shared.reference}
    values |= {f"parameters.{name}": value for name, value in given.items()}
    values |= {f"host.{name}": value for name, value in host_publishes.items()}
    return {name: str(fill(text, values)) for name, text in kind.get("publish", {}).items()}  # type: ignore[no-untyped-call]


def with_releases(shared: Sequence[Instance]) -> Sequence[Instance]:
    """Give instances their releases without the archives: one statement."""
    wanted = {one.release_id for one in shared}
    releases = SoftwareRelease.objects.defer("archive").in_bulk(wanted)
    for one in shared:
        one.release = releases[one.release_id]
    return shared
