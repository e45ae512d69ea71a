"""Stored documents for `erp.ports.AttachmentSource`, named `D-7K2M9QXA.pdf` or `.xml`."""

from billing.documents.models import Document
from billing.documents.queries import pdf_of, xml_of
from erp.base.errors import DomainError
from erp.ports import Attachment

_KINDS = {"pdf": ("application/pdf", pdf_of), "xml": ("application/xml", xml_of)}


class NoSuchDocument(DomainError):
    """There is no such document for this organisation."""

    code = "no_such_document"


class StoredDocuments:
    """Documents as mails carry them."""

    def attachment(self, name: str, *, organisation: int) -> Attachment:
        """Return a document of the organisation; its file is called as its title.

        Raises:
            NoSuchDocument: it does not exist, or belongs to somebody else.
            NotRendered, HashMismatch: as `billing.documents.queries`.
        """
        reference, _, kind = name.rpartition(".")
        found = Document.objects.filter(reference=reference, organisation=organisation).first()
        if found is None or kind not in _KINDS:
            raise NoSuchDocument(f"{name} is no document of this organisation.")
        content_type, read = _KINDS[kind]
        return Attachment(f"{found.title}.{kind}", content_type, read(found))
