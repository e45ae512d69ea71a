"""Questions to the register of VAT numbers with their answers: evidence that is never changed."""

from functools import partial

from django.db import models
from django.db.models import Q

from billing.vat.states import ARROWS, State
from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class VatCheck(Stateful):
    """One question about the VAT number of an organisation, and what was answered."""

    arrows = ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="vat_checks"
    )
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "T"))
    number = models.CharField(max_length=20)
    requester = models.CharField(max_length=20, blank=True)
    asked_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    answered_at = models.DateTimeField(null=True)
    consultation = models.CharField(max_length=60, blank=True)
    answer = models.JSONField(default=dict)

    objects = TenantQuerySet["VatCheck"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "number"],
                condition=Q(state=State.WAITING),
                name="vatcheck_one_question_at_a_time",
            ),
            models.CheckConstraint(
                name="vatcheck_answered_has_a_moment",
                condition=Q(state=State.WAITING, answered_at=None)
                | Q(
                    state__in=[State.VALID, State.INVALID, State.CONFIRMED],
                    answered_at__isnull=False,
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="vatcheck_to_ask",
                condition=Q(state=State.WAITING),
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.state}"
