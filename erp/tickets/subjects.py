"""What a ticket can be about of erp's own: services, and other tickets such as an incident."""

from collections.abc import Sequence

from django.urls import reverse

from erp.base.prefix import begins
from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract
from erp.ports import Subject, subject_sources
from erp.tickets.models import Ticket


class Agreements:
    """Answers for services and tickets by their reference; services also by their name."""

    def find(self, user: AnyUser, name: str) -> Subject | None:
        """Return the service or the ticket of this reference, if the user sees it."""
        contract = Contract.objects.visible_to(user).filter(reference=name.upper()).first()
        if contract:
            return _service(contract)
        ticket = Ticket.objects.visible_to(user).filter(reference=name.upper()).first()
        return _ticket(ticket) if ticket else None

    def search(self, user: AnyUser, words: str, *, limit: int) -> Sequence[Subject]:
        """Return the services whose name begins with the words."""
        seen = Contract.objects.visible_to(user).filter(begins("search_name", words))
        return [_service(one) for one in seen.order_by("search_name", "pk")[:limit]]


def _service(contract: Contract) -> Subject:
    path = reverse("services:detail", args=[contract.reference])
    return Subject("service", contract.reference, contract.name, path, contract.organisation_id)


def _ticket(ticket: Ticket) -> Subject:
    path = reverse("tickets:detail", args=[ticket.reference])
    kind = "incident" if ticket.cause else "ticket"
    return Subject(kind, ticket.reference, ticket.subject, path, ticket.organisation_id)


def find(user: AnyUser, name: str) -> Subject | None:
    """Return what the user may see under exactly this reference or number, whoever has it."""
    found = (source.find(user, name.strip()) for source in subject_sources())
    return next((one for one in found if one is not None), None)
