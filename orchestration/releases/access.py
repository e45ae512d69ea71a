"""The one way from a user to a software release."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import all_rights_of
from erp.customers.states import Right
from orchestration.releases.models import SoftwareRelease
from orchestration.releases.queries import with_places


def release_for(user: AnyUser, reference: str) -> SoftwareRelease:
    """Return the release to an operator.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user is no operator.
    """
    if Right.OPERATE not in all_rights_of(user):
        raise PermissionDenied
    return get_object_or_404(with_places(user), reference=reference)
