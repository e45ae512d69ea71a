"""What a buyer types to order, and to end."""

from decimal import Decimal
from typing import Any

from django import forms

from erp.base.identifiers import reference
from erp.base.money import Amount, exponent, round_minor
from erp.contracts.budgets import Wanted
from erp.contracts.models import Budget, Contract


def new_key() -> str:
    """Return a key for one order form: sent twice, it is one order."""
    return reference("K")


class OrderForm(forms.Form):
    """The name of the service; its parameters have a form of their own."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())
    name = forms.CharField(
        max_length=100, label="Name", help_text="How you call it, for example “Our web site”."
    )


class ReasonForm(forms.Form):
    """Why something is stopped, started or refused."""

    why = forms.CharField(max_length=300, required=False)


class EndForm(forms.Form):
    """The name, typed again: the data is deleted after the retention."""

    confirm = forms.CharField(max_length=100)

    def __init__(self, contract: Contract, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.contract = contract

    def clean_confirm(self) -> str:
        """Compare what was typed with the name."""
        typed = str(self.cleaned_data["confirm"]).strip()
        if typed != self.contract.name:
            raise forms.ValidationError(f"Type {self.contract.name} to end the service.")
        return typed


class BudgetForm(forms.Form):
    """What may be spent in a month, and when somebody is told."""

    amount = forms.DecimalField(
        max_digits=15,
        min_value=Decimal("0.01"),
        required=False,
        help_text="Without tax. Empty: without a budget.",
    )
    alerts = forms.CharField(
        label="Tell us at",
        required=False,
        max_length=40,
        initial="80, 100",
        help_text="Percent of the budget, for example 50, 80, 100; once a month each.",
    )
    is_hard = forms.BooleanField(
        label="Refuse orders and upgrades beyond it",
        required=False,
        help_text="What runs goes on, and what is used goes on to be counted.",
    )

    def __init__(self, currency: str, known: Budget | None, data: Any = None) -> None:
        initial: dict[str, Any] = {}
        if known:
            initial = {
                "amount": Amount(known.monthly_minor, currency).decimal(),
                "alerts": ", ".join(str(one) for one in known.alerts),
                "is_hard": known.is_hard,
            }
        super().__init__(data, initial=initial)
        self.currency = currency
        self.fields["amount"].label = f"{currency} a month"

    def clean_alerts(self) -> list[int]:
        """Read percentages, separated by commas."""
        typed = [
            part.strip().rstrip("%").strip() for part in self.cleaned_data["alerts"].split(",")
        ]
        given = [part for part in typed if part]
        if len(given) > 5 or not all(part.isdecimal() and 1 <= int(part) <= 500 for part in given):
            raise forms.ValidationError("At most five whole numbers from 1 to 500: 50, 80, 100.")
        return [int(part) for part in given]

    def wanted(self) -> Wanted:
        """Return what was typed."""
        typed = self.cleaned_data
        amount = typed["amount"]
        minor = None if amount is None else round_minor(amount.scaleb(exponent(self.currency)))
        return Wanted(minor, typed["alerts"], typed["is_hard"])
