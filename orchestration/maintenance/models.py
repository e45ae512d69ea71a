"""Work on nodes, and recurring checks with their history."""

from functools import partial

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation
from orchestration.maintenance.states import ARROWS, OPEN, How, Verdict, Work
from orchestration.nodes.models import ComputeNode
from orchestration.windows.models import Occurrence


class NodeWork(Stateful):
    """Somebody works on a node within one time of a window.

    The row is the whole procedure: whoever is killed at any step, the next sweep goes on from it.
    `was_open` remembers that the node took instances before, so that it does again afterwards.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "J"))
    node = models.ForeignKey(ComputeNode, on_delete=models.PROTECT, related_name="works")
    occurrence = models.ForeignKey(Occurrence, on_delete=models.PROTECT, related_name="works")
    how = models.CharField(max_length=6, choices=How.choices)
    what = models.CharField(max_length=200)
    was_open = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["NodeWork"].as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "work on a node"
        constraints = [
            models.UniqueConstraint(
                fields=["node"], condition=Q(state__in=OPEN), name="nodework_one_at_a_time"
            ),
            models.CheckConstraint(name="nodework_state_is_known", condition=Q(state__in=Work)),
            models.CheckConstraint(name="nodework_how_is_known", condition=Q(how__in=How)),
        ]

    def __str__(self) -> str:
        return self.reference


class Check(models.Model):
    """What one recurring check last found of one node, or of the Master itself (no node).

    `value` is what its trend is drawn from; `owner` is who looks after it.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "H"))
    name = models.CharField(max_length=30)
    node = models.ForeignKey(
        ComputeNode, null=True, blank=True, on_delete=models.CASCADE, related_name="checks"
    )
    owner = models.CharField(max_length=150, blank=True)
    verdict = models.CharField(max_length=7, choices=Verdict.choices)
    message = models.TextField(blank=True)
    value = models.BigIntegerField(null=True, blank=True)
    since = models.DateTimeField()
    checked_at = models.DateTimeField()
    # A ticket about this failure was opened: it is not opened again before it was well.
    told_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Check"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "node"], nulls_distinct=False, name="check_once_per_subject"
            ),
            models.CheckConstraint(name="check_verdict_is_known", condition=Q(verdict__in=Verdict)),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.node_id or 'the Master'}"


class Reading(models.Model):
    """What a check found at one moment: the history, kept for a time."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    check_of = models.ForeignKey(Check, on_delete=models.CASCADE, related_name="readings")
    at = models.DateTimeField()
    verdict = models.CharField(max_length=7, choices=Verdict.choices)
    message = models.TextField(blank=True)
    value = models.BigIntegerField(null=True, blank=True)

    objects = TenantQuerySet["Reading"].as_manager()

    class Meta:
        ordering = ["at", "pk"]
        indexes = [
            models.Index(fields=["check_of", "-at"], name="reading_newest"),
            models.Index(fields=["at"], name="reading_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} at {self.at:%Y-%m-%d %H:%M}"
