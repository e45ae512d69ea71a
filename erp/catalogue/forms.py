"""What a seller types."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet

from erp.catalogue import backup
from erp.catalogue.markup import Markup
from erp.catalogue.models import Plan, PriceKind, PriceList, Upgrades
from erp.catalogue.services import ListWish
from erp.catalogue.terms import Aggregation, Model
from erp.customers.models import Organisation
from erp.ports import ProductFacts

# What a node can limit: docs/node-documents.md.
_LIMITS = {"memory_bytes", "cpu_millis", "processes", "disk_bytes", "open_files"}


class PriceListForm(forms.Form):
    """A dated price list."""

    name = forms.CharField(max_length=100)
    currency = forms.RegexField(r"^[A-Z]{3}$", initial="EUR", help_text="Three letters, ISO 4217.")
    upgrades = forms.ChoiceField(
        label="An upgrade within a month costs",
        choices=Upgrades.choices,
        required=False,
        help_text="The whole month: then nobody goes up late to have a month for a day's price.",
    )
    starts_at = forms.DateTimeField(
        label="Valid from", help_text="In UTC.", widget=forms.DateTimeInput(attrs={"type": "date"})
    )
    ends_at = forms.DateTimeField(
        label="Valid until",
        required=False,
        help_text="Empty: without an end.",
        widget=forms.DateTimeInput(attrs={"type": "date"}),
    )
    replaces = forms.BooleanField(
        label="The list before it ends at that moment", required=False, initial=True
    )
    base = forms.ModelChoiceField(
        PriceList.objects.none(),
        label="Made from",
        required=False,
        to_field_name="reference",
        empty_label="Nothing: I set every price",
        help_text="Takes over its prices and its currency. Single prices can be set afterwards.",
    )
    percent = forms.DecimalField(
        label="Percent on every price",
        required=False,
        max_digits=8,
        decimal_places=4,
        help_text="20 is a fifth more, −10 a tenth less.",
    )
    amount = forms.DecimalField(
        label="Amount on every monthly price", required=False, max_digits=18, decimal_places=9
    )
    buyer = forms.ModelChoiceField(
        Organisation.objects.none(),
        label="For one buyer alone",
        required=False,
        to_field_name="reference",
        # Typed: a seller may have a hundred thousand.
        widget=forms.TextInput,
        help_text="The reference of one who buys from you, O-…: its list goes before the one for"
        " everybody. Empty: for everybody.",
        error_messages={"invalid_choice": "Nobody of this reference buys from you."},
    )

    def __init__(
        self,
        data: Any = None,
        *,
        bases: QuerySet[PriceList],
        buyers: QuerySet[Organisation],
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.fields["base"].queryset = bases  # type: ignore[attr-defined]
        self.fields["buyer"].queryset = buyers  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Put together how the list is made."""
        cleaned: dict[str, Any] = super().clean() or {}
        parts = [cleaned.pop(name, None) or Decimal(0) for name in ("percent", "amount")]
        base, markup = cleaned.pop("base", None), Markup(*parts)
        if base is None and any(parts):
            self.add_error("base", "Choose the list that the percentage or the amount is added to.")
        cleaned["wish"] = ListWish(base, markup, cleaned.pop("replaces", False))
        return cleaned

    def clean_upgrades(self) -> str:
        """Take each plan for its part when nothing is chosen."""
        return self.cleaned_data["upgrades"] or Upgrades.PRORATED


class EndListForm(forms.Form):
    """When a price list ends; the next can begin at that moment."""

    ends_at = forms.DateTimeField(
        label="Valid until",
        required=False,
        help_text="In UTC. Empty: it ends now.",
        widget=forms.DateTimeInput(attrs={"type": "date"}),
    )


class OfferForm(forms.Form):
    """A software product to sell."""

    name = forms.CharField(max_length=100)
    summary = forms.CharField(
        max_length=500, help_text="What it does for the customer, in one sentence."
    )
    product = forms.ChoiceField(help_text="What is run for it.")
    wishes = forms.MultipleChoiceField(
        label="The buyer may choose",
        required=False,
        widget=forms.CheckboxSelectMultiple(),
        help_text="Of the place where it runs. What has one answer only is not asked.",
    )

    def __init__(
        self,
        data: Any = None,
        *,
        products: Sequence[ProductFacts],
        wishes: Sequence[tuple[str, str]],
        chosen: Sequence[str],
    ) -> None:
        super().__init__(data, initial={"wishes": list(chosen)})
        self.fields["wishes"].choices = list(wishes)  # type: ignore[attr-defined]
        self.fields["product"].choices = [  # type: ignore[attr-defined]
            (f"{one.name}:{kind}", f"{one.name} {one.version} ({kind})")
            for one in products
            for kind in sorted(one.software_types)
        ]

    def clean(self) -> dict[str, Any]:
        """Take product and software type apart."""
        cleaned: dict[str, Any] = super().clean() or {}
        product, _, kind = cleaned.pop("product", "").partition(":")
        return cleaned | {"product": product, "software_type": kind}


class PlanForm(forms.Form):
    """A size of an offer."""

    code = forms.SlugField(max_length=40, help_text="Short and stable, for example small.")
    name = forms.CharField(max_length=100)
    summary = forms.CharField(max_length=500, required=False)
    limits = forms.JSONField(
        label="Limits",
        required=False,
        help_text='What it may use, as JSON, for example {"memory_bytes": 268435456, '
        '"cpu_millis": 500, "disk_bytes": 1073741824}. Empty: no limits.',
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    sla = forms.JSONField(
        label="Place",
        required=False,
        help_text='What the plan fixes of it, as JSON, for example {"labels": ["ssd"]}.',
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )

    service_level = forms.CharField(
        label="Service level",
        required=False,
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One step a line: below which availability in percent; how much of the base "
        "price is given back, for example 99.9; 10. Empty: nothing is promised.",
    )

    def clean_limits(self) -> dict[str, int]:
        """Accept whole numbers above zero of what a node can limit."""
        value = self.cleaned_data["limits"] or {}
        if not isinstance(value, dict) or not value.keys() <= _LIMITS:
            raise forms.ValidationError(f"Give one JSON object of: {', '.join(sorted(_LIMITS))}.")
        if not all(type(amount) is int and 0 < amount < 2**63 for amount in value.values()):
            raise forms.ValidationError("Each limit is a whole number above 0.")
        return value

    def clean_service_level(self) -> list[list[str]]:
        """Read one step a line."""
        lines = self.cleaned_data["service_level"].splitlines()
        return [[part.strip() for part in line.split(";")] for line in lines if line.strip()]

    backup = forms.JSONField(
        label="Backup",
        required=False,
        help_text='As JSON, for example {"every_minutes": 60, "keep": {"hourly": 24, "daily": 30}, '
        '"where": "region", "takeover_minutes": 10, "drill_days": 30}. Empty: no backup.',
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )

    def clean_backup(self) -> dict[str, Any]:
        """Accept a policy, or nothing."""
        value = self.cleaned_data["backup"] or {}
        if not isinstance(value, dict):
            raise forms.ValidationError("Give one JSON object: { … }.")
        try:
            backup.check(value)
        except backup.BadBackup as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return value

    def clean_sla(self) -> dict[str, Any]:
        """Accept one JSON object, or nothing."""
        value = self.cleaned_data["sla"] or {}
        if not isinstance(value, dict):
            raise forms.ValidationError("Give one JSON object: { … }.")
        return value


class PriceForm(forms.Form):
    """One price."""

    plan = forms.ModelChoiceField(Plan.objects.select_related("offer"))
    kind = forms.ChoiceField(choices=PriceKind.choices)
    meter = forms.CharField(max_length=40, required=False, help_text="For metered prices.")
    unit = forms.CharField(max_length=20, required=False)
    unit_price = forms.DecimalField(max_digits=20, decimal_places=9, min_value=0)
    in_advance = forms.BooleanField(
        label="Billed in advance",
        required=False,
        help_text="A base price: when its month begins, and not when it is over.",
    )
    included_quantity = forms.DecimalField(
        label="Included a month",
        max_digits=20,
        decimal_places=6,
        min_value=0,
        required=False,
        help_text="Of the meter, before the price counts. Empty: nothing.",
    )

    model = forms.ChoiceField(
        label="Charged",
        required=False,
        choices=[
            (Model.PER_UNIT, "Per unit"),
            (Model.GRADUATED, "In tiers, each at its own price"),
            (Model.VOLUME, "In tiers, all at the price of the tier reached"),
            (Model.PACKAGE, "Per package begun"),
            (Model.PERCENTAGE, "As a percentage of the meter"),
            (Model.FLAT, "Once a month when it is used"),
        ],
    )
    aggregation = forms.ChoiceField(
        label="What counts of the samples",
        required=False,
        choices=[
            (Aggregation.SUM, "Their sum"),
            (Aggregation.MAX, "The highest"),
            (Aggregation.LAST, "The last"),
            (Aggregation.AVERAGE, "The average over time"),
            (Aggregation.UNIQUE, "How many instances used it"),
            (Aggregation.PERCENTILE_95, "The 95th percentile"),
        ],
    )
    tiers = forms.CharField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One a line: up to; unit price; flat price. The last begins with a semicolon.",
    )
    package = forms.DecimalField(
        label="Size of a package", required=False, min_value=0, max_digits=20, decimal_places=6
    )
    minimum = forms.DecimalField(
        label="At least a month", required=False, min_value=0, max_digits=20, decimal_places=9
    )
    maximum = forms.DecimalField(
        label="At most a month", required=False, min_value=0, max_digits=20, decimal_places=9
    )

    def clean_tiers(self) -> list[list[str | None]]:
        """Read one tier a line."""
        rows = [line.split(";") for line in self.cleaned_data["tiers"].splitlines() if line.strip()]
        return [[row[0].strip() or None, *(part.strip() for part in row[1:])] for row in rows]

    def clean_included_quantity(self) -> Decimal:
        """Read nothing as zero."""
        return self.cleaned_data["included_quantity"] or Decimal(0)

    def clean(self) -> dict[str, Any]:
        """A metered price names its meter, another one has none."""
        cleaned: dict[str, Any] = super().clean() or {}
        if (cleaned.get("kind") == PriceKind.METERED) != bool(cleaned.get("meter")):
            raise forms.ValidationError("A metered price, and only that, names a meter.")
        if cleaned.get("in_advance") and cleaned.get("kind") != PriceKind.RECURRING:
            raise forms.ValidationError("Only a base price is billed in advance.")
        names = ("model", "aggregation", "tiers", "package", "minimum", "maximum")
        given = {name: value for name in names if (value := cleaned.pop(name, None))}
        is_usual = given.get("model") == Model.PER_UNIT and given.get("aggregation") in (
            None,
            Aggregation.SUM,
        )
        cleaned["terms"] = {} if is_usual and len(given) <= 2 else given
        return cleaned
