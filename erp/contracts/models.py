"""What was agreed: lines with quantity, prices and terms, in force over a time."""

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.money import charge
from erp.base.periods import Period
from erp.base.prefix import small_letters
from erp.base.secret_parameters import shown
from erp.base.tenancy import TenantQuerySet
from erp.catalogue.models import Plan, PriceKind, Upgrades
from erp.contracts.states import ARROWS, CHANGE_ARROWS, ChangeState, State
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
    # A reseller with the provider: it bills what the reseller's customers use, and runs nothing.
    is_wholesale = models.BooleanField(default=False)

    search_name = small_letters("name", max_length=100)

    objects = TenantQuerySet["Contract"].as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["search_name"], name="contract_search")]
        constraints = [
            models.CheckConstraint(
                name="contract_ends_after_it_starts",
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="contract_state_is_known", condition=Q(state__in=State.values)
            ),
            models.UniqueConstraint(
                fields=["organisation", "currency"],
                condition=Q(is_wholesale=True),
                name="contract_one_wholesale_per_currency",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def monthly_minor(self, at: datetime) -> int:
        """Return the base price of a month as it is in force, of the lines that were read."""
        return sum(
            price.monthly_minor(self.currency)
            for line in self.lines.all()
            for price in line.prices.all()
            if price.kind == PriceKind.RECURRING and price.is_in_force(at)
        )


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
    # As the plan promised it when the order was accepted: erp.catalogue.service_levels.
    service_level = models.JSONField(default=list, blank=True)
    backup = models.JSONField(default=dict, blank=True)
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
    """A price as agreed, in force over [starts_at, ends_at).

    Copied from the price list when the order was accepted, or when plan or quantity changed: a
    change ends the prices before it and begins its own. Without a start it is in force since the
    line is there, without an end for as long as it is.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    line = models.ForeignKey(ContractLine, on_delete=models.PROTECT, related_name="prices")
    kind = models.CharField(max_length=10, choices=PriceKind.choices)
    meter = models.CharField(max_length=40, blank=True)
    unit = models.CharField(max_length=20, blank=True)
    unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    included_quantity = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    # How a metered price makes money of a quantity, beyond a price per unit: erp.catalogue.terms.
    terms = models.JSONField(default=dict, blank=True)
    # How many pieces of the line it prices.
    quantity = models.DecimalField(max_digits=12, decimal_places=3, default=Decimal(1))
    in_advance = models.BooleanField(default=False)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["LinePrice"].as_manager()

    class Meta:
        ordering = ["line", "kind", "meter", "pk"]
        constraints = [
            ExclusionConstraint(
                name="lineprice_one_at_a_time",
                expressions=[
                    ("line", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    ("meter", RangeOperators.EQUAL),
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
            models.CheckConstraint(
                name="lineprice_not_negative",
                condition=Q(unit_price__gte=0) & Q(included_quantity__gte=0) & Q(quantity__gt=0),
            ),
            models.CheckConstraint(
                name="lineprice_ends_after_it_starts",
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="lineprice_base_price_in_advance",
                condition=Q(in_advance=False) | Q(kind=PriceKind.RECURRING),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.kind} {self.meter}".strip()

    def is_in_force(self, at: datetime) -> bool:
        """Return whether it prices this moment."""
        has_begun = self.starts_at is None or self.starts_at <= at
        return has_begun and (self.ends_at is None or at < self.ends_at)

    def monthly_minor(self, currency: str) -> int:
        """Return what it comes to in a month, as a base price."""
        return charge(unit_price=self.unit_price, quantity=self.quantity, currency=currency).minor

    def within(self, window: Period) -> Period | None:
        """Return the part of the window in which it is in force."""
        start = max(self.starts_at or window.start, window.start)
        end = min(self.ends_at or window.end, window.end)
        return Period(start, end) if start < end else None


class LineChange(Stateful):
    """A change of plan or quantity of a line: in force at once, or planned for the renewal.

    Its prices stand in the line's prices, dated, from the moment in which it is asked for.
    """

    arrows = CHANGE_ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    line = models.ForeignKey(ContractLine, on_delete=models.PROTECT, related_name="changes")
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "H"))
    idempotency_key = models.CharField(max_length=80)
    from_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    to_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    from_quantity = models.DecimalField(max_digits=12, decimal_places=3)
    to_quantity = models.DecimalField(max_digits=12, decimal_places=3)
    upgrades = models.CharField(max_length=10, choices=Upgrades.choices)
    effective_at = models.DateTimeField()
    # From when the base price counts: before it takes effect where an upgrade pays the month.
    base_from = models.DateTimeField()
    monthly_before_minor = models.BigIntegerField()
    monthly_after_minor = models.BigIntegerField()
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150)

    objects = TenantQuerySet["LineChange"].as_manager()

    class Meta:
        verbose_name = "change"
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["effective_at"], condition=Q(state="planned"), name="linechange_planned"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["line", "idempotency_key"], name="linechange_once_per_key"
            ),
            models.UniqueConstraint(
                fields=["line"],
                condition=Q(state=ChangeState.PLANNED),
                name="linechange_one_planned",
            ),
            models.CheckConstraint(
                name="linechange_state_is_known", condition=Q(state__in=ChangeState.values)
            ),
            models.CheckConstraint(
                name="linechange_quantity_positive", condition=Q(to_quantity__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Budget(models.Model):
    """What a customer, or one of its services, may cost in a month, without tax.

    Somebody is told when the month's cost reaches a part of it; a hard one refuses orders and
    changes that would go beyond.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="budgets")
    contract = models.OneToOneField(
        Contract, null=True, blank=True, on_delete=models.PROTECT, related_name="budget"
    )
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "Y"))
    monthly_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # At which percentages of it somebody is told, once a month each.
    alerts = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    is_hard = models.BooleanField(default=False)
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=150)
    watched_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Budget"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(contract=None), name="budget_one_per_customer"
            ),
            models.CheckConstraint(name="budget_positive", condition=Q(monthly_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return self.reference
