"""Service credits: what is given back of an invoice because a service was not available."""

from functools import partial

from django.db import models
from django.db.models import Q

from billing.invoicing.models import Invoice
from billing.sla.states import ARROWS, State
from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import Contract
from erp.customers.models import Organisation


class ServiceCredit(Stateful):
    """What one invoice gives back for one month; looked at once, decided by a person.

    The organisation is the buyer. `lines` are facts as they were computed: position of the invoice
    line, share, what was agreed, amount, and the intervals in which a promise failed.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="service_credits"
    )
    issuer = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="given_service_credits"
    )
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "U"))
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="service_credits")
    month_on = models.DateField()
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    lines = models.JSONField()
    credit_note = models.OneToOneField(
        Invoice, null=True, on_delete=models.PROTECT, related_name="service_credit"
    )
    created_at = models.DateTimeField()

    objects = TenantQuerySet["ServiceCredit"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "month_on"], name="servicecredit_once_per_month"
            ),
            models.CheckConstraint(
                name="servicecredit_state_is_known", condition=Q(state__in=State.values)
            ),
            models.CheckConstraint(
                name="servicecredit_of_something",
                condition=Q(state=State.KEPT, net_minor=0)
                | (~Q(state=State.KEPT) & Q(net_minor__gt=0)),
            ),
            models.CheckConstraint(
                name="servicecredit_approved_has_a_credit_note",
                condition=Q(state=State.APPROVED, credit_note__isnull=False)
                | (~Q(state=State.APPROVED) & Q(credit_note=None)),
            ),
        ]

    def __str__(self) -> str:
        return self.reference
