"""From a snapshot to the bytes that are kept: XML, verdict, page, PDF with the XML inside."""

from dataclasses import dataclass, replace
from hashlib import sha256

from billing.documents import channels, ubl, xml
from billing.documents.findings import Finding, Severity, refuse_fatal
from billing.documents.labels import labels_in
from billing.documents.page import html_of
from billing.documents.pdf import File, pdf_of, with_xml
from billing.documents.rollup import file_name, file_of, is_long
from billing.documents.snapshot import Kind, Profile, Snapshot
from billing.documents.validator import VALIDATOR

# BR-DEC-01 to BR-DEC-28: so many decimals may an amount have.
MOST_OF_THE_NORM = 2


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
    written = xml.write(snapshot) if snapshot.profile == Profile.FACTUR_X else ubl.write(snapshot)
    findings = [*channels.findings(snapshot), *VALIDATOR.findings(written)]
    if not _is_of_the_norm(snapshot):
        findings = [_told(one) for one in findings]
    refuse_fatal(findings)
    pdf = _pdf(snapshot, written)
    return Rendered(
        pdf, written, sha256(pdf).hexdigest(), sha256(written).hexdigest(), tuple(findings)
    )


def _pdf(snapshot: Snapshot, written: bytes) -> bytes:
    kind = "invoice" if snapshot.kind == Kind.INVOICE else "credit_note"
    title = f"{labels_in(snapshot.language)[kind]} {snapshot.number}"
    files = [File(file_name(snapshot), file_of(snapshot), title)] if is_long(snapshot) else []
    page = html_of(snapshot)
    if snapshot.profile != Profile.FACTUR_X:
        return pdf_of(page, files=files)
    if not _is_of_the_norm(snapshot):
        return pdf_of(page, files=[File(f"{snapshot.number}.xml", written, title), *files])
    author, language = snapshot.seller.name, snapshot.language
    facts = {"author": author, "title": title, "language": language}
    return with_xml(pdf_of(page), written, files=files, **facts)


def _is_of_the_norm(snapshot: Snapshot) -> bool:
    """Return whether EN 16931 has a place for this document: its amounts have two decimals.

    Buyers who pay in dinars are not among those who must get an e-invoice of the norm; who asked
    for one (Peppol, XRechnung) is told that there is none.
    """
    return snapshot.exponent <= MOST_OF_THE_NORM or snapshot.profile != Profile.FACTUR_X


def _told(finding: Finding) -> Finding:
    """Return what a rule of the norm says of such amounts as information.

    Rules that add up round to two decimals first, so theirs may not hold; the snapshot did add up.
    What breaks the form itself stays fatal.
    """
    if finding.rule in ("XSD", "XML"):
        return finding
    return replace(finding, severity=Severity.INFORMATION)
