"""What people type about mails and webhooks."""

from collections.abc import Sequence
from typing import Any

from django import forms

from erp.base.errors import DomainError
from erp.base.identifiers import reference
from erp.customers.models import Member
from erp.outbox import guarded
from erp.outbox.states import EVENTS, OBLIGATORY, TOPIC_WORDS


def new_key() -> str:
    """Return a key for one form: sent twice, it is one event."""
    return reference("K")


class EndpointForm(forms.Form):
    """Where to, and of which events."""

    url = forms.CharField(
        label="URL",
        max_length=500,
        help_text="Begins with https:// and can be reached from the internet.",
        widget=forms.URLInput(),
    )
    events = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {words}") for name, words in EVENTS.items()],
        widget=forms.CheckboxSelectMultiple(),
    )

    def clean_url(self) -> str:
        """Check the form of the address; where it leads is checked at every call."""
        typed = str(self.cleaned_data["url"])
        try:
            guarded.check_url(typed)
        except DomainError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return typed


class TestForm(forms.Form):
    """The key of one test."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())


class PreferencesForm(forms.Form):
    """One box for every topic of one membership."""

    def __init__(self, member: Member, wanted: Sequence[str], data: Any = None) -> None:
        super().__init__(data, prefix=f"m{member.pk}", initial=dict.fromkeys(wanted, True))
        self.member = member
        for topic, words in TOPIC_WORDS.items():
            must = topic in OBLIGATORY
            self.fields[topic] = forms.BooleanField(
                label=words,
                required=False,
                disabled=must,
                help_text="Those who are responsible always get these." if must else "",
            )
