"""What an accountant says about a service credit."""

from django import forms


class RefuseForm(forms.Form):
    """Why nothing is given back."""

    why = forms.CharField(
        max_length=300, help_text="Kept with the credit, read by your own people."
    )
