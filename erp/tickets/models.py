"""A conversation with a clock."""

from functools import partial

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.tickets.states import ARROWS, Kind, State


class Ticket(Stateful):
    """A question, an incident or a task, between an organisation and those who serve it."""

    arrows = ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="tickets")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "T"))
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.SUPPORT)
    subject = models.CharField(max_length=200)
    contract = models.ForeignKey(
        Contract, null=True, blank=True, on_delete=models.PROTECT, related_name="tickets"
    )
    # One open ticket per cause: what is noticed again is added to it.
    cause = models.CharField(max_length=120, blank=True)
    opened_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    # Names the form or the call that asked for it: sent twice, it is one ticket.
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)

    objects = TenantQuerySet["Ticket"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cause"],
                condition=Q(cause__gt="") & ~Q(state=State.CLOSED),
                name="ticket_one_open_per_cause",
            ),
            models.UniqueConstraint(
                fields=["organisation", "idempotency_key"], name="ticket_once_per_key"
            ),
            models.CheckConstraint(
                name="ticket_state_is_known", condition=Q(state__in=State.values)
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Message(models.Model):
    """One message of the conversation; never changed."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="messages")
    author = models.CharField(max_length=150)
    body = models.TextField()
    is_internal = models.BooleanField(default=False)
    at = models.DateTimeField()
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)

    objects = TenantQuerySet["Message"].as_manager()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket", "idempotency_key"], name="message_once_per_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticket}: {self.author}"
