"""Which contracts are in force, due, or count against a limit."""

from datetime import datetime

from django.db.models import QuerySet, Sum

from erp.base.journal import history
from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract
from erp.contracts.states import State
from erp.customers.models import Member, Organisation


def expired(now: datetime) -> QuerySet[Contract]:
    """Return contracts past their end that are not ended."""
    return Contract.objects.filter(ends_at__lte=now).exclude(state=State.ENDED)


def committed_minor(buyer: Organisation, currency: str) -> int:
    """Return what the buyer's contracts in force cost a month, in minor units."""
    running = Contract.objects.filter(
        organisation=buyer, currency=currency, state__in=[State.ACTIVE, State.SUSPENDED]
    )
    return int(running.aggregate(total=Sum("order__monthly_minor"))["total"] or 0)


def listed(user: AnyUser, *, state: str = "") -> QuerySet[Contract]:
    """Return the contracts that the user sees, newest first, of one state if one is named."""
    found = Contract.objects.visible_to(user).select_related("organisation", "seller", "order")
    if state in State.values:
        found = found.filter(state=state)
    return found.order_by("-pk")


def was_stopped_by_its_buyer(contract: Contract) -> bool:
    """Return whether a member of the buyer made the last stop, by the journal."""
    stops = history(contract).filter(event=State.SUSPENDED).order_by("-position")
    last = stops.values_list("by", flat=True).first()
    members = Member.objects.filter(organisation=contract.organisation_id)
    return members.filter(user__username=last).exists()
