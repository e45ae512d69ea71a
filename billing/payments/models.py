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
    CARD = "card", "Card"
    CASH = "cash", "Cash"
    OTHER = "other", "Other"


class Receipt(models.Model):
    """Money that came in. The organisation is the payer; what is allocated is kept by a trigger."""

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
    allocated_minor = models.BigIntegerField(default=0, editable=False)

    objects = TenantQuerySet["Receipt"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "idempotency_key"], name="receipt_once"),
            models.CheckConstraint(name="receipt_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="receipt_never_overallocated",
                condition=Q(allocated_minor__gte=0, allocated_minor__lte=F("amount_minor")),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class PaymentAllocation(models.Model):
    """So much of a receipt pays this invoice; triggers add it up on both sides."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    minor = models.BigIntegerField()

    objects = TenantQuerySet["PaymentAllocation"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["receipt", "invoice"], name="allocation_once"),
            models.CheckConstraint(name="allocation_positive", condition=Q(minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.receipt_id} pays {self.invoice_id}"
