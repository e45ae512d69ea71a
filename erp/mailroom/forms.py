"""What is decided about a mail that was set aside."""

from django import forms


class PlaceForm(forms.Form):
    """Where it belongs."""

    name = forms.CharField(
        label="Ticket or customer", max_length=12,
        help_text="T-… to put it into a ticket, O-… to open one for a customer.",
    )  # fmt: skip


class DismissForm(forms.Form):
    """Why nothing is done about it."""

    why = forms.CharField(label="Reason", max_length=300)
