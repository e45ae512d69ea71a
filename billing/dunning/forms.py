"""What an accountant says about late payers."""

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from billing.dunning.disputes import Objection
from billing.dunning.models import Action, HoldKind
from billing.dunning.services import Pause, Wanted
from billing.invoicing.models import Invoice
from erp.base.identifiers import reference
from erp.base.money import Amount, exponent
from erp.customers.models import Organisation
from erp.tickets.models import Ticket

_DAY = {"type": "date"}


class PolicyForm(forms.Form):
    """The steps of the policy, a line each."""

    steps = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false"}),
        help_text="One line each: days after the due date; remind, warn, suspend or end; fee. "
        "Without lines nobody is reminded.",
    )

    def __init__(self, issuer: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.issuer = issuer

    def clean_steps(self) -> list[Wanted]:
        """Read the lines; what cannot be read is named."""
        lines = [one for one in self.cleaned_data["steps"].splitlines() if one.strip()]
        return [self._step(one) for one in lines]

    def _step(self, line: str) -> Wanted:
        days, action, fee, *_ = [*(part.strip() for part in line.split(";")), "", ""]
        try:
            minor = Decimal(fee or 0).scaleb(exponent(self.issuer.currency))
            wanted = Wanted(int(days), Action(action.lower()), int(minor))
        except (ValueError, InvalidOperation, OverflowError) as error:
            raise forms.ValidationError(f"This line cannot be read: {line[:60]}") from error
        if minor != wanted.fee_minor or not 0 <= minor < 10**9:
            raise forms.ValidationError(f"This fee is no amount: {line[:60]}")
        return wanted


def written(steps: list[Wanted], currency: str) -> str:
    """Return a policy as the form reads it."""
    return "\n".join(
        f"{one.days}; {one.action}"
        + (f"; {Amount(one.fee_minor, currency).decimal()}" if one.fee_minor else "")
        for one in steps
    )


class HoldForm(forms.Form):
    """A dispute, a promise or an exception."""

    kind = forms.ChoiceField(
        choices=[(one.value, one.label) for one in HoldKind if one != HoldKind.DEBIT]
    )
    whom = forms.CharField(
        max_length=20, label="Invoice or customer", help_text="A number, or a reference O-…"
    )
    until_on = forms.DateField(
        label="Until", required=False, widget=forms.DateInput(attrs=_DAY),
        help_text="A promise needs a day.",
    )  # fmt: skip
    ticket = forms.CharField(
        max_length=12, required=False, help_text="It ends by itself when this ticket is closed."
    )
    why = forms.CharField(max_length=200, label="Reason")

    def __init__(self, issuer: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.issuer = issuer

    def clean(self) -> dict[str, Any]:
        """Find the invoice or the customer, and the ticket."""
        cleaned: dict[str, Any] = super().clean() or {}
        whom = cleaned.get("whom", "")
        invoices = Invoice.objects.filter(issuer=self.issuer, number=whom).exclude(number="")
        cleaned["invoice"] = invoices.select_related("organisation").first()
        customers = Organisation.objects.filter(parent=self.issuer, reference=whom)
        invoice = cleaned["invoice"]
        cleaned["customer"] = invoice.organisation if invoice else customers.first()
        if whom and cleaned["customer"] is None:
            self.add_error("whom", f"{self.issuer.name} has no such invoice or customer.")
        if cleaned.get("kind") == HoldKind.PROMISE and not cleaned.get("until_on"):
            self.add_error("until_on", "Until when was it promised?")
        self._find_ticket(cleaned)
        return cleaned

    def _find_ticket(self, cleaned: dict[str, Any]) -> None:
        reference = cleaned.get("ticket")
        cleaned["ticket"] = None
        if reference:
            theirs = Ticket.objects.filter(organisation=cleaned["customer"], reference=reference)
            cleaned["ticket"] = theirs.first()
            if cleaned["ticket"] is None:
                self.add_error("ticket", "The customer has no such ticket.")

    def pause(self) -> Pause:
        """Return what was typed."""
        typed = self.cleaned_data
        return Pause(
            kind=HoldKind(typed["kind"]),
            why=typed["why"],
            until_on=typed["until_on"],
            invoice=typed["invoice"],
            ticket=typed["ticket"],
        )


class DayForm(forms.Form):
    """Until which day the preview looks."""

    until = forms.DateField(label="Until", widget=forms.DateInput(attrs=_DAY))

    def day(self, otherwise: date) -> date:
        """Return the day; what cannot be read is another one."""
        return self.cleaned_data["until"] if self.is_valid() else otherwise


class DisputeForm(forms.Form):
    """What is wrong with an invoice."""

    key = forms.RegexField(
        r"^K-[0-9A-Z]{8}$", initial=lambda: reference("K"), widget=forms.HiddenInput()
    )
    line = forms.IntegerField(
        label="Line", required=False, min_value=1, max_value=9999,
        help_text="Its place on the invoice; empty: the whole.",
    )  # fmt: skip
    why = forms.CharField(
        label="What is wrong?", max_length=20_000, widget=forms.Textarea(attrs={"rows": 6})
    )

    def objection(self) -> Objection:
        """Return what was typed."""
        typed = self.cleaned_data
        return Objection(typed["why"], typed["key"], typed["line"])
