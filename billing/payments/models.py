"""Receipts, and the invoices that they pay."""

from functools import partial

from django.db import models
from django.db.models import F, Q

from billing.invoicing.models import Invoice
from erp.base.identifiers import reference
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class Method(models.TextChoices):
    """How the money came."""

    TRANSFER = "transfer", "Bank transfer"
    DEBIT = "debit", "Direct debit"
    CARD = "card", "Card"
    CASH = "cash", "Cash"
    OTHER = "other", "Other"
    WRITE_OFF = "write_off", "Written off"
    CHARGES = "charges", "Charges of a bank"
    SEPA = "sepa", "Direct debit by file"


# What settles an invoice although no money came: people choose these on a page of their own.
NOT_MONEY = frozenset({Method.WRITE_OFF, Method.CHARGES})
# What a person says when recording a payment.
BY_HAND = tuple(one for one in Method if one not in NOT_MONEY | {Method.SEPA})


class PayoutKind(models.TextChoices):
    """Why money of a receipt went out again."""

    REFUND = "refund", "Refund"
    RETURNED = "returned", "Taken back by the bank"
    MISTAKE = "mistake", "Recorded by mistake"
    TRANSFER = "transfer", "Refund by file"
    REFUSED = "refused", "Refused by the bank"
    EXPIRED = "expired", "Expired credit"


class Receipt(models.Model):
    """Money that came in. The organisation is the payer.

    Triggers add up what is allocated to invoices and what went out again; the rest is the payer's
    credit.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="receipts"
    )
    issuer = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="received_receipts"
    )
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "R"))
    idempotency_key = models.CharField(max_length=80)
    method = models.CharField(max_length=10, choices=Method.choices)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    received_on = models.DateField()
    bank_reference = models.CharField(max_length=140, blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=150)
    # Paid in advance: it pays the payer's invoices as they are issued, until it expires.
    is_prepaid = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    allocated_minor = models.BigIntegerField(default=0, editable=False)
    paid_out_minor = models.BigIntegerField(default=0, editable=False)

    objects = TenantQuerySet["Receipt"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["issuer", "organisation"],
                condition=Q(amount_minor__gt=F("allocated_minor") + F("paid_out_minor")),
                name="receipt_with_credit",
            ),
            models.Index(
                fields=["issuer", "organisation", "expires_at"],
                condition=Q(
                    is_prepaid=True,
                    amount_minor__gt=F("allocated_minor") + F("paid_out_minor"),
                ),
                name="receipt_prepaid",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "idempotency_key"], name="receipt_once"),
            models.CheckConstraint(name="receipt_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="receipt_only_prepaid_expires",
                condition=Q(expires_at=None) | Q(is_prepaid=True),
            ),
            models.CheckConstraint(
                name="receipt_never_overallocated",
                condition=Q(allocated_minor__gte=0, allocated_minor__lte=F("amount_minor")),
            ),
            models.CheckConstraint(
                name="receipt_never_spent_twice",
                condition=Q(
                    paid_out_minor__gte=0,
                    amount_minor__gte=F("allocated_minor") + F("paid_out_minor"),
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def credit_minor(self) -> int:
        """Return what is neither allocated nor paid out."""
        return self.amount_minor - self.allocated_minor - self.paid_out_minor


class PaymentAllocation(models.Model):
    """So much of a receipt pays this invoice; triggers add it up on both sides.

    It may be undone, once, with the reason: the invoice is open again by that.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    minor = models.BigIntegerField()
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=150, blank=True)
    undone_why = models.CharField(max_length=200, blank=True)

    objects = TenantQuerySet["PaymentAllocation"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["receipt", "invoice"],
                condition=Q(undone_at=None),
                name="allocation_once",
            ),
            models.CheckConstraint(name="allocation_positive", condition=Q(minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.receipt_id} pays {self.invoice_id}"


class Payout(models.Model):
    """Money of a receipt that went out again: to its payer, or back by their bank. Never changed.

    The receipt counts it by a trigger, so that no cent is both allocated and paid out.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="payouts")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "X"))
    idempotency_key = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=PayoutKind.choices)
    minor = models.BigIntegerField()
    paid_on = models.DateField()
    why = models.CharField(max_length=200)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=150)

    objects = TenantQuerySet["Payout"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["receipt", "idempotency_key"], name="payout_once"),
            models.CheckConstraint(name="payout_positive", condition=Q(minor__gt=0)),
        ]

    def __str__(self) -> str:
        return self.reference


class FeeKind(models.TextChoices):
    """What a fee is claimed for."""

    REMINDER = "reminder", "Reminder"
    RETURNED = "returned", "Debit that came back"


class Fee(models.Model):
    """What a late payer owes beside an invoice: no sale, without tax, an open item of its own.

    Triggers add up what is paid of it; what is waived stays with its reason.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="fees")
    issuer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="fees")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "H"))
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=FeeKind.choices)
    minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    claimed_on = models.DateField()
    claimed_at = models.DateTimeField()
    claimed_by = models.CharField(max_length=150)
    paid_minor = models.BigIntegerField(default=0, editable=False)
    waived_minor = models.BigIntegerField(default=0)
    waived_at = models.DateTimeField(null=True)
    waived_by = models.CharField(max_length=150, blank=True)
    waived_why = models.CharField(max_length=200, blank=True)

    objects = TenantQuerySet["Fee"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "key"], name="fee_once"),
            models.CheckConstraint(name="fee_positive", condition=Q(minor__gt=0)),
            models.CheckConstraint(
                name="fee_never_overpaid",
                condition=Q(
                    paid_minor__gte=0,
                    waived_minor__gte=0,
                    minor__gte=F("paid_minor") + F("waived_minor"),
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def open_minor(self) -> int:
        """Return what is neither paid nor waived."""
        return self.minor - self.paid_minor - self.waived_minor


class FeePayment(models.Model):
    """So much of a receipt pays this fee; undone once, when a bank takes the money back."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="fee_payments")
    fee = models.ForeignKey(Fee, on_delete=models.PROTECT, related_name="payments")
    minor = models.BigIntegerField()
    undone_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["FeePayment"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["receipt", "fee"], condition=Q(undone_at=None), name="feepayment_once"
            ),
            models.CheckConstraint(name="feepayment_positive", condition=Q(minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.receipt_id} pays {self.fee_id}"


class StatementWish(models.Model):
    """A customer who wants a statement of account by mail every month.

    Args:
        sent_for_on: the first day of the month that the newest one was about.
    """

    organisation = models.OneToOneField(
        Organisation, on_delete=models.PROTECT, related_name="statement_wish"
    )
    wanted_at = models.DateTimeField()
    wanted_by = models.CharField(max_length=150)
    sent_for_on = models.DateField(null=True)

    objects = TenantQuerySet["StatementWish"].as_manager()

    def __str__(self) -> str:
        return f"statements of {self.organisation_id}"
