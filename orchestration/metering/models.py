"""Samples: raw readings, append-only."""

from django.db import models

from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class Sample(models.Model):
    """One reading of one meter over [starts_at, ends_at): unique by (node, epoch, sequence).

    `line`, `node` and `instance` are plain keys, checked once per batch: a foreign key per row
    costs more than all else at intake.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, db_constraint=False)
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
            models.UniqueConstraint(
                fields=["node", "epoch", "sequence"], name="sample_once_per_node_and_sequence"
            ),
            models.CheckConstraint(
                name="sample_is_possible",
                condition=models.Q(quantity__gte=0) & models.Q(ends_at__gt=models.F("starts_at")),
            ),
        ]
        indexes = [models.Index(fields=["line", "meter", "ends_at"], name="sample_of_line")]

    def __str__(self) -> str:
        return f"{self.node}:{self.epoch}:{self.sequence}"
