"""Which documents wait for their rendering, and their bytes."""

from datetime import datetime
from hashlib import sha256

from django.db.models import QuerySet

from billing.documents.models import Document
from billing.documents.states import State
from erp.base.errors import DomainError


class NotRendered(DomainError):
    """The document is not rendered yet: try again in a moment."""

    code = "not_rendered"


class HashMismatch(DomainError):
    """The stored bytes do not match their hash: they are not handed out. Tell the operator."""

    code = "hash_mismatch"
    status = 500


def due(now: datetime) -> QuerySet[Document]:
    """Return documents whose rendering is due, oldest first, without their content."""
    waiting = Document.objects.exclude(state=State.STORED).filter(next_attempt_at__lte=now)
    return waiting.defer("pdf", "xml").order_by("pk")


def pdf_of(document: Document) -> bytes:
    """Return the stored PDF.

    Raises:
        NotRendered: there is none yet.
        HashMismatch: the bytes are not what was stored.
    """
    return _checked(document.pdf, document.pdf_sha256)


def xml_of(document: Document) -> bytes:
    """Return the stored XML.

    Raises:
        NotRendered: there is none yet.
        HashMismatch: the bytes are not what was stored.
    """
    return _checked(document.xml, document.xml_sha256)


def _checked(stored: bytes | memoryview | None, expected: str) -> bytes:
    if stored is None:
        raise NotRendered
    content = bytes(stored)
    if sha256(content).hexdigest() != expected:
        raise HashMismatch
    return content
