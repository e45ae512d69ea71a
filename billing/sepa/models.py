"""SEPA: who may be debited, the files that a bank gets, and what stands in them."""

from functools import partial

from django.db import models
from django.db.models import Q

from billing.invoicing.models import Invoice
from billing.payments.models import Payout, Receipt
from billing.sepa.states import (
    ARROWS,
    MANDATE_ARROWS,
    RUN_ARROWS,
    MandateKind,
    MandateState,
    RunKind,
    RunState,
    Scheme,
    State,
)
from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class Creditor(models.Model):
    """A seller that debits: its creditor identifier, and what it agreed with its customers.

    Args:
        notice_days: how long before the day of a debit the customer is told.
        return_fee_minor: what a debit that comes back costs the customer, in cents.
    """

    organisation = models.OneToOneField(Organisation, on_delete=models.PROTECT)
    identifier = models.CharField(max_length=35)
    notice_days = models.PositiveSmallIntegerField(default=14)
    return_fee_minor = models.PositiveIntegerField(default=0)

    objects = TenantQuerySet["Creditor"].as_manager()

    def __str__(self) -> str:
        return self.identifier


class Mandate(Stateful):
    """A customer's consent that a seller debits an account. The organisation is the debtor.

    Args:
        umr: how the mandate is called at the banks; its reference unless it was signed elsewhere.
        is_last: the next debit is the last one.
    """

    arrows = MANDATE_ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="mandates"
    )
    creditor = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "Z"))
    umr = models.CharField(max_length=35)
    kind = models.CharField(max_length=10, choices=MandateKind.choices)
    scheme = models.CharField(max_length=4, choices=Scheme.choices)
    holder = models.CharField(max_length=70)
    iban = models.CharField(max_length=34)
    bic = models.CharField(max_length=11, blank=True)
    signed_on = models.DateField()
    signed_by = models.CharField(max_length=150)
    is_last = models.BooleanField(default=False)
    last_used_on = models.DateField(null=True)
    returns = models.PositiveSmallIntegerField(default=0)

    objects = TenantQuerySet["Mandate"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["creditor", "umr"], name="mandate_umr_once"),
            models.UniqueConstraint(
                fields=["organisation", "creditor"],
                condition=Q(state=MandateState.ACTIVE),
                name="mandate_one_active",
            ),
            models.CheckConstraint(
                name="mandate_state_is_known", condition=Q(state__in=MandateState.values)
            ),
        ]

    def __str__(self) -> str:
        return self.umr

    @property
    def account_end(self) -> str:
        """Return the last signs of the account: enough to know it again."""
        return self.iban[-4:]


class SepaRun(Stateful):
    """A file for the bank, kept byte for byte; the same request makes one."""

    arrows = RUN_ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="sepa_runs"
    )
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "S"))
    request_key = models.CharField(max_length=40)
    kind = models.CharField(max_length=10, choices=RunKind.choices)
    scheme = models.CharField(max_length=4, choices=Scheme.choices, blank=True)
    on = models.DateField()
    orders = models.PositiveIntegerField()
    total_minor = models.BigIntegerField()
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)

    objects = TenantQuerySet["SepaRun"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "request_key"], name="separun_once_per_request"
            ),
            models.CheckConstraint(
                name="separun_state_is_known", condition=Q(state__in=RunState.values)
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Debit(Stateful):
    """An invoice that is debited: never by two files at once. The organisation is the debtor."""

    arrows = ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="sepa_debits"
    )
    run = models.ForeignKey(SepaRun, on_delete=models.PROTECT, related_name="debits")
    mandate = models.ForeignKey(Mandate, on_delete=models.PROTECT, related_name="debits")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="sepa_debits")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "J"))
    batch = models.CharField(max_length=35)
    sequence = models.CharField(max_length=4)
    minor = models.BigIntegerField()
    code = models.CharField(max_length=4, blank=True)
    announced_at = models.DateTimeField(null=True)
    receipt = models.OneToOneField(
        Receipt, null=True, on_delete=models.PROTECT, related_name="sepa_debit"
    )

    objects = TenantQuerySet["Debit"].as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["run", "state"], name="debit_of_run"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(state=State.PENDING), name="debit_one_at_a_time"
            ),
            models.CheckConstraint(name="debit_positive", condition=Q(minor__gt=0)),
            models.CheckConstraint(
                name="debit_settled_has_a_receipt",
                condition=Q(receipt__isnull=False) | ~Q(state__in=[State.SETTLED, State.RETURNED]),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Transfer(Stateful):
    """A refund that is paid by a file. The organisation is who gets it.

    Args:
        payout: takes it from the credit of its receipt when the file is made.
        back: the credit that it became again when it was not carried out.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="sepa_transfers"
    )
    run = models.ForeignKey(SepaRun, on_delete=models.PROTECT, related_name="transfers")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "U"))
    payout = models.OneToOneField(Payout, on_delete=models.PROTECT, related_name="sepa_transfer")
    name = models.CharField(max_length=70)
    iban = models.CharField(max_length=34)
    bic = models.CharField(max_length=11, blank=True)
    batch = models.CharField(max_length=35)
    minor = models.BigIntegerField()
    code = models.CharField(max_length=4, blank=True)
    back = models.OneToOneField(
        Receipt, null=True, on_delete=models.PROTECT, related_name="sepa_transfer_back"
    )

    objects = TenantQuerySet["Transfer"].as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(name="transfer_positive", condition=Q(minor__gt=0)),
        ]

    def __str__(self) -> str:
        return self.reference
