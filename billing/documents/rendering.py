"""From a snapshot to the bytes that are kept: XML, verdict, page, PDF with the XML inside."""

from dataclasses import dataclass
from hashlib import sha256

from billing.documents import channels, ubl, xml
from billing.documents.findings import Finding, refuse_fatal
from billing.documents.labels import labels_in
from billing.documents.page import html_of
from billing.documents.pdf import File, pdf_of, with_xml
from billing.documents.rollup import file_name, file_of, is_long
from billing.documents.snapshot import Kind, Profile, Snapshot
from billing.documents.validator import VALIDATOR


@dataclass(frozen=True, slots=True)
class Rendered:
    """The bytes of a document, their hashes, and what the check found; nothing without a fatal."""

    pdf: bytes
    xml: bytes
    pdf_sha256: str
    xml_sha256: str
    findings: tuple[Finding, ...]


def render(snapshot: Snapshot) -> Rendered:
    """Return the PDF and XML of a document.

    Raises:
        Invalid: the XML breaks a rule of EN 16931 or of its profile; no PDF is made.
        ValidatorFailed: the XML could not be checked.
    """
    is_hybrid = snapshot.profile == Profile.FACTUR_X
    written = xml.write(snapshot) if is_hybrid else ubl.write(snapshot)
    findings = [*channels.findings(snapshot), *VALIDATOR.findings(written)]
    refuse_fatal(findings)
    kind = "invoice" if snapshot.kind == Kind.INVOICE else "credit_note"
    title = f"{labels_in(snapshot.language)[kind]} {snapshot.number}"
    files = _files(snapshot, title)
    if is_hybrid:
        author, language = snapshot.seller.name, snapshot.language
        pdf = pdf_of(html_of(snapshot))
        pdf = with_xml(pdf, written, title=title, author=author, language=language, files=files)
    else:
        pdf = pdf_of(html_of(snapshot), files=files)
    return Rendered(
        pdf, written, sha256(pdf).hexdigest(), sha256(written).hexdigest(), tuple(findings)
    )


def _files(snapshot: Snapshot, title: str) -> list[File]:
    """Return the file of all lines, where the page shows their charges only."""
    if not is_long(snapshot):
        return []
    return [File(file_name(snapshot), file_of(snapshot), title)]
