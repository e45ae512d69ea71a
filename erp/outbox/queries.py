"""Who is told what, and which messages a reader finds."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Min, Q, QuerySet

from erp.base.tenancy import AnyUser
from erp.customers.access import memberships_of
from erp.customers.models import Member, Organisation
from erp.customers.states import Right
from erp.outbox.models import Delivery, Endpoint, Mail, Preference
from erp.outbox.states import BY_ROLE, OBLIGATORY, UNDONE, EndpointState, State

# Who reads what an organisation was sent: its own head, and those above who serve it.
LOG_READERS = frozenset({Right.MANAGE_MEMBERS, Right.MANAGE_CUSTOMERS, Right.ANSWER_TICKETS})


def wanted(members: Collection[Member], topic: str) -> list[Member]:
    """Return the members who want the topic: as they said, else as their role gets it."""
    if topic in OBLIGATORY:
        return [one for one in members if one.role in BY_ROLE[topic]]
    asked = Preference.objects.filter(member__in=members, topic=topic)
    said = dict(asked.values_list("member", "is_wanted"))
    return [one for one in members if said.get(one.pk, one.role in BY_ROLE[topic])]


def wanting(members: Collection[Member], topic: str) -> list[Member]:
    """Return the members who did not say no: for those who take part anyway."""
    no = Preference.objects.filter(member__in=members, topic=topic, is_wanted=False)
    said_no = set(no.values_list("member", flat=True))
    return [one for one in members if one.pk not in said_no]


def members_of(organisations: Collection[Organisation]) -> list[Member]:
    """Return those who can be written to, in a steady order."""
    found = Member.objects.filter(organisation__in=organisations, user__is_active=True)
    return list(found.select_related("user").order_by("pk"))


def listed(user: AnyUser, *, state: str = "", organisation: str = "") -> QuerySet[Mail]:
    """Return the mails whose log the user reads, newest first."""
    readable = Q(pk__in=[])
    for member in memberships_of(user):
        if member.rights & LOG_READERS:
            readable |= Q(organisation__path__startswith=member.organisation.path)
    found = Mail.objects.visible_to(user).filter(readable).select_related("organisation")
    if state in State.values:
        found = found.filter(state=state)
    if organisation:
        found = found.filter(organisation__reference=organisation)
    return found.defer("text", "html").order_by("-pk")


def listening(organisations: Collection[int]) -> list[Endpoint]:
    """Return the endpoints of some organisations, by their keys, that are told of events."""
    found = Endpoint.objects.filter(organisation__in=organisations, state=EndpointState.ACTIVE)
    return list(found.order_by("pk"))


def to_deliver(endpoint: int) -> QuerySet[Delivery]:
    """Return what an active endpoint is still to be told."""
    found = Delivery.objects.filter(endpoint=endpoint, endpoint__state=EndpointState.ACTIVE)
    return found.filter(state__in=UNDONE)


def oldest_due_seconds(at: datetime) -> int:
    """Return how long the message that waits longest has been due; 0 when none is late."""
    active = Delivery.objects.filter(endpoint__state=EndpointState.ACTIVE)
    due = [
        rows.filter(state__in=UNDONE, next_attempt_at__lt=at).aggregate(at=Min("next_attempt_at"))
        for rows in (Mail.objects.all(), active)
    ]
    return max(int((at - one["at"]).total_seconds()) if one["at"] else 0 for one in due)


def endpoints_due(at: datetime) -> QuerySet[Endpoint]:
    """Return the active endpoints to which something is due."""
    due = Delivery.objects.filter(state__in=UNDONE, next_attempt_at__lte=at)
    return Endpoint.objects.filter(
        state=EndpointState.ACTIVE, pk__in=due.values("endpoint")
    ).order_by("pk")
