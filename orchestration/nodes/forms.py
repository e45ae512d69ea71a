"""What an operator types to add a machine."""

import base64
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from django import forms

from erp.customers.models import Organisation
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import Machine, Place


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
    service_address = forms.GenericIPAddressField(
        required=False,
        label="Services' address",
        help_text="Where services are reached, of IPv4 or IPv6. Empty: the address above.",
    )
    service_address6 = forms.GenericIPAddressField(
        required=False,
        protocol="IPv6",
        label="Services' IPv6 address",
        help_text="Beside the other one. Empty: services are reached at that one only.",
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
        host = cleaned.get("host", "")
        if host and not cleaned.get("service_address") and not _is_address(host):
            why = f"{host} is a name: give the IP address at which services are reached."
            self.add_error("service_address", why)
        return cleaned

    def machine(self) -> Machine:
        """Return what was typed."""
        typed = dict(self.cleaned_data)
        if typed["private_key"].strip():
            typed["private_key"] = typed["private_key"].replace("\r\n", "\n").strip() + "\n"
        return Machine(**typed)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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


class CallerForm(forms.Form):
    """What is made of a machine that calls us."""

    name = forms.SlugField(max_length=60, help_text="How you call it, for example shop-12.")
    region = forms.SlugField(max_length=40, initial="main")
    service_address = forms.GenericIPAddressField(
        required=False,
        label="Address of its services",
        help_text="Where people reach its services. Empty: the address that the machine has.",
    )
    agent_home = forms.RegexField(
        r"^/[A-Za-z0-9._/-]+$",
        max_length=200,
        initial="/srv/tenantry",
        label="Directory",
        help_text="Where the agent keeps its things. Without root: one that its user may write.",
    )
    partition_count = forms.IntegerField(min_value=1, max_value=200, initial=10, label="Partitions")

    def machine(self) -> Machine:
        """Return what was typed."""
        return Machine(host="", **self.cleaned_data)


class PlaceForm(forms.Form):
    """Where a node is, what it can, and whom it is kept for."""

    name = forms.SlugField(max_length=60)
    region = forms.SlugField(max_length=40)
    country = forms.RegexField(
        r"^[A-Za-z]{2}$", required=False, help_text="ISO 3166, two letters, for example FR."
    )
    network = forms.SlugField(
        max_length=40, required=False, help_text="Nodes that fail together by their network."
    )
    labels = forms.CharField(
        max_length=400, required=False, help_text="What it can, with commas: ssd, gpu."
    )
    dedicated_to = forms.ChoiceField(
        required=False, help_text="It takes new instances of this organisation and those below."
    )

    def __init__(self, data: Any, node: ComputeNode, owners: Sequence[Organisation]) -> None:
        place = Place.of(node)
        kept_for = place.dedicated_to.reference if place.dedicated_to else ""
        initial = asdict(replace(place, dedicated_to=None)) | {
            "labels": ", ".join(place.labels),
            "dedicated_to": kept_for,
        }
        super().__init__(data, initial=initial)
        self.owners = {one.reference: one for one in owners}
        self.fields["dedicated_to"].choices = [  # type: ignore[attr-defined]
            ("", "everybody"),
            *((one.reference, f"{one.name} ({one.reference})") for one in owners),
        ]

    def clean_country(self) -> str:
        """Write countries in capitals."""
        return str(self.cleaned_data["country"]).upper()

    def clean_labels(self) -> tuple[str, ...]:
        """Take the labels apart; each once, in order."""
        found = sorted({one.strip() for one in self.cleaned_data["labels"].split(",")} - {""})
        odd = [one for one in found if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", one)]
        if odd:
            raise forms.ValidationError(f"“{odd[0]}” is no label: use letters, digits, - and _.")
        return tuple(found)

    def place(self) -> Place:
        """Return what was typed."""
        typed = self.cleaned_data
        return Place(**typed | {"dedicated_to": self.owners.get(typed["dedicated_to"])})


class CredentialForm(forms.Form):
    """Another one-time credential for the next try; empty keeps the one that is there."""

    password = forms.CharField(
        required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )


class ReasonForm(forms.Form):
    """Why a node is closed, drained or retired."""

    why = forms.CharField(max_length=300, label="Reason")
