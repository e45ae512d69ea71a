"""How those who serve work: queues with their promises and hours, texts that they use again."""

from functools import partial

from django.db import models
from django.db.models import F, Q

from erp.base.identifiers import reference
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation
from erp.desk.clock import Hours, as_hours
from erp.desk.states import Priority


class Calendar(models.Model):
    """When a seller works: hours per weekday in a time zone, and holidays."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="calendars"
    )
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "D"))
    name = models.CharField(max_length=100)
    time_zone = models.CharField(max_length=40)
    # {"mon": ["09:00-17:30"], …}, and days as 2026-12-25: see erp.desk.clock.
    week = models.JSONField()
    holidays = models.JSONField(default=list, blank=True)

    objects = TenantQuerySet["Calendar"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="calendar_name_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def hours(self) -> Hours:
        """Return the hours as the clock counts them."""
        return as_hours(self.time_zone, self.week, self.holidays)


class Queue(models.Model):
    """Where tickets wait for one group of people.

    Args:
        calendar: when its clocks run; without one, always.
        escalates_to: where a ticket goes whose clock ran out.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="queues")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "Q"))
    name = models.CharField(max_length=100)
    is_default = models.BooleanField(default=False)
    calendar = models.ForeignKey(Calendar, null=True, blank=True, on_delete=models.PROTECT)
    escalates_to = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT)

    objects = TenantQuerySet["Queue"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="queue_name_once"),
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(is_default=True), name="queue_one_default"
            ),
            models.CheckConstraint(
                name="queue_escalates_to_another",
                condition=Q(escalates_to=None) | ~Q(escalates_to=F("id")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Target(models.Model):
    """What is promised in a queue for a priority, in working minutes; nothing: no promise."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="targets")
    priority = models.PositiveSmallIntegerField(choices=Priority.choices)
    answer_minutes = models.PositiveIntegerField(null=True, blank=True)
    resolve_minutes = models.PositiveIntegerField(null=True, blank=True)

    objects = TenantQuerySet["Target"].as_manager()

    class Meta:
        ordering = ["queue", "priority"]
        constraints = [
            models.UniqueConstraint(fields=["queue", "priority"], name="target_once_per_priority"),
            models.CheckConstraint(
                name="target_answer_before_resolution",
                condition=Q(answer_minutes=None)
                | Q(resolve_minutes=None)
                | Q(answer_minutes__lte=F("resolve_minutes")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue}: {self.get_priority_display()}"


class CannedAnswer(models.Model):
    """An answer that is given again and again; `{customer}` and other fields are filled in."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "A"))
    name = models.CharField(max_length=100)
    body = models.TextField()

    objects = TenantQuerySet["CannedAnswer"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="cannedanswer_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class TicketTemplate(models.Model):
    """What a new ticket begins with: its customers read it, so nothing internal stands in it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "P"))
    name = models.CharField(max_length=100)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    queue = models.ForeignKey(Queue, null=True, blank=True, on_delete=models.PROTECT)

    objects = TenantQuerySet["TicketTemplate"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="tickettemplate_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name
