"""Mails that came in, kept as they came until they are in a ticket."""

from functools import partial

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation
from erp.mailroom.states import ARROWS, State
from erp.tickets.models import Ticket


class IncomingMail(Stateful):
    """One mail, once per Message-ID; it belongs to the provider, whose mailbox it is.

    Args:
        raw: the bytes as they came; forgotten a while after it was taken or ignored.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "E"))
    message_id = models.CharField(max_length=250)
    sender = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=250, blank=True)
    received_at = models.DateTimeField()
    raw = models.BinaryField(null=True)
    ticket = models.ForeignKey(Ticket, null=True, on_delete=models.PROTECT, related_name="mails")

    objects = TenantQuerySet["IncomingMail"].as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "incoming mail"
        indexes = [
            models.Index(
                fields=["organisation", "-id"], name="incomingmail_undone",
                condition=Q(state__in=[State.WAITING, State.ASIDE]),
            ),
            models.Index(fields=["sender", "received_at"], name="incomingmail_rate"),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "message_id"], name="incomingmail_once"
            ),
            models.CheckConstraint(
                name="incomingmail_state_is_known", condition=Q(state__in=State.values)
            ),
            models.CheckConstraint(
                name="incomingmail_taken_has_a_ticket",
                condition=~Q(state=State.TAKEN) | Q(ticket__isnull=False),
            ),
            models.CheckConstraint(
                name="incomingmail_undone_is_kept",
                condition=Q(state__in=[State.TAKEN, State.IGNORED]) | Q(raw__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.reference
