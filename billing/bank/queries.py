"""Movements as the desk shows them, and the invoices that they may pay."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from billing.bank.match import Came, Owed, Proposal, numbers_in, proposals
from billing.bank.models import BankFile, BankItem, BankStatement
from billing.bank.states import State
from billing.invoicing.models import Invoice
from billing.invoicing.states import State as Invoiced
from billing.payments.models import NOT_MONEY, PayoutKind, Receipt
from billing.payments.queries import open_fees
from erp.customers.models import Organisation

# Open invoices that are compared with the movements of one page.
MOST_CANDIDATES = 2000
# What a bank may charge for a debit that comes back, in cents: it is in the same movement.
MOST_CHARGE = 5000


@dataclass(frozen=True, slots=True)
class Shown:
    """A proposal with the rows that it names."""

    proposal: Proposal
    shares: Sequence[tuple[Invoice, int]]

    @property
    def choice(self) -> str:
        """Return what a form sends back to accept exactly this."""
        return " ".join(f"{invoice.reference}:{minor}" for invoice, minor in self.shares)


def items(books: Organisation, *, state: str = "") -> QuerySet[BankItem]:
    """Return the movements of a seller's accounts, newest first."""
    found = BankItem.objects.filter(organisation=books)
    if state in State.values:
        found = found.filter(state=state)
    related = found.select_related("receipt__organisation", "payout", "statement")
    return related.order_by("-pk")


def files(books: Organisation) -> QuerySet[BankFile]:
    """Return the files, newest first."""
    return BankFile.objects.filter(organisation=books).order_by("-pk")


def statements_of(file: BankFile) -> QuerySet[BankStatement]:
    """Return the statements of a file in its order."""
    return file.statements.order_by("pk")


def last_before(statement: BankStatement) -> BankStatement | None:
    """Return the statement of the same account that ends before this one began."""
    others = BankStatement.objects.filter(
        organisation=statement.organisation_id,
        account=statement.account,
        currency=statement.currency,
        closing_on__lt=statement.closing_on,
        closing_minor__isnull=False,
    )
    return others.order_by("-closing_on", "-pk").first()


def candidates(books: Organisation, found: Sequence[BankItem]) -> QuerySet[Invoice]:
    """Return the open invoices that any of these movements may pay: by number, amount or payer."""
    numbers = {one for item in found for one in numbers_in(f"{item.text} {item.end_to_end}")}
    ibans = {item.iban for item in found if item.iban}
    amounts = {item.minor for item in found if item.minor > 0}
    names = [item.name for item in found if item.name]
    may = Q(number__in=numbers) | Q(organisation__iban__in=ibans)
    may |= Q(organisation__name__in=names)
    is_open = Invoice.objects.filter(issuer=books, state=Invoiced.ISSUED)
    by_payer = is_open.filter(may).values_list("organisation", flat=True)[:MOST_CANDIDATES]
    left = F("total_minor") - F("paid_minor") - F("credited_minor")
    by_amount = Q(left_minor__in=amounts)
    known = is_open.annotate(left_minor=left).filter(Q(organisation__in=list(by_payer)) | by_amount)
    return known.select_related("organisation").order_by("due_on", "pk")[:MOST_CANDIDATES]


def proposed(books: Organisation, found: Sequence[BankItem]) -> dict[int, list[Shown]]:
    """Return the proposals of each open movement that brought money."""
    coming = [one for one in found if one.state == State.OPEN and one.minor > 0]
    if not coming:
        return {}
    invoices = {one.pk: one for one in candidates(books, coming)}
    fees = open_fees(invoices)
    answers = {}
    for item in coming:
        same = [one for one in invoices.values() if one.currency == item.currency]
        owed = [as_owed(one, fees.get(one.pk, 0)) for one in same]
        made = proposals(as_came(item), owed)
        answers[item.pk] = [
            Shown(one, [(invoices[pk], minor) for pk, minor in one.shares]) for one in made
        ]
    return answers


def as_came(item: BankItem) -> Came:
    """Return a movement as matching asks for it."""
    return Came(item.minor, f"{item.text} {item.end_to_end}", item.name, item.iban)


def as_owed(invoice: Invoice, fees_minor: int) -> Owed:
    """Return an invoice as matching asks for it."""
    buyer = invoice.organisation
    assert invoice.due_on is not None, "it was issued"
    return Owed(
        pk=invoice.pk,
        number=invoice.number,
        payer=buyer.pk,
        payer_name=buyer.name,
        payer_iban=buyer.iban,
        open_minor=invoice.open_minor,
        due_on=invoice.due_on,
        fees_minor=fees_minor,
    )


def went_back(item: BankItem) -> list[Receipt]:
    """Return the receipts that a movement may take back or refund, by reference then by amount."""
    if item.minor >= 0:
        return []
    named = numbers_in(f"{item.text} {item.end_to_end}")
    least = -item.minor - (MOST_CHARGE if item.return_code else 0)
    of_books = Receipt.objects.filter(
        issuer=item.organisation_id, currency=item.currency, amount_minor__gte=least
    ).exclude(method__in=NOT_MONEY)
    may = Q(allocations__invoice__number__in=named) | Q(reference=item.end_to_end or "-")
    if item.end_to_end:
        may |= Q(bank_items__end_to_end=item.end_to_end) | Q(sepa_debit__reference=item.end_to_end)
    if item.iban:
        may |= Q(organisation__iban=item.iban)
    found = of_books.filter(may).select_related("organisation").distinct().order_by("-pk")
    return list(found[:5])


def kind_of(item: BankItem, receipt: Receipt) -> PayoutKind:
    """Return what a movement is for a receipt: taken back whole, or a refund of what is left."""
    is_back = item.return_code or receipt.credit_minor < -item.minor
    return PayoutKind.RETURNED if is_back else PayoutKind.REFUND
