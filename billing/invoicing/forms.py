"""What an accountant types about a draft."""

from django import forms


class DiscardForm(forms.Form):
    """Why a draft is thrown away."""

    why = forms.CharField(max_length=300, label="Reason")
