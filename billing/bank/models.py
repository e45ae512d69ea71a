"""What banks told: files, their statements, and each movement once; all of a seller."""

from functools import partial

from django.db import models
from django.db.models import Q

from billing.bank.states import ARROWS, State
from billing.payments.models import Payout, Receipt
from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class BankFile(models.Model):
    """One file of a bank; its bytes are known by their hash and imported once."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="bank_files"
    )
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "B"))
    name = models.CharField(max_length=120)
    format = models.CharField(max_length=10)
    sha256 = models.CharField(max_length=64)
    lines = models.PositiveIntegerField()
    new_lines = models.PositiveIntegerField()
    imported_at = models.DateTimeField()
    imported_by = models.CharField(max_length=150)

    objects = TenantQuerySet["BankFile"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "sha256"], name="bankfile_once")
        ]

    def __str__(self) -> str:
        return self.name


class BankStatement(models.Model):
    """The statement of one account in a file, whose lines lead from balance to balance."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    file = models.ForeignKey(BankFile, on_delete=models.PROTECT, related_name="statements")
    account = models.CharField(max_length=34)
    currency = models.CharField(max_length=3)
    number = models.CharField(max_length=40)
    opening_minor = models.BigIntegerField(null=True)
    closing_minor = models.BigIntegerField(null=True)
    closing_on = models.DateField()
    warning = models.CharField(max_length=300, blank=True)

    objects = TenantQuerySet["BankStatement"].as_manager()

    class Meta:
        ordering = ["-closing_on", "-pk"]

    def __str__(self) -> str:
        return f"{self.account} {self.closing_on}"


class BankItem(Stateful):
    """One movement on the account: what came in is positive. Only its state and answer change.

    Args:
        attempts: how often its answer was taken back: the key of the next receipt.
        receipt: the payment that it is, or that it takes back.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="bank_items"
    )
    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="items")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "M"))
    key = models.CharField(max_length=60)
    booked_on = models.DateField()
    value_on = models.DateField()
    minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    text = models.CharField(max_length=500, blank=True)
    name = models.CharField(max_length=140, blank=True)
    iban = models.CharField(max_length=34, blank=True)
    bank_reference = models.CharField(max_length=60, blank=True)
    end_to_end = models.CharField(max_length=35, blank=True)
    batch = models.CharField(max_length=35, blank=True)
    return_code = models.CharField(max_length=4, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    receipt = models.ForeignKey(
        Receipt, null=True, on_delete=models.PROTECT, related_name="bank_items"
    )
    payout = models.ForeignKey(
        Payout, null=True, on_delete=models.PROTECT, related_name="bank_items"
    )

    objects = TenantQuerySet["BankItem"].as_manager()

    class Meta:
        ordering = ["-booked_on", "-pk"]
        indexes = [
            models.Index(
                fields=["organisation", "-id"],
                condition=Q(state=State.OPEN),
                name="bankitem_open",
            ),
            models.Index(fields=["organisation", "-id"], name="bankitem_of_books"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "key"], name="bankitem_once"),
            models.CheckConstraint(
                name="bankitem_state_is_known", condition=Q(state__in=State.values)
            ),
            models.CheckConstraint(
                name="bankitem_matched_has_receipt",
                condition=Q(state=State.MATCHED, receipt__isnull=False)
                | (~Q(state=State.MATCHED) & Q(receipt=None, payout=None)),
            ),
        ]

    def __str__(self) -> str:
        return self.reference
