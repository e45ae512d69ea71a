"""Who may be debited for what, and what a bank's movement is the answer to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from billing.dunning import queries as dunning
from billing.dunning.models import HoldKind
from billing.invoicing.models import Invoice
from billing.invoicing.states import State as Invoiced
from billing.payments.models import NOT_MONEY, Payout, PayoutKind, Receipt
from billing.sepa.calendar import sequences, void_before
from billing.sepa.models import Creditor, Debit, Mandate, SepaRun, Transfer
from billing.sepa.states import MandateState, RunState, State
from erp.customers.models import Organisation

# Debits or transfers of one file.
MOST = 5000
# What keeps an invoice from being debited; an exception from reminders does not.
_HOLDS = (HoldKind.DISPUTE, HoldKind.PROMISE)


@dataclass(frozen=True, slots=True)
class Planned:
    """One debit as it would stand in the file."""

    invoice: Invoice
    mandate: Mandate
    minor: int
    sequence: str


def creditor_of(seller: Organisation) -> Creditor | None:
    """Return how a seller debits, if it does."""
    return Creditor.objects.filter(organisation=seller).first()


def mandates_of(debtor: Organisation) -> QuerySet[Mandate]:
    """Return the mandates of a customer, newest first."""
    return Mandate.objects.filter(organisation=debtor).order_by("-pk")


def usable(seller: Organisation, scheme: str, on: date) -> QuerySet[Mandate]:
    """Return the mandates by which a seller may debit on a day."""
    found = Mandate.objects.filter(creditor=seller, scheme=scheme, state=MandateState.ACTIVE)
    alive = Q(last_used_on=None, signed_on__gte=void_before(on)) | Q(
        last_used_on__gte=void_before(on)
    )
    return found.filter(alive, signed_on__lte=on).order_by("pk")


def planned(seller: Organisation, scheme: str, on: date) -> list[Planned]:
    """Return what would be debited on a day: what is due by then, by customer and due date."""
    mandates = {one.organisation_id: one for one in usable(seller, scheme, on)}
    pending = Debit.objects.filter(invoice=OuterRef("pk"), state=State.PENDING)
    due = Invoice.objects.filter(
        issuer=seller, state=Invoiced.ISSUED, currency="EUR", due_on__lte=on,
        organisation__in=list(mandates),
    ).exclude(Exists(pending))  # fmt: skip
    rows = due.select_related("organisation").order_by("organisation", "due_on", "pk")
    held = dunning.standing_holds(seller).filter(kind__in=_HOLDS)
    stopped = {(one.organisation_id, one.invoice_id) for one in held}
    groups: dict[int, list[Invoice]] = defaultdict(list)
    for row in rows[:MOST]:
        is_held = {(row.organisation_id, row.pk), (row.organisation_id, None)} & stopped
        if row.open_minor > 0 and not is_held:
            groups[row.organisation_id].append(row)
    return [one for key, found in groups.items() for one in _of_mandate(mandates[key], found)]


def _of_mandate(mandate: Mandate, invoices: Sequence[Invoice]) -> list[Planned]:
    kinds = sequences(
        mandate.kind,
        is_last=mandate.is_last,
        is_used=mandate.last_used_on is not None,
        count=len(invoices),
    )
    return [
        Planned(invoice, mandate, invoice.open_minor, kind)
        for invoice, kind in zip(invoices, kinds, strict=False)
    ]


def runs(seller: Organisation) -> QuerySet[SepaRun]:
    """Return the files of a seller without their bytes, newest first."""
    return SepaRun.objects.filter(organisation=seller).defer("content").order_by("-pk")


def under_way() -> QuerySet[SepaRun]:
    """Return the files that a bank has and that are not at their end, oldest first."""
    return SepaRun.objects.filter(state=RunState.SENT).defer("content").order_by("pk")


def debits_of(run: SepaRun) -> QuerySet[Debit]:
    """Return the debits of a file in its order."""
    return run.debits.select_related("organisation", "invoice", "mandate", "receipt").order_by("pk")


def transfers_of(run: SepaRun) -> QuerySet[Transfer]:
    """Return the transfers of a file in its order."""
    return run.transfers.select_related("organisation", "payout__receipt").order_by("pk")


def refundable(seller: Organisation) -> QuerySet[Receipt]:
    """Return the receipts with credit whose payers have an account to pay it to, oldest first."""
    left = Receipt.objects.filter(
        issuer=seller,
        currency="EUR",
        amount_minor__gt=F("allocated_minor") + F("paid_out_minor"),
    )
    known = left.exclude(method__in=NOT_MONEY).exclude(organisation__iban="")
    return known.select_related("organisation").order_by("pk")[:MOST]


def taken_back() -> QuerySet[Debit]:
    """Return what was settled and whose money a bank took back."""
    gone = Payout.objects.filter(receipt=OuterRef("receipt"), kind=PayoutKind.RETURNED)
    settled = Debit.objects.filter(state=State.SETTLED).filter(Exists(gone))
    return settled.order_by("pk")


def answered_by(seller: Organisation, batch: str, end_to_end: str) -> SepaRun | None:
    """Return the file that a movement of the bank carries out: it names the file, or an order."""
    of_order = {"reference": end_to_end}
    named = Q(reference=batch) | Q(pk__in=Debit.objects.filter(batch=batch).values("run"))
    named |= Q(pk__in=Transfer.objects.filter(batch=batch).values("run"))
    if end_to_end:
        named |= Q(pk__in=Debit.objects.filter(**of_order).values("run"))
        named |= Q(pk__in=Transfer.objects.filter(**of_order).values("run"))
    return runs(seller).filter(named).first() if batch or end_to_end else None
