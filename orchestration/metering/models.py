"""Samples: raw readings, append-only, kept by week; what they add up to; how far each spool is."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class Sample(models.Model):
    """One reading of one meter over [starts_at, ends_at): unique by (node, epoch, sequence).

    The table is partitioned by the week in which a sample ends, and PostgreSQL wants the key of the
    partition in every unique constraint. What the key says besides, that a number is taken once for
    all weeks, `Spool` holds: docs/adr/0018-samples-by-week.md.

    `line`, `node` and `instance` are plain keys, checked once per batch: a foreign key per row
    costs more than all else at intake.
    """

    pk = models.CompositePrimaryKey("node", "epoch", "sequence", "ends_at")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    node = models.BigIntegerField()
    epoch = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    instance = models.BigIntegerField()
    line = models.BigIntegerField()
    meter = models.CharField(max_length=40)
    unit = models.CharField(max_length=20)
    quantity = models.DecimalField(max_digits=24, decimal_places=9)
    accuracy = models.CharField(max_length=40, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    stored_at = models.DateTimeField()

    objects = TenantQuerySet["Sample"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sample_is_possible",
                condition=models.Q(quantity__gte=0) & models.Q(ends_at__gt=models.F("starts_at")),
            ),
        ]
        indexes = [
            models.Index(fields=["line", "meter", "ends_at"], name="sample_of_line"),
            BrinIndex(fields=["stored_at"], name="sample_stored", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.node}:{self.epoch}:{self.sequence}"


class Spool(models.Model):
    """Up to which number the samples of one spool of a node are stored; it only rises."""

    pk = models.CompositePrimaryKey("node", "epoch")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    node = models.BigIntegerField()
    epoch = models.CharField(max_length=64)
    position = models.BigIntegerField()

    objects = TenantQuerySet["Spool"].as_manager()

    def __str__(self) -> str:
        return f"{self.node}:{self.epoch}:{self.position}"


class UsageSum(models.Model):
    """What the samples of a line and meter add up to that end in (starts_at, starts_at + hours].

    Written by the statement that stores the samples, so that both are the same at any time; it
    stays when old samples are dropped. `stored_at` is when the last of them came: a cut-off
    before it needs the samples themselves.
    """

    pk = models.CompositePrimaryKey("line", "hours", "starts_at", "meter", "unit")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    line = models.BigIntegerField()
    hours = models.SmallIntegerField(choices=[(1, "Hour"), (24, "Day")])
    starts_at = models.DateTimeField()
    meter = models.CharField(max_length=40)
    unit = models.CharField(max_length=20)
    quantity = models.DecimalField(max_digits=36, decimal_places=9)
    samples = models.BigIntegerField()
    accuracy = models.CharField(max_length=40, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    stored_at = models.DateTimeField()

    objects = TenantQuerySet["UsageSum"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="usagesum_of_an_hour_or_a_day", condition=models.Q(hours__in=[1, 24])
            )
        ]
        indexes = [
            models.Index(fields=["starts_at"], condition=models.Q(hours=24), name="usagesum_of_day")
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.meter} {self.starts_at} {self.hours} h"
