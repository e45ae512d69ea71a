"""What a buyer types to order, and to end."""

from django import forms

from erp.base.identifiers import reference
from erp.contracts.models import Contract


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
