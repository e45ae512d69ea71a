"""What is typed about organisations and their people."""

from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from babel import Locale
from django import forms
from stdnum import bic, iban
from stdnum.eu import vat
from stdnum.exceptions import ValidationError as BadNumber
from stdnum.util import get_cc_module

from erp.base.money import exponent, round_minor
from erp.customers.colours import is_colour, problem_of
from erp.customers.models import Organisation
from erp.customers.states import ROLES, InvoiceFormat, Right, Role

_TERRITORIES = Locale("en").territories
COUNTRIES = sorted(
    ((code, name) for code, name in _TERRITORIES.items() if len(code) == 2 and code != "ZZ"),
    key=lambda pair: pair[1],
)
LANGUAGES = [("en", "English"), ("fr", "Français"), ("de", "Deutsch")]
PARTY = [
    "name", "legal_id", "vat_number", "street", "postcode", "city", "country", "email",
    "phone", "electronic_address", "invoice_format", "buyer_reference", "language", "iban", "bic",
]  # fmt: skip


if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Organisation]
else:
    _ModelForm = forms.ModelForm


class PartyForm(_ModelForm):
    """What stands on an invoice about a party, each number checked by its own digits."""

    country = forms.ChoiceField(choices=COUNTRIES)
    language = forms.ChoiceField(choices=LANGUAGES, required=False)
    invoice_format = forms.ChoiceField(choices=InvoiceFormat.choices, required=False)

    class Meta:
        model = Organisation
        fields = PARTY
        labels = {
            "legal_id": "Registration number",
            "vat_number": "VAT number",
            "iban": "IBAN",
            "bic": "BIC",
            "email": "Mail address for invoices",
            "invoice_format": "E-invoices as",
            "buyer_reference": "Reference on invoices",
            "language": "Language of invoices",
        }
        help_texts = {
            "electronic_address": "Where e-invoices go, for example 9930:DE136695976 in Peppol.",
            "buyer_reference": "Asked for by Peppol; for XRechnung the Leitweg-ID.",
            "phone": "A seller's stands on an XRechnung.",
        }

    def clean_vat_number(self) -> str:
        """Check the digits of the number as its country defines them."""
        typed = str(self.cleaned_data["vat_number"])
        country = str(self.data.get("country", ""))
        known = vat if country.lower() in vat.MEMBER_STATES else get_cc_module(country, "vat")
        example = " Write it with its country, for example FR44732829320." if known is vat else ""
        return _checked(known, typed, f"This is no valid VAT number.{example}")

    def clean_language(self) -> str:
        """Keep the language that was known when none is chosen."""
        return str(self.cleaned_data["language"] or self.instance.language)

    def clean_invoice_format(self) -> str:
        """Keep the format that was known when none is chosen."""
        return str(self.cleaned_data["invoice_format"] or self.instance.invoice_format)

    def clean_iban(self) -> str:
        """Check the digits of the account."""
        return _checked(iban, self.cleaned_data["iban"], "This is no valid IBAN: compare it again.")

    def clean_bic(self) -> str:
        """Check the form of the bank's code."""
        return _checked(bic, self.cleaned_data["bic"], "A BIC has 8 or 11 signs.")


def _checked(rules: Any, typed: str, message: str) -> str:
    if not typed or rules is None:
        return typed.strip()
    try:
        return str(rules.validate(typed))
    except BadNumber as error:
        raise forms.ValidationError(message) from error


class NewPartyForm(PartyForm):
    """A new customer or reseller."""

    class Meta(PartyForm.Meta):
        fields = [*PARTY, "currency"]

    def clean_currency(self) -> str:
        """Accept three capital letters."""
        typed = str(self.cleaned_data["currency"]).upper()
        if not (len(typed) == 3 and typed.isascii() and typed.isalpha()):
            raise forms.ValidationError("Three letters, ISO 4217: EUR.")
        return typed


class TermsForm(forms.Form):
    """What the seller grants."""

    payment_days = forms.IntegerField(label="Days to pay", min_value=0, max_value=365)
    credit_limit = forms.DecimalField(
        label="Credit limit a month",
        min_value=0,
        max_digits=15,
        required=False,
        help_text="Orders above it wait for your approval. Empty: without a limit.",
    )

    def facts(self, currency: str) -> dict[str, Any]:
        """Return the columns, the limit in minor units."""
        limit: Decimal | None = self.cleaned_data["credit_limit"]
        minor = None if limit is None else round_minor(limit.scaleb(exponent(currency)))
        days = self.cleaned_data["payment_days"]
        return {"payment_days": days, "credit_limit_minor": minor}


class MemberForm(forms.Form):
    """A person and a role that this kind of organisation gives."""

    email = forms.EmailField(label="Mail address", max_length=150)
    role = forms.ChoiceField()

    def __init__(self, organisation: Organisation, data: Any = None) -> None:
        super().__init__(data)
        given = ROLES[organisation.kind]
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (role.value, role.label) for role in Role if role in given
        ]  # fmt: skip

    def clean_role(self) -> Role:
        """Return the role itself."""
        return Role(self.cleaned_data["role"])


class TokenForm(forms.Form):
    """What a new API token is for, what it permits and for how long."""

    name = forms.CharField(
        max_length=60, help_text="What it is for, for example the machine that will use it."
    )
    days = forms.TypedChoiceField(
        label="Good for",
        coerce=int,
        choices=[(30, "30 days"), (90, "90 days"), (365, "a year"), (0, "until it is revoked")],
        initial=90,
    )
    scopes = forms.MultipleChoiceField(
        label="What it permits",
        required=False,
        widget=forms.CheckboxSelectMultiple(),
        help_text="It can always read what you can see. Give it no more than it needs.",
    )

    def __init__(self, rights: Collection[Right], data: Any = None) -> None:
        super().__init__(data)
        self.fields["scopes"].choices = [  # type: ignore[attr-defined]
            (right.value, right.label.capitalize())
            for right in Right
            if right in rights and right != Right.SEE
        ]

    def facts(self) -> dict[str, Any]:
        """Return what a token is made of."""
        filled = self.cleaned_data
        scopes = [Right(scope) for scope in filled["scopes"]]
        return {"name": filled["name"], "scopes": scopes, "days": filled["days"] or None}


class ViewAsForm(forms.Form):
    """Why somebody looks at a customer's pages."""

    why = forms.CharField(max_length=200)


class BrandForm(forms.Form):
    """What a seller shows of itself; what cannot be seen or read is refused in words."""

    name = forms.CharField(max_length=60, help_text="Shown above pages, and as sender of mails.")
    logo = forms.FileField(
        required=False,
        help_text="PNG, JPEG or WebP, at most 1 MiB. Empty: the one that is there stays.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
    colour = forms.CharField(
        max_length=7,
        required=False,
        help_text="Of buttons, and of the line above invoices, as #0a64c8. Empty: the usual one.",
    )
    reply_to = forms.EmailField(
        label="Answers to mails go to", required=False, help_text="Empty: to the provider."
    )
    terms = forms.CharField(
        label="Terms on invoices",
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean_colour(self) -> str:
        """Take a colour that can be seen on white."""
        colour = str(self.cleaned_data["colour"]).strip().lower()
        if colour and not is_colour(colour):
            raise forms.ValidationError("Write it as # and six digits from 0 to f: #0a64c8.")
        if colour and (problem := problem_of(colour)):
            raise forms.ValidationError(problem)
        return colour

    def clean_name(self) -> str:
        """Take one line: it becomes the name of a sender."""
        name = " ".join(str(self.cleaned_data["name"]).split())
        if any(sign in name for sign in '<>"@'):
            raise forms.ValidationError('A name has none of these signs: < > " @')
        return name
