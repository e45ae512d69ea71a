"""Software releases, and where each is installed."""

from functools import partial

from django.db import models

from erp.base.identifiers import reference
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation
from orchestration.nodes.models import ComputeNode


class SoftwareRelease(models.Model):
    """One version of a software product: the archive of its directory, named by content.

    `uid` is the SHA-256 of the archive; `profile` is the parsed `software.toml`.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "R"))
    product = models.CharField(max_length=60)
    version = models.CharField(max_length=40)
    uid = models.CharField(max_length=64, unique=True)
    source = models.CharField(max_length=300)
    profile = models.JSONField()
    archive = models.BinaryField()
    published_at = models.DateTimeField()

    objects = TenantQuerySet["SoftwareRelease"].as_manager()

    class Meta:
        ordering = ["product", "-published_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["product", "version"], name="release_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.version}"


class ReleaseOnNode(models.Model):
    """What a node last said about a release: building, ready, or failed with the log's tail."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.ForeignKey(ComputeNode, on_delete=models.CASCADE, related_name="releases")
    release = models.ForeignKey(SoftwareRelease, on_delete=models.PROTECT, related_name="places")
    state = models.CharField(max_length=20)
    reason = models.TextField(blank=True)
    log_tail = models.TextField(blank=True)
    reported_at = models.DateTimeField()

    objects = TenantQuerySet["ReleaseOnNode"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "release"], name="releaseonnode_once")
        ]

    def __str__(self) -> str:
        return f"{self.release} on {self.node}"
