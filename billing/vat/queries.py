"""Which numbers are to be asked about, and what is known of one."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from stdnum.eu import vat

from billing.vat.models import VatCheck
from billing.vat.states import State
from erp.customers.models import Organisation

# An answer is evidence for so long; it is asked for anew well before.
GOOD_FOR = timedelta(days=90)
ASK_AGAIN_AFTER = timedelta(days=30)
EUROPEAN = sorted(code.upper() for code in vat.MEMBER_STATES)


def due(now: datetime) -> QuerySet[VatCheck]:
    """Return the questions that wait and are due, oldest first."""
    waiting = VatCheck.objects.filter(state=State.WAITING, next_attempt_at__lte=now)
    return waiting.select_related("organisation__parent").order_by("pk")


def to_ask(now: datetime) -> QuerySet[Organisation]:
    """Return buyers across a border in the EU whose number nobody asked about of late."""
    known = VatCheck.objects.filter(
        Q(state=State.WAITING) | Q(answered_at__gt=now - ASK_AGAIN_AFTER),
        organisation=OuterRef("pk"),
        number=OuterRef("vat_number"),
    )
    buyers = Organisation.objects.filter(
        ~Exists(known), country__in=EUROPEAN, parent__country__in=EUROPEAN
    )
    return buyers.exclude(vat_number="").exclude(country=F("parent__country")).order_by("pk")


def latest(buyer: Organisation, *, at: datetime) -> VatCheck | None:
    """Return the newest answer about the number that a buyer has now, while it is evidence."""
    return latest_of([buyer], at=at).get(buyer.pk)


def latest_of(buyers: Collection[Organisation], *, at: datetime) -> dict[int, VatCheck]:
    """Return by buyer the newest answer about the number that it has now, while it is evidence."""
    if not buyers:
        return {}
    answered = VatCheck.objects.exclude(state=State.WAITING).filter(
        organisation__in=buyers,
        number=F("organisation__vat_number"),
        answered_at__gt=at - GOOD_FOR,
    )
    newest = answered.order_by("organisation_id", "-answered_at", "-pk").distinct("organisation_id")
    return {one.organisation_id: one for one in newest}


def of(buyer: Organisation) -> QuerySet[VatCheck]:
    """Return all questions about a buyer's numbers, newest first."""
    return VatCheck.objects.filter(organisation=buyer).order_by("-pk")
