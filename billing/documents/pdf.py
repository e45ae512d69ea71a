"""A page as PDF/A-3b with its XML inside (Factur-X). Needs the libraries of pango.

Source: Factur-X 1.0.7; ISO 19005-3; docs/adr/0012-documents.md
"""

import logging
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousFileOperation
from facturx import generate_from_binary
from weasyprint import HTML, Attachment
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from erp.base.errors import DomainError
from erp.customers.models import Logo

SCHEME, LOGO = "static:", "logo:"
# They tell every step of every document: 50 lines each.
for noisy in ("fontTools", "factur-x", "weasyprint.progress"):
    logging.getLogger(noisy).setLevel(logging.WARNING)


class NotOurs(DomainError):
    """A document may read our own static files only: no network and no other file."""

    code = "not_our_file"
    status = 500


class OwnFiles(URLFetcher):  # type: ignore[misc]
    """Reads `static:css/document.css` from our static files, and `logo:` with a hash from ours.

    Nothing else from anywhere.
    """

    def __init__(self) -> None:
        super().__init__(allowed_protocols=(), allow_redirects=False, fail_on_errors=True)

    def fetch(self, url: str, headers: Any = None) -> Any:
        """Return one of our static files, or the picture of a seller.

        Raises:
            NotOurs: the address is of another scheme, leaves our files, or is not kept.
        """
        if url.startswith(LOGO):
            return URLFetcherResponse(url, _logo(url), {"Content-Type": "image/png"})
        path = _found(url)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": kind})


def _logo(url: str) -> bytes:
    digest = url.removeprefix(LOGO)
    kept = Logo.objects.filter(sha256=digest).values_list("png", flat=True).first()
    content = bytes(kept or b"")
    if sha256(content).hexdigest() != digest:
        raise NotOurs(f"{url[:80]!r} is no picture that is kept.")
    return content


def _found(url: str) -> Path:
    if not url.startswith(SCHEME):
        raise NotOurs(f"{url[:80]!r} is not one of our static files.")
    try:
        path = finders.find(url.removeprefix(SCHEME))
    except SuspiciousFileOperation as error:
        raise NotOurs(f"{url[:80]!r} leads out of our static files.") from error
    if not isinstance(path, str):
        raise NotOurs(f"{url[:80]!r} is missing from our static files.")
    return Path(path)


@dataclass(frozen=True, slots=True)
class File:
    """A file that the PDF carries beside its page, to complete it."""

    name: str
    content: bytes
    description: str


def pdf_of(html: str, *, files: Sequence[File] = ()) -> bytes:
    """Return a page as PDF/A-3b with files inside.

    Raises:
        NotOurs: the page asks for something that it may not read.
    """
    try:
        page = HTML(string=html, base_url=None, url_fetcher=OwnFiles())
        inside = [
            Attachment(
                string=one.content,
                name=one.name,
                description=one.description,
                relationship="Supplement",
            )
            for one in files
        ]
        written: bytes = page.write_pdf(pdf_variant="pdf/a-3b", attachments=inside or None)
    except FatalURLFetchingError as error:
        raise NotOurs(str(error.__cause__ or error)) from error
    return written


def with_xml(
    pdf: bytes, xml: bytes, *, author: str, title: str, language: str, files: Sequence[File] = ()
) -> bytes:
    """Return the PDF with its XML attached as `factur-x.xml`, and other files, still PDF/A-3b.

    The XML was validated before: the library's own checks stay off. Files that the page carries
    already are lost here: they are given to this function instead.
    """
    inside = {
        one.name: {
            "filedata": one.content,
            "description": one.description,
            "afrelationship": "supplement",
        }
        for one in files
    }
    metadata = {"author": author, "title": title, "subject": title, "keywords": "Factur-X"}
    attached: bytes = generate_from_binary(
        pdf,
        xml,
        flavor="factur-x",
        level="en16931",
        check_xsd=False,
        check_schematron=False,
        pdf_metadata=metadata,
        lang=language,
        afrelationship="data",
        attachments=inside,
    )
    return attached
