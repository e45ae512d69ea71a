"""The one way from a user to sellers that debit, their files, and mandates."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404

from billing.sepa.models import Mandate, SepaRun
from erp.base.tenancy import AnyUser
from erp.customers.access import organisation_for, rights_of, sellers_for
from erp.customers.models import Organisation
from erp.customers.states import Right


def seller_for(user: AnyUser, reference: str) -> tuple[Organisation, list[Organisation]]:
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


def run_for(user: AnyUser, reference: str) -> SepaRun:
    """Return the file, to who bills for its seller; 404 to everybody else."""
    found = SepaRun.objects.filter(organisation__in=sellers_for(user, Right.RUN_BILLING))
    return get_object_or_404(found.select_related("organisation"), reference=reference)


def bills(user: AnyUser, debtor: Organisation) -> bool:
    """Return whether the user bills for who sells to this customer."""
    seller = debtor.parent
    return seller is not None and Right.RUN_BILLING in rights_of(user, seller)


def debtor_for(user: AnyUser, reference: str, *, reads: bool = False) -> Organisation:
    """Return a customer whose mandates the user keeps: who pays there, or who bills it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this, or nobody sells to it.
    """
    debtor = organisation_for(user, reference, right=Right.SEE)
    rights = rights_of(user, debtor)
    may_read = reads and Right.SEE_INVOICES in rights
    if debtor.parent is None or not (Right.PAY in rights or may_read or bills(user, debtor)):
        raise PermissionDenied
    return debtor


def mandate_for(user: AnyUser, reference: str) -> Mandate:
    """Return the mandate, to who keeps it; raises as `debtor_for` does."""
    found = Mandate.objects.visible_to(user).select_related("organisation__parent", "creditor")
    mandate = get_object_or_404(found, reference=reference)
    debtor_for(user, mandate.organisation.reference)
    return mandate
