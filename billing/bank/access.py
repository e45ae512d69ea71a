"""The one way from a user to the bank accounts of sellers, their files and movements."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404

from billing.bank.models import BankFile, BankItem
from erp.base.tenancy import AnyUser
from erp.customers.access import sellers_for
from erp.customers.models import Organisation
from erp.customers.states import Right


def account_holder_for(user: AnyUser, reference: str) -> tuple[Organisation, list[Organisation]]:
    """Return the seller that the reader asked for, or the first, and all that may be chosen.

    Raises:
        PermissionDenied: the user bills for nobody.
        Http404: not for this one.
    """
    choices = sellers_for(user, Right.RUN_BILLING)
    if not choices:
        raise PermissionDenied
    found = next((one for one in choices if not reference or one.reference == reference), None)
    if found is None:
        raise Http404
    return found, choices


def item_for(user: AnyUser, reference: str) -> BankItem:
    """Return the movement, to who bills for the holder of the account.

    Raises:
        Http404: the user may not even know that it exists.
    """
    found = BankItem.objects.filter(organisation__in=sellers_for(user, Right.RUN_BILLING))
    related = found.select_related("organisation", "statement__file", "receipt", "payout")
    return get_object_or_404(related, reference=reference)


def file_for(user: AnyUser, reference: str) -> BankFile:
    """Return the file; raises as `item_for` does."""
    found = BankFile.objects.filter(organisation__in=sellers_for(user, Right.RUN_BILLING))
    return get_object_or_404(found.select_related("organisation"), reference=reference)
