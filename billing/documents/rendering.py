"""From a snapshot to the bytes that are kept: XML, verdict, page, PDF with the XML inside."""

from dataclasses import dataclass
from hashlib import sha256

from billing.documents import channels, ubl, xml
from billing.documents.findings import Finding, refuse_fatal
from billing.documents.labels import labels_in
from billing.documents.page import html_of
from billing.documents.pdf import pdf_of, with_xml
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
    pdf = pdf_of(html_of(snapshot))
    if is_hybrid:
        author, language = snapshot.seller.name, snapshot.language
        pdf = with_xml(pdf, written, title=title, author=author, language=language)
    return Rendered(
        pdf, written, sha256(pdf).hexdigest(), sha256(written).hexdigest(), tuple(findings)
    )
