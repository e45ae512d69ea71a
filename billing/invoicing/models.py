"""Invoices with their lines, and the counters of their numbers."""

from functools import partial

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from billing.documents.models import Document
from billing.invoicing.states import ARROWS, Kind, State
from billing.rating.models import RatedLine, RatingRun
from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.money import Amount
from erp.base.periods import Period
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import Contract
from erp.customers.models import Organisation


class Series(models.Model):
    """The counter of one issuer's numbers in one year; locked last, when a number is taken."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    prefix = models.CharField(max_length=4)
    year = models.PositiveSmallIntegerField()
    last_number = models.PositiveIntegerField(default=0)
    last_on = models.DateField(null=True)

    objects = TenantQuerySet["Series"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "prefix", "year"], name="series_once_per_year"
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year}"


class LostNumber(models.Model):
    """A number that was taken after the backup from which the Master was restored.

    It explains the hole in its series. What it billed is not billed again, unless it is released.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    prefix = models.CharField(max_length=4)
    year = models.PositiveSmallIntegerField()
    sequence = models.PositiveIntegerField()
    number = models.CharField(max_length=20)
    issued_on = models.DateField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    contract_reference = models.CharField(max_length=12)
    period_start_at = models.DateTimeField()
    period_end_at = models.DateTimeField()
    total_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    found_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["LostNumber"].as_manager()

    class Meta:
        ordering = ["organisation", "prefix", "year", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "prefix", "year", "sequence"], name="lostnumber_once"
            )
        ]

    def __str__(self) -> str:
        return self.number


class Invoice(Stateful):
    """What one buyer owes for one contract over [period_start_at, period_end_at).

    The organisation is the buyer. Number, date, document and chain are empty until it is issued;
    from then on a trigger refuses every change but of the state, of what was paid and of what was
    credited. A credit note is an invoice of the other kind: its amounts are positive and reduce
    the invoice that it corrects, by a trigger when it is issued.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="invoices"
    )
    issuer = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="issued_invoices"
    )
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="invoices")
    rating_run = models.ForeignKey(RatingRun, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "V"))
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.INVOICE)
    corrects = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="credit_notes"
    )
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    reason = models.CharField(max_length=300, blank=True)
    # Names one request for a credit note: sent twice, it is one.
    request_key = models.CharField(max_length=40, blank=True)
    period_start_at = models.DateTimeField()
    period_end_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    taxes = models.JSONField()
    created_at = models.DateTimeField()

    prefix = models.CharField(max_length=4, blank=True)
    year = models.PositiveSmallIntegerField(null=True)
    sequence = models.PositiveIntegerField(null=True)
    number = models.CharField(max_length=20, blank=True)
    issued_at = models.DateTimeField(null=True)
    issued_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    document = models.OneToOneField(Document, null=True, on_delete=models.PROTECT)
    previous_hash = models.CharField(max_length=64, blank=True, editable=False)
    hash = models.CharField(max_length=64, blank=True, editable=False)

    paid_minor = models.BigIntegerField(default=0)
    credited_minor = models.BigIntegerField(default=0, editable=False)

    objects = TenantQuerySet["Invoice"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="invoice_of_buyer"),
            models.Index(
                fields=["id"],
                condition=Q(total_minor__lt=F("paid_minor") + F("credited_minor")),
                name="invoice_paid_in_excess",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="invoice_state_is_known", condition=Q(state__in=State.values)
            ),
            models.CheckConstraint(
                name="invoice_total_is_net_and_tax",
                condition=Q(total_minor=F("net_minor") + F("tax_minor")),
            ),
            models.CheckConstraint(
                name="invoice_never_overpaid",
                condition=Q(paid_minor__gte=0, paid_minor__lte=F("total_minor")),
            ),
            models.CheckConstraint(
                name="invoice_paid_in_full",
                condition=~Q(state=State.PAID)
                | Q(total_minor__lte=F("paid_minor") + F("credited_minor")),
            ),
            models.CheckConstraint(
                name="invoice_never_credited_beyond_its_total",
                condition=Q(credited_minor__gte=0, credited_minor__lte=F("total_minor")),
            ),
            models.CheckConstraint(
                name="invoice_credited_in_full",
                condition=~Q(state=State.CREDITED, kind=Kind.INVOICE)
                | Q(credited_minor=F("total_minor")),
            ),
            models.CheckConstraint(
                name="invoice_credit_note_corrects_one_for_a_reason",
                condition=Q(kind=Kind.INVOICE, corrects=None)
                | Q(
                    kind=Kind.CREDIT_NOTE, corrects__isnull=False, reason__gt="", total_minor__gt=0
                ),
            ),
            models.CheckConstraint(
                name="invoice_issued_has_number_and_document",
                condition=Q(
                    state__in=[State.DRAFT, State.DISCARDED], number="", sequence__isnull=True
                )
                | Q(
                    state__in=[State.ISSUED, State.PAID, State.CREDITED],
                    number__gt="",
                    sequence__isnull=False,
                    issued_on__isnull=False,
                    document__isnull=False,
                    hash__gt="",
                ),
            ),
            models.UniqueConstraint(
                fields=["issuer", "number"], condition=~Q(number=""), name="invoice_number_once"
            ),
            models.UniqueConstraint(
                fields=["issuer", "prefix", "year", "sequence"], name="invoice_sequence_once"
            ),
            models.UniqueConstraint(
                fields=["corrects", "request_key"],
                condition=Q(kind=Kind.CREDIT_NOTE),
                name="invoice_credit_note_once_per_request",
            ),
            ExclusionConstraint(
                name="invoice_periods_never_overlap",
                condition=Q(kind=Kind.INVOICE) & ~Q(state__in=[State.DISCARDED, State.CREDITED]),
                expressions=[
                    ("contract", RangeOperators.EQUAL),
                    (
                        Func(
                            "period_start_at",
                            "period_end_at",
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.reference

    @property
    def period(self) -> Period:
        """Return the time that it bills."""
        return Period(self.period_start_at, self.period_end_at)

    @property
    def total(self) -> Amount:
        """Return what is to be paid, tax included."""
        return Amount(self.total_minor, self.currency)

    @property
    def open_minor(self) -> int:
        """Return what is neither paid nor credited yet."""
        is_open = self.state == State.ISSUED and self.kind == Kind.INVOICE
        return self.total_minor - self.paid_minor - self.credited_minor if is_open else 0

    @property
    def creditable_minor(self) -> int:
        """Return how much of the total no credit note took back yet."""
        is_issued = self.kind == Kind.INVOICE and bool(self.number)
        return self.total_minor - self.credited_minor if is_issued else 0


class InvoiceLine(models.Model):
    """One line as printed; written with the draft and never changed."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    rated_line = models.ForeignKey(RatedLine, on_delete=models.PROTECT)
    description = models.CharField(max_length=250)
    quantity = models.DecimalField(max_digits=24, decimal_places=9)
    unit = models.CharField(max_length=20, blank=True)
    unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    net_minor = models.BigIntegerField()
    tax_category = models.CharField(max_length=2)
    tax_rate = models.DecimalField(max_digits=5, decimal_places=2)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    corrects_number = models.CharField(max_length=20, blank=True)
    credits = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="credited_by"
    )

    objects = TenantQuerySet["InvoiceLine"].as_manager()

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="invoiceline_position_once"
            )
        ]

    def __str__(self) -> str:
        return self.description
