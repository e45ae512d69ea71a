"""Invoices by their number, as tickets and the search name them."""

from collections.abc import Sequence

from django.db.models import Q
from django.urls import reverse

from billing.invoicing.models import Invoice
from billing.invoicing.queries import visible
from erp.base.tenancy import AnyUser
from erp.customers.models import Organisation
from erp.customers.states import Kind
from erp.ports import Subject


class Invoices:
    """Answers for invoices by number or reference, and for a line as `number/2`."""

    def find(self, user: AnyUser, name: str) -> Subject | None:
        """Return the invoice, or the line of it, if the user sees it."""
        number, _, position = name.partition("/")
        found = visible(user).filter(Q(number=number) & ~Q(number="") | Q(reference=number.upper()))
        invoice = found.order_by("-pk").first()
        if invoice is None or not position:
            return subject_of(invoice) if invoice else None
        is_number = position.isascii() and position.isdigit()
        return line_subject(invoice, int(position[:6])) if is_number else None

    def search(self, user: AnyUser, words: str, *, limit: int) -> Sequence[Subject]:
        """Return the invoices whose number begins with the words, in the order of numbers.

        Each seller's numbers are a range of the index that keeps them unique.
        """
        number = words.upper()
        sellers = Organisation.objects.exclude(kind=Kind.CUSTOMER).values("pk")
        near = Q(number__gte=number, number__lt=f"{number}\U0010ffff", issuer__in=sellers)
        rows = visible(user).filter(near).order_by("number", "pk")[:limit]
        return [subject_of(one) for one in rows if one.number.startswith(number)]


def subject_of(invoice: Invoice) -> Subject:
    """Return an invoice as what a ticket is about."""
    path = reverse("invoices:detail", args=[invoice.reference])
    title = f"{invoice}, {invoice.organisation.name}"
    return Subject("invoice", invoice.reference, title, path, invoice.organisation_id)


def line_subject(invoice: Invoice, position: int) -> Subject | None:
    """Return a line of an invoice as what a ticket is about; None where there is no such line."""
    line = invoice.lines.filter(position=position).first()
    if line is None:
        return None
    path = reverse("invoices:line", args=[invoice.reference, line.position])
    name = f"{invoice.reference}/{line.position}"
    return Subject("invoice_line", name, f"{invoice}: {line}", path, invoice.organisation_id)
