"""Billing runs: what was made of each contract of a seller for a period."""

from functools import partial

from django.db import models
from django.db.models import F, Q

from billing.invoicing.models import Invoice
from erp.base.identifiers import reference
from erp.base.periods import Period
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import Contract
from erp.customers.models import Organisation


class BillingRun(models.Model):
    """All contracts of one seller up to the end of a period, with one cut-off of samples."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "B"))
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    cut_off_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=150)
    finished_at = models.DateTimeField(null=True)
    # Who asked to issue the drafts, and when; a sweep issues them until none is left.
    issue_asked_at = models.DateTimeField(null=True)
    issue_asked_by = models.CharField(max_length=150, blank=True)
    issue_ended_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["BillingRun"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "starts_at", "ends_at", "cut_off_at"],
                name="billingrun_once",
            ),
            models.CheckConstraint(
                name="billingrun_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def period(self) -> Period:
        """Return the period that was asked for."""
        return Period(self.starts_at, self.ends_at)


class Outcome(models.TextChoices):
    """What a run made of a contract."""

    DRAFTED = "drafted"
    PARKED = "parked"
    NOTHING = "nothing"


class RunItem(models.Model):
    """One contract in one run: its draft, or the reason why there is none."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    run = models.ForeignKey(BillingRun, on_delete=models.PROTECT, related_name="items")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.TextField(blank=True)
    invoice = models.ForeignKey(
        Invoice, null=True, on_delete=models.PROTECT, related_name="run_items"
    )

    objects = TenantQuerySet["RunItem"].as_manager()

    class Meta:
        ordering = ["run", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "contract"], name="runitem_once_per_contract"),
            models.CheckConstraint(
                name="runitem_drafted_has_an_invoice",
                condition=Q(outcome=Outcome.DRAFTED, invoice__isnull=False)
                | (~Q(outcome=Outcome.DRAFTED) & Q(reason__gt="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.contract_id}"
