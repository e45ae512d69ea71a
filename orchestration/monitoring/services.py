"""Write down when promises fail and pass, and tell of what lasts: one incident per cause."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from erp.customers.models import Organisation
from erp.customers.states import Kind
from erp.tickets.models import Ticket
from erp.tickets.services import report_cause, resolve_cause
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State
from orchestration.monitoring import queries
from orchestration.monitoring.models import Outage
from orchestration.releases.models import SoftwareRelease

BY = "monitoring"
# What fails when the software is broken so that no promise of its own says so.
RUNS = "the service runs"
HELD = "It is stopped while somebody works on its machine."
TOLERANCE_SECONDS = 60
LONGEST_MESSAGE = 300
_AT_REST = {State.STOPPED, State.WIPED}


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a node just said of an instance whose row was brought to it."""

    instance: Instance
    reason: str
    promises: Sequence[Mapping[str, Any]]
    # Its node holds everything stopped while somebody works on the machine.
    is_held: bool = False

    @property
    def is_at_rest(self) -> bool:
        """Nothing is promised of what is stopped, or should be; what is held still is promised."""
        instance = self.instance
        if instance.requested_state != Requested.STARTED:
            return True
        return instance.state in _AT_REST and not self.is_held

    @property
    def failing(self) -> Mapping[str, str]:
        """Return what fails, with its message; a promise told twice fails if it failed once."""
        if self.is_at_rest:
            return {}
        if self.is_held and self.instance.state == State.STOPPED:
            return {RUNS: HELD}
        found = {one["name"]: one["message"] for one in self.promises if not one["ok"]}
        if self.instance.state == State.FAILED and not found:
            return {RUNS: self.reason[:LONGEST_MESSAGE]}
        return found

    def says_over(self, promise: str) -> bool:
        """Return whether a failure is over; while a service starts, silence says nothing."""
        if promise in self.failing:
            return False
        kept = any(one["name"] == promise and one["ok"] for one in self.promises)
        return kept or self.is_at_rest or self.instance.state == State.STARTED


@transaction.atomic
def observe(sightings: Sequence[Sighting], *, at: datetime) -> None:
    """Open and close outages; the same sightings again change nothing.

    One statement when nothing changed, however many instances.
    """
    instances = [one.instance.pk for one in sightings]
    known: dict[int, dict[str, Outage]] = defaultdict(dict)
    for row in Outage.objects.filter(instance__in=instances, until=None).order_by("pk"):
        known[row.instance_id][row.promise] = row
    new: list[tuple[Instance, str, str]] = []
    changed: list[Outage] = []
    for one in sightings:
        mine = known[one.instance.pk]
        new += [
            (one.instance, name, said) for name, said in one.failing.items() if name not in mine
        ]
        changed += [row for row in mine.values() if _follow(row, one, at=at)]
    if changed:
        Outage.objects.bulk_update(changed, ["until", "message"])
    if new:
        _open(new, at=at)


def _follow(row: Outage, sighting: Sighting, *, at: datetime) -> bool:
    """Bring an open outage to what was seen; return whether it changed."""
    said = sighting.failing.get(row.promise, row.message)
    is_over = sighting.says_over(row.promise)
    if said == row.message and not is_over:
        return False
    row.message = said
    # The clocks of two workers may differ: nothing ends before it began.
    row.until = max(at, row.since) if is_over else None
    return True


def _open(new: Sequence[tuple[Instance, str, str]], *, at: datetime) -> None:
    tolerances = _tolerances(instance for instance, _, _ in new)
    earlier = Outage.objects.filter(instance__in={instance.pk for instance, _, _ in new})
    ended = {
        (instance, promise): until
        for instance, promise, until in earlier.order_by()
        .values_list("instance", "promise")
        .annotate(last=Max("until"))
    }
    Outage.objects.bulk_create(
        Outage(
            organisation_id=instance.organisation_id,
            instance=instance,
            promise=name,
            message=message,
            tolerance_seconds=tolerances.get((instance.pk, name), TOLERANCE_SECONDS),
            since=max(at, ended.get((instance.pk, name)) or at),
        )
        for instance, name, message in new
    )


def _tolerances(instances: Iterable[Instance]) -> dict[tuple[int, str], int]:
    """Return what the releases allow, by instance and promise, where they say it."""
    rows = {one.pk: one for one in instances}
    asked = {one.release_id for one in rows.values()}
    profiles = dict(SoftwareRelease.objects.filter(pk__in=asked).values_list("pk", "profile"))
    return {
        (one.pk, promise["name"]): int(promise["tolerance_seconds"])
        for one in rows.values()
        for promise in _promised(profiles[one.release_id], one.software_type)
        if "tolerance_seconds" in promise
    }


def _promised(profile: Mapping[str, Any], software_type: str) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (
        profile.get("types", {}).get(software_type, {}).get("promises", [])
    )
    return found


@transaction.atomic
def report_failing(instance_pk: int, *, at: datetime) -> None:
    """Tell the customer of what lasts longer than its tolerance; each failure is told once."""
    instance = _locked(instance_pk)
    outages = list(queries.overdue(at).filter(instance=instance))
    if not outages:
        return
    ticket = report_cause(
        queries.cause_of(instance, "promises"),
        organisation=instance.organisation,
        contract=instance.line.contract,
        subject=f"{instance.line.name} does not keep its promises",
        body="\n".join(_failing_line(one) for one in outages),
        at=at,
        by=BY,
    )
    Outage.objects.filter(pk__in=[one.pk for one in outages]).update(ticket=ticket)


def _failing_line(outage: Outage) -> str:
    return f"{outage.promise}: failing since {_moment(outage.since)}. {outage.message}".strip()


@transaction.atomic
def resolve_failing(instance_pk: int, *, at: datetime) -> None:
    """Close the incident of an instance that is well again, or need not run any more."""
    instance = _locked(instance_pk)
    if not queries.recovered().filter(pk=instance.pk).exists():
        return
    for row in Outage.objects.filter(instance=instance, until=None):
        row.until = max(at, row.since)
        row.save(update_fields=["until"])
    told = Outage.objects.filter(instance=instance, ticket__isnull=False, told_over_at=None)
    is_wanted = instance.requested_state == Requested.STARTED
    first = "All promises are kept again." if is_wanted else "The service was stopped."
    lines = [first, *(_over_line(one) for one in told)]
    resolve_cause(queries.cause_of(instance, "promises"), body="\n".join(lines), at=at, by=BY)
    told.update(told_over_at=at)


def _over_line(outage: Outage) -> str:
    assert outage.until is not None, "what recovered has an end"
    length = int((outage.until - outage.since).total_seconds())
    return (
        f"{outage.promise}: failed from {_moment(outage.since)} to {_moment(outage.until)} "
        f"({length} seconds)."
    )


@transaction.atomic
def report_waiting(instance_pk: int, *, at: datetime) -> None:
    """Tell the provider once that a request finds no place, and why not."""
    instance = _locked(instance_pk)
    if not queries.waiting_long(at).filter(pk=instance.pk).exists():
        return
    reasons = "\n".join(str(reason) for reason in instance.placement_reasons)
    report_cause(
        queries.cause_of(instance, "waiting"),
        organisation=Organisation.objects.get(kind=Kind.PROVIDER),
        contract=instance.line.contract,
        subject=f"{instance.reference} finds no place",
        body=f"It waits since {_moment(instance.state_since)}.\n"
        + (reasons or instance.state_reason or "No place was looked for yet."),
        at=at,
        by=BY,
    )


@transaction.atomic
def resolve_waiting(ticket_pk: int, *, at: datetime) -> None:
    """Close the ticket of a request that has its place, or needs none any more."""
    Ticket.objects.select_for_update().get(pk=ticket_pk)
    ticket = queries.no_longer_waiting().filter(pk=ticket_pk).first()
    if ticket is None:
        return
    instance = Instance.objects.get(reference=ticket.cause.split(":")[1])
    is_placed = instance.state != State.WAITING and instance.node_id is not None
    resolve_cause(
        ticket.cause,
        body="It has its place." if is_placed else "It is not wanted any more.",
        at=at,
        by=BY,
    )


def _locked(instance_pk: int) -> Instance:
    """Return the instance, its row locked: two sweeps at once take turns."""
    rows = Instance.objects.select_for_update(of=("self",))
    return rows.select_related("organisation", "line").get(pk=instance_pk)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
