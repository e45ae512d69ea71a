"""A conversation with a clock."""

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.desk.models import Queue
from erp.desk.states import Priority
from erp.tickets.states import ARROWS, Channel, Kind, Said, State


class Ticket(Stateful):
    """A question, an incident or a task, between an organisation and those who serve it.

    Its clocks (`erp.tickets.clocks`): `answer_due_at` and `resolve_due_at` are what was promised,
    `due_at` the nearer one that runs now, nothing while it is the customer's turn.
    """

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

    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.PORTAL)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    queue = models.ForeignKey(
        Queue, null=True, blank=True, on_delete=models.PROTECT, related_name="tickets"
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answer_due_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    resolve_due_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    # Working seconds that the customer took so far: the resolution is due so much later.
    paused_seconds = models.PositiveIntegerField(default=0)
    escalated_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )

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
            models.CheckConstraint(
                name="ticket_clock_runs_while_it_is_open",
                condition=Q(due_at=None) | Q(state=State.OPEN),
            ),
            models.CheckConstraint(
                name="ticket_merged_is_closed",
                condition=Q(merged_into=None) | Q(state=State.CLOSED) & ~Q(merged_into=F("id")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="ticket_to_escalate",
                condition=Q(due_at__isnull=False, escalated_at=None),
            ),
            models.Index(
                fields=["organisation", "priority"], name="ticket_at_the_desk",
                condition=~Q(state=State.CLOSED),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.reference


class Message(models.Model):
    """One message of the conversation; never changed."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="messages")
    author = models.CharField(max_length=150)
    body = models.TextField()
    is_internal = models.BooleanField(default=False)
    kind = models.CharField(max_length=8, choices=Said.choices, default=Said.WORDS)
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


class MessageFile(models.Model):
    """A file that came with a message; who may read the message may have it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="files")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "F"))
    name = models.CharField(max_length=150)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    content = models.BinaryField()

    objects = TenantQuerySet["MessageFile"].as_manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class TicketLink(models.Model):
    """What a conversation is about, beyond its service: a node, an invoice, an incident, …

    Args:
        is_internal: it belongs to somebody else than the ticket: the staff alone sees it.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="links")
    kind = models.CharField(max_length=20)
    reference = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    path = models.CharField(max_length=200)
    is_internal = models.BooleanField(default=False)

    objects = TenantQuerySet["TicketLink"].as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "kind", "reference"], name="ticketlink_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Satisfaction(models.Model):
    """What the customer thought of it after it was closed: the last word counts."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    ticket = models.OneToOneField(Ticket, on_delete=models.PROTECT, related_name="satisfaction")
    score = models.PositiveSmallIntegerField()
    words = models.CharField(max_length=1000, blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField()

    objects = TenantQuerySet["Satisfaction"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="satisfaction_is_one_to_five", condition=Q(score__gte=1, score__lte=5)
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticket}: {self.score}"
