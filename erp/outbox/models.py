"""Messages that wait to leave: mails to people, deliveries to the programs of customers."""

from datetime import datetime
from functools import partial
from secrets import token_hex

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Member, Organisation
from erp.outbox.states import ENDPOINT_ARROWS, UNDONE, EndpointState, State, Topic


def _webhook_id() -> str:
    return f"msg_{token_hex(16)}"


class Outgoing(models.Model):
    """A message in a queue: claimed by one worker at a time, under a lease.

    `next_attempt_at` is when it is due; while it is being sent, when its lease is over. Nothing
    but `erp.outbox.queue` assigns the state.
    """

    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    state_since = models.DateTimeField()
    state_reason = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claim = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def start(self, at: datetime) -> None:
        """Set the columns of a message that waits from now on."""
        self.created_at = self.state_since = self.next_attempt_at = at


class Mail(Outgoing):
    """One message to one address; the same key to the same address is the same mail for ever."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "M"))
    key = models.CharField(max_length=160)
    topic = models.CharField(max_length=12, choices=Topic.choices)
    recipient = models.EmailField()
    language = models.CharField(max_length=5)
    subject = models.CharField(max_length=250)
    text = models.TextField()
    html = models.TextField()
    # Message-ID and what else is the same at every try.
    headers = models.JSONField(default=dict)
    # Names of stored documents (`erp.ports.AttachmentSource`), never their bytes.
    attachments = models.JSONField(default=list)
    about_kind = models.CharField(max_length=40, blank=True)
    about_reference = models.CharField(max_length=60, blank=True)

    objects = TenantQuerySet["Mail"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "key", "recipient"], name="mail_once_per_key"
            ),
            models.CheckConstraint(name="mail_state_is_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="mail_sent_has_a_moment",
                condition=~Q(state=State.SENT) | Q(sent_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="mail_to_send", condition=Q(state__in=UNDONE)
            ),
            models.Index(fields=["organisation", "-id"], name="mail_log"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def words(self) -> str:
        """Return the text above the signature: below stands the recipient's own way to leave."""
        return self.text.rpartition("\n-- \n")[0]


class Preference(models.Model):
    """What a member wants to get, where it differs from what their role gets."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="preferences")
    topic = models.CharField(max_length=12, choices=Topic.choices)
    is_wanted = models.BooleanField()

    objects = TenantQuerySet["Preference"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "topic"], name="preference_once_per_topic")
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.topic}: {self.is_wanted}"


class Endpoint(Stateful):
    """Where an organisation wants to be told of events (standardwebhooks.com)."""

    arrows = ENDPOINT_ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "W"))
    url = models.CharField(max_length=500)
    events = models.JSONField(default=list)
    secret_sealed = models.TextField()
    # While a secret is changed, both sign: the receiver may take the new one when it likes.
    old_secret_sealed = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["Endpoint"].as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = "webhook"
        constraints = [
            models.CheckConstraint(
                name="endpoint_state_is_known", condition=Q(state__in=EndpointState.values)
            ),
            models.CheckConstraint(
                name="endpoint_old_secret_ends",
                condition=Q(old_secret_sealed="") | Q(old_secret_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Delivery(Outgoing):
    """One event to one endpoint, with the same bytes and the same id at every try."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries")
    webhook_id = models.CharField(max_length=40, unique=True, default=_webhook_id)
    key = models.CharField(max_length=160)
    event = models.CharField(max_length=40)
    payload = models.TextField()
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    response_text = models.CharField(max_length=300, blank=True)

    objects = TenantQuerySet["Delivery"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "key"], name="delivery_once_per_key"),
            models.CheckConstraint(
                name="delivery_state_is_known", condition=Q(state__in=State.values)
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="delivery_to_send", condition=Q(state__in=UNDONE)
            ),
            models.Index(fields=["endpoint", "-id"], name="delivery_log"),
        ]

    def __str__(self) -> str:
        return self.webhook_id
