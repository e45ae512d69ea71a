"""When somebody may work on machines: windows, and each time that one of them comes."""

from functools import partial
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q

from erp.base.identifiers import reference
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from orchestration.nodes.models import ComputeNode

if TYPE_CHECKING:
    from orchestration.windows.recurrence import Rule

_OF_A_NODE = Q(node__isnull=False, region="", contract=None)
_OF_A_REGION = Q(node=None, region__gt="", contract=None)
_OF_A_CONTRACT = Q(node=None, region="", contract__isnull=False)


class MaintenanceWindow(models.Model):
    """A time in which a node, a region or the services of one contract may be away.

    Every week at an hour of a zone (`weekday`, `hour`, `minute`, `zone`), or once (`starts_at`).
    Those of a contract belong to its organisation, which may move each time by `movable_hours`.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "W"))
    what = models.CharField(max_length=200)
    node = models.ForeignKey(
        ComputeNode, null=True, blank=True, on_delete=models.PROTECT, related_name="windows"
    )
    region = models.CharField(max_length=40, blank=True)
    contract = models.ForeignKey(
        Contract, null=True, blank=True, on_delete=models.PROTECT, related_name="windows"
    )
    weekday = models.PositiveSmallIntegerField(null=True, blank=True)
    hour = models.PositiveSmallIntegerField(default=0)
    minute = models.PositiveSmallIntegerField(default=0)
    zone = models.CharField(max_length=40, default="UTC")
    starts_at = models.DateTimeField(null=True, blank=True)
    duration_minutes = models.PositiveSmallIntegerField()
    notice_hours = models.PositiveSmallIntegerField(default=72)
    movable_hours = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["MaintenanceWindow"].as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "maintenance window"
        constraints = [
            models.CheckConstraint(
                name="window_of_one_thing", condition=_OF_A_NODE | _OF_A_REGION | _OF_A_CONTRACT
            ),
            models.CheckConstraint(
                name="window_weekly_or_once",
                condition=Q(weekday=None, starts_at__isnull=False)
                | Q(weekday__lte=6, hour__lte=23, minute__lte=59, starts_at=None),
            ),
            models.CheckConstraint(
                name="window_has_a_length",
                condition=Q(duration_minutes__gte=5) & Q(duration_minutes__lte=1440),
            ),
            models.CheckConstraint(
                name="window_moved_by_a_contract_only",
                condition=Q(movable_hours=0) | Q(contract__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def rule(self) -> "Rule":
        """Return when it comes, as `recurrence` reads it."""
        from orchestration.windows.recurrence import Rule

        return Rule(
            self.weekday, self.hour, self.minute, self.zone, self.starts_at, self.duration_minutes
        )


class Occurrence(models.Model):
    """One coming of a window: what people were told, and what availability excludes.

    `planned_at` is its place in the window's row of times and never changes; `starts_at` moves.
    What was not told in time excuses nothing: see `excuses`.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    window = models.ForeignKey(
        MaintenanceWindow, on_delete=models.PROTECT, related_name="occurrences"
    )
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "X"))
    planned_at = models.DateTimeField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    # Until when it must have been told so that it excuses: the start less the notice.
    tell_before = models.DateTimeField()
    announced_at = models.DateTimeField(null=True, blank=True)
    # By the customer, within the limits: they know of the new time.
    moved_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Occurrence"].as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        indexes = [models.Index(fields=["ends_at"], name="occurrence_end")]
        constraints = [
            models.UniqueConstraint(fields=["window", "planned_at"], name="occurrence_once"),
            models.CheckConstraint(
                name="occurrence_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.window_id} at {self.starts_at:%Y-%m-%d %H:%M}"

    @property
    def excuses(self) -> bool:
        """Return whether it was told in time and stands."""
        is_told = self.announced_at is not None and self.announced_at <= self.tell_before
        is_agreed = self.moved_at is not None and self.moved_at <= self.starts_at
        return self.cancelled_at is None and (is_told or is_agreed)
