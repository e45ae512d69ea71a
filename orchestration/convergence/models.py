"""The history of convergence: when, why, what was done, how long, with the log."""

from django.db import models

from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation
from orchestration.nodes.models import ComputeNode


class ConvergencePass(models.Model):
    """One conversation with a node in which something changed or failed.

    A pass in which nothing changed only touches `ComputeNode.last_seen_at`.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.ForeignKey(ComputeNode, on_delete=models.PROTECT, related_name="passes")
    fence = models.BigIntegerField()
    why = models.CharField(max_length=200)
    revision = models.CharField(max_length=64, blank=True)
    plan = models.JSONField(default=list)
    outcome = models.CharField(max_length=20)
    log = models.TextField(blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["ConvergencePass"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["node", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.node.name} at {self.started_at:%Y-%m-%d %H:%M:%S}"
