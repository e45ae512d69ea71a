"""Rating runs with their lines, and which windows were billed: each at most once."""

from functools import partial

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from erp.base.identifiers import reference
from erp.base.periods import Period
from erp.base.tenancy import TenantQuerySet
from erp.catalogue.models import PriceKind
from erp.contracts.models import Contract, ContractLine
from erp.customers.models import Organisation


class RatingRun(models.Model):
    """One pricing of one contract: the same period and cut-off is the same run for ever."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "G"))
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    cut_off_at = models.DateTimeField()
    rated_at = models.DateTimeField()
    # Of a wholesale run: the customers' contracts that it could not price, each with the reason.
    left_out = models.JSONField(default=dict)

    objects = TenantQuerySet["RatingRun"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "starts_at", "ends_at", "cut_off_at"], name="ratingrun_once"
            ),
            models.CheckConstraint(
                name="ratingrun_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def period(self) -> Period:
        """Return the window that was rated."""
        return Period(self.starts_at, self.ends_at)


class RatedLine(models.Model):
    """One priced line with its evidence; never changed."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    run = models.ForeignKey(RatingRun, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    line = models.ForeignKey(ContractLine, on_delete=models.PROTECT)
    kind = models.CharField(max_length=10, choices=PriceKind.choices)
    meter = models.CharField(max_length=40, blank=True)
    # A metered charge may have several lines; the first is "" and bears usage and terms.
    part = models.CharField(max_length=20, blank=True)
    terms = models.JSONField(default=dict)
    unit = models.CharField(max_length=20, blank=True)
    description = models.CharField(max_length=250)
    quantity = models.DecimalField(max_digits=24, decimal_places=9)
    unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    minor = models.BigIntegerField()
    used_quantity = models.DecimalField(max_digits=24, decimal_places=9, null=True)
    included_quantity = models.DecimalField(max_digits=24, decimal_places=9, default=0)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    corrects = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="corrections"
    )
    evidence = models.JSONField(default=dict)

    objects = TenantQuerySet["RatedLine"].as_manager()

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "position"], name="ratedline_position_once")
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def window(self) -> Period:
        """Return the time that this line bills."""
        return Period(self.starts_at, self.ends_at)


class BilledWindow(models.Model):
    """A line and meter were billed over [starts_at, ends_at) by this invoice: never twice.

    Never twice to one payer: what a reseller's customer pays for, the reseller pays its provider
    for as well. A correction names the same window as what it corrects, so it stands outside.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    rated_line = models.OneToOneField(RatedLine, on_delete=models.PROTECT, related_name="billed")
    line = models.ForeignKey(ContractLine, on_delete=models.PROTECT)
    kind = models.CharField(max_length=10)
    meter = models.CharField(max_length=40, blank=True)
    part = models.CharField(max_length=20, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_correction = models.BooleanField(default=False)
    invoice_number = models.CharField(max_length=20)

    objects = TenantQuerySet["BilledWindow"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "line"],
                condition=Q(kind=PriceKind.SETUP),
                name="billedwindow_setup_once",
            ),
            ExclusionConstraint(
                name="billedwindow_never_overlaps",
                condition=Q(is_correction=False),
                expressions=[
                    ("organisation", RangeOperators.EQUAL),
                    ("line", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    ("meter", RangeOperators.EQUAL),
                    ("part", RangeOperators.EQUAL),
                    (
                        Func(
                            "starts_at",
                            "ends_at",
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} {self.kind} {self.meter}".strip()
