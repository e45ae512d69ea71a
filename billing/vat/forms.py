"""What an accountant types who answers for a VAT number."""

from django import forms


class ConfirmForm(forms.Form):
    """Why the number is taken as valid without the register."""

    why = forms.CharField(max_length=300, label="Reason")
