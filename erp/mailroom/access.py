"""The one way from a user to a mail that came in: who answers tickets for the provider."""

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import memberships_of, require
from erp.customers.states import Kind, Right
from erp.mailroom.models import IncomingMail


def mails_for(user: AnyUser) -> QuerySet[IncomingMail]:
    """Return the mails that came in, newest first.

    Raises:
        PermissionDenied: the user does not answer tickets for the provider.
    """
    if not any(
        one.organisation.kind == Kind.PROVIDER and Right.ANSWER_TICKETS in one.rights
        for one in memberships_of(user)
    ):
        raise PermissionDenied
    found = IncomingMail.objects.visible_to(user).select_related("ticket")
    return found.defer("raw").order_by("-pk")


def mail_for(user: AnyUser, reference: str) -> IncomingMail:
    """Return one mail that came in.

    Raises:
        Http404, PermissionDenied: as everywhere.
    """
    visible = IncomingMail.objects.visible_to(user).select_related("organisation", "ticket")
    mail = get_object_or_404(visible, reference=reference)
    require(user, mail.organisation, Right.ANSWER_TICKETS)
    return mail
