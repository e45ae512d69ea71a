"""What was asked."""

from functools import partial
from typing import Any

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.secret_parameters import shown
from erp.base.tenancy import TenantQuerySet
from erp.catalogue.models import Plan, PriceList
from erp.customers.models import Organisation
from erp.orders.states import ARROWS, State


class Order(Stateful):
    """One service asked for: a plan with parameters, at the prices shown when it was placed."""

    arrows = ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="orders")
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="sales")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "Q"))
    idempotency_key = models.CharField(max_length=80)
    name = models.CharField(max_length=100)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT)
    price_list = models.ForeignKey(PriceList, on_delete=models.PROTECT)
    parameters = models.JSONField(default=dict)
    sla = models.JSONField(default=dict)
    # The prices that the buyer saw: what becomes of the list later does not matter.
    prices = models.JSONField(default=list)
    monthly_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    placed_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["Order"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "idempotency_key"], name="order_once_per_key"
            ),
            models.CheckConstraint(
                name="order_state_is_known", condition=Q(state__in=State.values)
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def shown_parameters(self) -> dict[str, Any]:
        """Return the parameters as anybody may see them."""
        return shown(self.parameters)
