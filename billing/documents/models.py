"""Documents: the frozen snapshot, and the bytes made of it once."""

from functools import partial

from django.db import models
from django.db.models import Q

from billing.documents.states import ARROWS, State
from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class Document(Stateful):
    """Everything that a legal document says, frozen; then its PDF and XML with their hashes.

    The bytes stand in the database: a backup holds the books and the documents of one moment, and
    a check refuses bytes that do not match their hash. Triggers refuse every other change.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "D"))
    title = models.CharField(max_length=40)
    snapshot = models.JSONField()
    snapshot_sha256 = models.CharField(max_length=64)
    pdf = models.BinaryField(null=True)
    xml = models.BinaryField(null=True)
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    xml_sha256 = models.CharField(max_length=64, blank=True)
    findings = models.JSONField(default=list)
    rendered_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = TenantQuerySet["Document"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="document_stored_has_bytes",
                condition=~Q(state=State.STORED)
                | Q(pdf__isnull=False, xml__isnull=False, rendered_at__isnull=False),
            ),
            models.CheckConstraint(
                name="document_state_is_known", condition=Q(state__in=State.values)
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="document_to_render",
                condition=~Q(state=State.STORED),
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def fatals(self) -> int:
        """Return how many findings make the document invalid."""
        return sum(1 for finding in self.findings if finding.get("severity") == "fatal")
