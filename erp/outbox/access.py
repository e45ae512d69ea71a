"""The one way from a user to a mail, an endpoint and a delivery."""

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import memberships_of, require, rights_of
from erp.customers.states import Right
from erp.outbox.models import Delivery, Endpoint, Mail
from erp.outbox.queries import LOG_READERS


def mail_for(user: AnyUser, reference: str) -> Mail:
    """Return the mail if the user reads the log of its organisation.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see the organisation but not its mails.
    """
    visible = Mail.objects.visible_to(user).select_related("organisation")
    mail = get_object_or_404(visible, reference=reference)
    if not rights_of(user, mail.organisation) & LOG_READERS:
        raise PermissionDenied
    return mail


def endpoints_of(user: AnyUser) -> QuerySet[Endpoint]:
    """Return the endpoints of the organisations whose connections the user manages."""
    managed = Q(pk__in=[])
    for member in memberships_of(user):
        if Right.MANAGE_MEMBERS in member.rights:
            managed |= Q(organisation__path__startswith=member.organisation.path)
    return Endpoint.objects.filter(managed).select_related("organisation")


def endpoint_for(user: AnyUser, reference: str) -> Endpoint:
    """Return the endpoint if the user manages its organisation's connections.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see the organisation but not its webhooks.
    """
    visible = Endpoint.objects.visible_to(user).select_related("organisation")
    endpoint = get_object_or_404(visible, reference=reference)
    require(user, endpoint.organisation, Right.MANAGE_MEMBERS)
    return endpoint


def delivery_for(user: AnyUser, webhook_id: str) -> Delivery:
    """Return the delivery if the user manages its organisation's connections.

    Raises:
        Http404, PermissionDenied: as `endpoint_for`.
    """
    visible = Delivery.objects.visible_to(user).select_related("organisation", "endpoint")
    delivery = get_object_or_404(visible, webhook_id=webhook_id)
    require(user, delivery.organisation, Right.MANAGE_MEMBERS)
    return delivery
