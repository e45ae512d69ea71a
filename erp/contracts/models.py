"""What was agreed: lines with quantity, prices and terms, in force over a time."""

from functools import partial
from typing import Any

from django.db import models
from django.db.models import F, Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.secret_parameters import shown
from erp.base.tenancy import TenantQuerySet
from erp.catalogue.models import Plan, PriceKind
from erp.contracts.states import ARROWS, State
from erp.customers.models import Organisation
from erp.orders.models import Order


class Contract(Stateful):
    """An agreement of one organisation with its seller, in force over [starts_at, ends_at)."""

    arrows = ARROWS
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="contracts"
    )
    seller = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="sold_contracts"
    )
    order = models.OneToOneField(Order, null=True, blank=True, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "C"))
    name = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    retention_days = models.PositiveSmallIntegerField(default=14)

    objects = TenantQuerySet["Contract"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="contract_ends_after_it_starts",
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="contract_state_is_known", condition=Q(state__in=State.values)
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class ContractLine(models.Model):
    """One thing sold under a contract; orchestration runs one instance tree for it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=100)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT)
    product = models.CharField(max_length=60)
    software_type = models.CharField(max_length=60, default="default")
    parameters = models.JSONField(default=dict)
    limits = models.JSONField(default=dict)
    sla = models.JSONField(default=dict)
    quantity = models.DecimalField(max_digits=12, decimal_places=3, default=1)

    objects = TenantQuerySet["ContractLine"].as_manager()

    class Meta:
        ordering = ["contract", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "position"], name="contractline_position_once"
            ),
            models.CheckConstraint(
                name="contractline_quantity_positive", condition=Q(quantity__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract.reference}/{self.position}"

    @property
    def shown_parameters(self) -> dict[str, Any]:
        """Return the parameters as anybody may see them."""
        return shown(self.parameters)


class LinePrice(models.Model):
    """A price as agreed: copied from the price list when the order was accepted."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    line = models.ForeignKey(ContractLine, on_delete=models.PROTECT, related_name="prices")
    kind = models.CharField(max_length=10, choices=PriceKind.choices)
    meter = models.CharField(max_length=40, blank=True)
    unit = models.CharField(max_length=20, blank=True)
    unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    included_quantity = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    # How a metered price makes money of a quantity, beyond a price per unit: erp.catalogue.terms.
    terms = models.JSONField(default=dict, blank=True)

    objects = TenantQuerySet["LinePrice"].as_manager()

    class Meta:
        ordering = ["line", "kind", "meter"]
        constraints = [
            models.UniqueConstraint(fields=["line", "kind", "meter"], name="lineprice_once"),
            models.CheckConstraint(
                name="lineprice_not_negative",
                condition=Q(unit_price__gte=0) & Q(included_quantity__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.kind} {self.meter}".strip()
