"""What people write in tickets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from erp.base.identifiers import reference
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.desk.models import TicketTemplate
from erp.tickets.services import File

MOST_FILES = 5
MOST_FILE_BYTES = 10 * 1024 * 1024
LONGEST_NAME = 150


class _ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Some files, within bounds; what the browser says of their type is kept and never believed."""

    widget = _ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[File]:
        """Return the files as a message takes them."""
        given = [one for one in data or () if one] if isinstance(data, list | tuple) else []
        if len(given) > MOST_FILES:
            raise forms.ValidationError(f"At most {MOST_FILES} files at once.")
        return [self._file(super(FilesField, self).clean(one, initial)) for one in given]

    def _file(self, upload: "UploadedFile[bytes]") -> File:
        if (upload.size or 0) > MOST_FILE_BYTES:
            most = MOST_FILE_BYTES // 2**20
            raise forms.ValidationError(f"{upload.name} is larger than {most} MB.")
        name = (upload.name or "file").replace("\0", "")[-LONGEST_NAME:]
        return File(name, (upload.content_type or "")[:100], upload.read())


def _files() -> FilesField:
    most = MOST_FILE_BYTES // 2**20
    return FilesField(
        label="Files", required=False, help_text=f"At most {MOST_FILES} of {most} MB each."
    )


def new_key() -> str:
    """Return a key for one form: sent twice, it is one ticket or one message."""
    return reference("K")


class _Keyed(forms.Form):
    """A form that is worth the same when it is sent twice."""

    key = forms.RegexField(r"^K-[0-9A-Z]{8}$", initial=new_key, widget=forms.HiddenInput())


@dataclass(frozen=True, slots=True)
class Offered:
    """What somebody may choose who opens a ticket."""

    organisations: Sequence[Organisation]
    contracts: Sequence[Contract]
    templates: Sequence[TicketTemplate] = ()


class TicketForm(_Keyed):
    """A new ticket: for which organisation, about which service, what is the matter."""

    organisation = forms.ChoiceField()
    service = forms.ChoiceField(label="Service", required=False)
    subject = forms.CharField(max_length=200)
    body = forms.CharField(
        label="What is the matter?",
        max_length=20_000,
        help_text="What did you do, what did you expect, what happened instead?",
        widget=forms.Textarea(attrs={"rows": 8}),
    )

    attached = _files()
    template = forms.CharField(max_length=12, required=False, widget=forms.HiddenInput())

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        offered: Offered,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, files, initial=initial)
        self._organisations = {one.reference: one for one in offered.organisations}
        self._contracts = {one.reference: one for one in offered.contracts}
        self.templates = offered.templates
        if len(self._organisations) == 1:
            del self.fields["organisation"]
        else:
            chosen = [(one.reference, one.name) for one in offered.organisations]
            self.fields["organisation"].choices = chosen  # type: ignore[attr-defined]
        services = [(one.reference, f"{one.name} ({one.reference})") for one in offered.contracts]
        self.fields["service"].choices = [  # type: ignore[attr-defined]
            ("", "None in particular"), *services
        ]  # fmt: skip

    def clean_template(self) -> TicketTemplate | None:
        """Return the template that the ticket began with, if there is one of this name."""
        name = self.cleaned_data["template"]
        return next((one for one in self.templates if one.reference == name), None)

    def clean(self) -> dict[str, Any]:
        """Turn references into rows; the service must be one of the organisation."""
        cleaned: dict[str, Any] = super().clean() or {}
        contract = self._contracts.get(cleaned.pop("service", ""))
        first = next(iter(self._organisations))
        organisation = self._organisations.get(cleaned.pop("organisation", first))
        if contract and organisation and contract.organisation_id != organisation.pk:
            self.add_error("service", f"{contract.name} is no service of {organisation.name}.")
        return cleaned | {"organisation": organisation, "contract": contract}


class ReplyForm(_Keyed):
    """One message."""

    body = forms.CharField(
        label="Your message", max_length=20_000, widget=forms.Textarea(attrs={"rows": 6})
    )
    attached = _files()


class StaffReplyForm(ReplyForm):
    """One message of the staff, for all or for the staff alone."""

    is_internal = forms.BooleanField(
        label="Internal note", required=False, help_text="Only the staff can read it."
    )


class CloseForm(forms.Form):
    """How it ended."""

    why = forms.CharField(label="How did it end?", max_length=300, required=False)
