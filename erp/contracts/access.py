"""The one way from a user to a contract."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from erp.base.errors import DomainError
from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract
from erp.contracts.queries import was_stopped_by_its_buyer
from erp.contracts.states import State
from erp.customers.access import require, rights_of
from erp.customers.states import Right


class HeldBySeller(DomainError):
    """The seller stopped this service: ask the seller to start it again."""

    code = "held_by_seller"


def contract_for(user: AnyUser, reference: str, *, right: Right) -> Contract:
    """Return the contract if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Contract.objects.visible_to(user).select_related("organisation", "seller")
    contract = get_object_or_404(visible, reference=reference)
    require(user, contract.organisation, right)
    # What a reseller owes hangs on it: only its seller's billing moves it.
    if contract.is_wholesale and right != Right.SEE:
        raise PermissionDenied
    return contract


def may_start(user: AnyUser, contract: Contract) -> bool:
    """Return whether the user may start it again: what the seller stopped, only the seller's."""
    serves = Right.MANAGE_SERVICES in rights_of(user, contract.seller)
    return serves or was_stopped_by_its_buyer(contract)


def contract_to_start(user: AnyUser, reference: str) -> Contract:
    """Return the contract if the user may start its service again.

    Raises:
        Http404, PermissionDenied: as `contract_for`.
        HeldBySeller: the seller stopped it, and the user speaks for the buyer.
    """
    contract = contract_for(user, reference, right=Right.MANAGE_SERVICES)
    if contract.state == State.SUSPENDED and not may_start(user, contract):
        raise HeldBySeller(f"{contract.seller.name} stopped this service: ask there.")
    return contract
