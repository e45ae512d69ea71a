"""What can be bought: offers with plans, and each seller's dated price lists."""

from functools import partial

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce

from erp.base.identifiers import reference
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation


class PriceKind(models.TextChoices):
    """When a price is charged."""

    SETUP = "setup"
    RECURRING = "recurring"
    METERED = "metered"


class Upgrades(models.TextChoices):
    """What the month costs in which somebody goes up to a greater plan."""

    PRORATED = "prorated", "Each plan for its part of the month"
    FULL_MONTH = "full_month", "The greater plan for the whole month"


class Offer(models.Model):
    """A software product that the provider sells, and resellers sell on."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "P"))
    name = models.CharField(max_length=100)
    summary = models.TextField()
    product = models.CharField(max_length=60)
    software_type = models.CharField(max_length=60, default="default")
    icon = models.CharField(max_length=40, default="cube")
    is_open = models.BooleanField(default=True)
    # Which wishes of the place a buyer may express: names of the schema of placement.
    wishes = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    objects = TenantQuerySet["Offer"].as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class Plan(models.Model):
    """A size of an offer: its limits, the same for every seller."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="plans")
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=100)
    summary = models.TextField(blank=True)
    limits = models.JSONField(default=dict)
    # What the plan fixes of the place, whoever buys it.
    sla = models.JSONField(default=dict)
    # What is given back below which availability: erp.catalogue.service_levels.
    service_level = models.JSONField(default=list, blank=True)
    # How its data are kept safe: erp.catalogue.backup. Nothing: no backup.
    backup = models.JSONField(default=dict, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    objects = TenantQuerySet["Plan"].as_manager()

    class Meta:
        ordering = ["offer", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["offer", "code"], name="plan_code_once_per_offer")
        ]

    def __str__(self) -> str:
        return f"{self.offer.name} {self.name}"


class PriceList(models.Model):
    """A seller's prices in one currency, valid over [starts_at, ends_at).

    A list for one buyer goes before the list for everybody, and nobody below that buyer reads it:
    what a reseller pays is no matter of its customers.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    buyer = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="own_prices"
    )
    # What it was made from, and how: percent on every price, an amount on every monthly one.
    based_on = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT)
    percent = models.DecimalField(max_digits=9, decimal_places=4, default=0)
    amount = models.DecimalField(max_digits=20, decimal_places=9, default=0)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "L"))
    name = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    upgrades = models.CharField(max_length=10, choices=Upgrades.choices, default=Upgrades.PRORATED)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["PriceList"].as_manager()

    class Meta:
        ordering = ["-starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="pricelist_ends_after_it_starts",
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
            ),
            ExclusionConstraint(
                name="pricelist_one_at_a_time",
                expressions=[
                    ("organisation", RangeOperators.EQUAL),
                    (Coalesce("buyer", Value(0)), RangeOperators.EQUAL),
                    ("currency", RangeOperators.EQUAL),
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
        ]

    def __str__(self) -> str:
        return self.name


class Price(models.Model):
    """One price of a plan in a price list.

    Recurring: per month. Set-up: once. Metered: per unit of the meter beyond what is included.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    price_list = models.ForeignKey(PriceList, on_delete=models.CASCADE, related_name="prices")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="prices")
    kind = models.CharField(max_length=10, choices=PriceKind.choices)
    meter = models.CharField(max_length=40, blank=True)
    unit = models.CharField(max_length=20, blank=True)
    unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    included_quantity = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    # How a metered price makes money of a quantity, beyond a price per unit: erp.catalogue.terms.
    terms = models.JSONField(default=dict, blank=True)
    # A base price may be billed when its month begins, and not when it is over.
    in_advance = models.BooleanField(default=False)

    objects = TenantQuerySet["Price"].as_manager()

    class Meta:
        ordering = ["kind", "meter"]
        constraints = [
            models.UniqueConstraint(
                fields=["price_list", "plan", "kind", "meter"], name="price_once_per_list"
            ),
            models.CheckConstraint(
                name="price_not_negative",
                condition=Q(unit_price__gte=0) & Q(included_quantity__gte=0),
            ),
            models.CheckConstraint(
                name="price_base_price_in_advance",
                condition=Q(in_advance=False) | Q(kind=PriceKind.RECURRING),
            ),
            models.CheckConstraint(
                name="price_metered_has_a_meter",
                condition=Q(kind=PriceKind.METERED, meter__gt="")
                | (~Q(kind=PriceKind.METERED) & Q(meter="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.kind} {self.meter}".strip()
