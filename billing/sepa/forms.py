"""What is typed about direct debits and refunds by file."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from stdnum import bic, iban
from stdnum.exceptions import ValidationError as BadNumber

from billing.payments.forms import in_minor
from billing.payments.models import Receipt
from billing.sepa.debits import Wish
from billing.sepa.models import Creditor
from billing.sepa.services import MOST_NOTICE_DAYS, Signature
from billing.sepa.states import MandateKind, Scheme
from billing.sepa.status import MOST_BYTES
from billing.sepa.transfers import Wish as TransferWish
from erp.base.identifiers import reference
from erp.base.money import Amount

_DAY = {"type": "date"}


def new_key() -> str:
    """Return a key for one form: sent twice, it is one file."""
    return reference("K")


def _key() -> forms.RegexField:
    return forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())


class CreditorForm(forms.Form):
    """How a seller debits."""

    identifier = forms.CharField(
        max_length=35, label="Creditor identifier", help_text="Like FR72ZZZ123456."
    )
    notice_days = forms.IntegerField(
        label="Days of notice", min_value=1, max_value=MOST_NOTICE_DAYS, initial=14,
        help_text="Customers are told so long before. Less than 14 must be agreed with them.",
    )  # fmt: skip
    return_fee = forms.DecimalField(
        label="Fee for a debit that comes back, in EUR", min_value=0, max_value=100,
        max_digits=6, initial=Decimal(0),
    )  # fmt: skip

    def __init__(self, creditor: Creditor | None, *args: Any, **kwargs: Any) -> None:
        if creditor is not None:
            kwargs["initial"] = {
                "identifier": creditor.identifier,
                "notice_days": creditor.notice_days,
                "return_fee": Amount(creditor.return_fee_minor, "EUR").decimal(),
            }
        super().__init__(*args, **kwargs)

    def clean_return_fee(self) -> int:
        """Return cents."""
        return in_minor(self.cleaned_data["return_fee"], "EUR")


class MandateForm(forms.Form):
    """A mandate: a customer signs it here; who bills may record one that was signed on paper."""

    holder = forms.CharField(max_length=70, label="Holder of the account")
    iban = forms.CharField(max_length=42, label="IBAN")
    bic = forms.CharField(max_length=11, label="BIC", required=False)
    scheme = forms.ChoiceField(choices=Scheme.choices, initial=Scheme.CORE)
    kind = forms.ChoiceField(
        choices=MandateKind.choices, initial=MandateKind.RECURRENT, label="How often"
    )
    signed_on = forms.DateField(label="Signed on", widget=forms.DateInput(attrs=_DAY))
    umr = forms.RegexField(
        r"^[A-Za-z0-9+?/:().,'-]{1,35}$", label="Mandate reference", required=False,
        help_text="Only when it was signed elsewhere; a new one is named by us.",
    )  # fmt: skip
    consent = forms.BooleanField()

    def __init__(self, is_seller: bool, today: date, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today, self.is_seller = today, is_seller
        for name in ("consent",) if is_seller else ("signed_on", "umr"):
            del self.fields[name]
        if is_seller:
            self.fields["signed_on"].initial = today

    def clean_iban(self) -> str:
        """Check the digits of the account."""
        try:
            return str(iban.validate(self.cleaned_data["iban"]))
        except BadNumber as error:
            raise forms.ValidationError("This is no valid IBAN: compare it again.") from error

    def clean_bic(self) -> str:
        """Check the form of the bank's code."""
        typed = self.cleaned_data["bic"]
        try:
            return str(bic.validate(typed)) if typed else ""
        except BadNumber as error:
            raise forms.ValidationError("A BIC has 8 or 11 signs.") from error

    def signature(self) -> Signature:
        """Return what was signed: here and now, or on paper."""
        typed = self.cleaned_data
        return Signature(
            holder=typed["holder"],
            iban=typed["iban"],
            bic=typed["bic"],
            signed_on=typed.get("signed_on") or self.today,
            kind=MandateKind(typed["kind"]),
            scheme=Scheme(typed["scheme"]),
            umr=typed.get("umr", ""),
        )


class DebitsForm(forms.Form):
    """On which day, by which scheme."""

    key = _key()
    on = forms.DateField(label="Day of the debits", widget=forms.DateInput(attrs=_DAY))
    scheme = forms.ChoiceField(choices=Scheme.choices, initial=Scheme.CORE)

    def wish(self) -> Wish:
        """Return what was asked for."""
        return Wish(**self.cleaned_data)


class TransfersForm(forms.Form):
    """Which credit goes out, on which day."""

    key = _key()
    on = forms.DateField(label="Day of the transfers", widget=forms.DateInput(attrs=_DAY))
    receipts = forms.MultipleChoiceField()

    def __init__(self, refundable: Collection[Receipt], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keys = {one.reference: one.pk for one in refundable}
        field = self.fields["receipts"]
        assert isinstance(field, forms.MultipleChoiceField), "it is declared so"
        field.choices = [(name, name) for name in self.keys]

    def wish(self) -> TransferWish:
        """Return what was asked for."""
        typed = self.cleaned_data
        return TransferWish(
            typed["key"], typed["on"], [self.keys[one] for one in typed["receipts"]]
        )


class StatusForm(forms.Form):
    """A status report of the bank."""

    file = forms.FileField(
        label="Status report", help_text="pain.002. The same again changes nothing."
    )

    def clean_file(self) -> Any:
        """Refuse what is too large before it is read."""
        file = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(f"At most {MOST_BYTES // 1_000_000} MB.")
        return file


class WhyForm(forms.Form):
    """A reason."""

    why = forms.CharField(max_length=200, label="Reason")
