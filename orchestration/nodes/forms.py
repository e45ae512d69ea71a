"""What an operator types to add a machine."""

import base64
from typing import Any

from django import forms

from orchestration.nodes.services import Machine


class MachineForm(forms.Form):
    """Address, sign-in, and what is made of the machine."""

    name = forms.SlugField(max_length=60, help_text="How you call it, for example lille-1.")
    host = forms.CharField(max_length=255, label="Address", help_text="Host name or IP address.")
    port = forms.IntegerField(min_value=1, max_value=65535, initial=22, label="SSH port")
    ssh_user = forms.RegexField(
        r"^[a-z_][a-z0-9_-]*$", max_length=32, initial="root", label="SSH user"
    )
    password = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Used once: it is forgotten when the node's own key works.",
    )
    private_key = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
        help_text="Instead of the password; used once and removed from the machine.",
    )
    host_key = forms.CharField(
        required=False,
        label="Expected host key",
        help_text="As in /etc/ssh/ssh_host_ed25519_key.pub. Empty: you confirm what is shown.",
    )
    region = forms.SlugField(max_length=40, initial="main")
    partition_count = forms.IntegerField(min_value=1, max_value=200, initial=10, label="Partitions")

    def clean_host_key(self) -> str:
        """Accept `type base64 [comment]`."""
        text = str(self.cleaned_data["host_key"]).strip()
        parts = text.split()
        if text and not _is_key(parts):
            raise forms.ValidationError("Give the key as `ssh-ed25519 AAAA…`.")
        return " ".join(parts[:2])

    def clean(self) -> dict[str, Any]:
        """Ask for one credential."""
        cleaned: dict[str, Any] = super().clean() or {}
        if bool(cleaned.get("password")) == bool(cleaned.get("private_key", "").strip()):
            raise forms.ValidationError("Give a password or a private key, one of them.")
        return cleaned

    def machine(self) -> Machine:
        """Return what was typed."""
        typed = dict(self.cleaned_data)
        if typed["private_key"].strip():
            typed["private_key"] = typed["private_key"].replace("\r\n", "\n").strip() + "\n"
        return Machine(**typed)


def _is_key(parts: list[str]) -> bool:
    """Say whether this is `type base64`, and the content of that type."""
    if len(parts) < 2 or not parts[0].startswith(("ssh-", "ecdsa-")):
        return False
    try:
        content = base64.b64decode(parts[1], validate=True)
    except ValueError:
        return False
    kind = parts[0].encode()
    return content.startswith(len(kind).to_bytes(4, "big") + kind)


class CredentialForm(forms.Form):
    """Another one-time credential for the next try; empty keeps the one that is there."""

    password = forms.CharField(
        required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )


class ReasonForm(forms.Form):
    """Why a node is closed, drained or retired."""

    why = forms.CharField(max_length=300, label="Reason")
