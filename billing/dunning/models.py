"""The policy of a seller against late payers, what holds it, and what was done by it."""

from django.db import models
from django.db.models import Q

from billing.invoicing.models import Invoice
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.tickets.models import Ticket


class Action(models.TextChoices):
    """What a step does; every step writes a mail."""

    REMIND = "remind", "Remind"
    WARN = "warn", "Warn"
    SUSPEND = "suspend", "Suspend the service"
    END = "end", "End the service"


class HoldKind(models.TextChoices):
    """Why nothing happens for a while."""

    DISPUTE = "dispute", "The invoice is disputed"
    PROMISE = "promise", "The customer promised to pay"
    EXEMPT = "exempt", "An exception for this customer"
    DEBIT = "debit", "It is being debited"


class DunningStep(models.Model):
    """One step of a seller's policy: so many days after the due date."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="dunning_steps"
    )
    position = models.PositiveSmallIntegerField()
    days = models.PositiveSmallIntegerField()
    action = models.CharField(max_length=10, choices=Action.choices)
    fee_minor = models.PositiveIntegerField(default=0)

    objects = TenantQuerySet["DunningStep"].as_manager()

    class Meta:
        ordering = ["organisation", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "position"], name="dunningstep_position_once"
            ),
            models.UniqueConstraint(fields=["organisation", "days"], name="dunningstep_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.days} days: {self.get_action_display()}"


class DunningHold(models.Model):
    """Nothing happens to a customer, or about one invoice, while this holds.

    Args:
        ticket: it ends by itself when this conversation is closed.
        until_on: the last day on which it holds.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="dunning_holds"
    )
    issuer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, null=True, on_delete=models.PROTECT, related_name="holds")
    ticket = models.ForeignKey(Ticket, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=HoldKind.choices)
    until_on = models.DateField(null=True)
    why = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)

    objects = TenantQuerySet["DunningHold"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["issuer", "organisation"], condition=Q(ended_at=None), name="hold_standing"
            )
        ]
        constraints = [
            models.CheckConstraint(
                name="dunninghold_promise_has_a_day",
                condition=~Q(kind=HoldKind.PROMISE) | Q(until_on__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.why}"


class DunningAct(models.Model):
    """A step that was taken about an invoice: once per step.

    Args:
        suspended_at: the state of the contract since this moment is this act's doing.
        lifted_at: it was paid, and what the act stopped may run again.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="dunning_acts"
    )
    issuer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="dunning_acts")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    days = models.PositiveSmallIntegerField()
    action = models.CharField(max_length=10, choices=Action.choices)
    fee_minor = models.PositiveIntegerField(default=0)
    done_on = models.DateField()
    done_at = models.DateTimeField()
    suspended_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["DunningAct"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["contract"],
                condition=Q(suspended_at__isnull=False, lifted_at=None),
                name="dunningact_to_lift",
            ),
            models.Index(fields=["issuer", "-id"], name="dunningact_of_issuer"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="dunningact_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.invoice_id}"
