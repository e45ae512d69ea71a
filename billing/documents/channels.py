"""What Peppol BIS 3 and XRechnung 3 ask beyond EN 16931, each with the place to mend it. Pure.

The official schematron of EN 16931 (UBL) runs in the validator; those of the two profiles are in
no package that we may build on, so the rules that our documents can break are written here under
their official names. Rules on what we never write (allowances, cash discount, cards, direct debit)
are left out.

Source: Peppol BIS Billing 3.0, PEPPOL-EN16931-R*; XRechnung 3.0, BR-DE-*
"""

import re
from collections.abc import Iterator

from stdnum import iban

from billing.documents.findings import Finding, Severity
from billing.documents.snapshot import Kind, Profile, Snapshot

_BUYER = "the customer's billing facts"
_SELLER = "the seller's billing facts"
_MAIL = re.compile(r"[^@\s]+@([^@.\s]+\.)+[^@.\s]+")
_FEWEST_DIGITS = 3
Broken = tuple[str, str, str]


def findings(snapshot: Snapshot) -> list[Finding]:
    """Return the rules of its profile that a document breaks; Factur-X has none of its own."""
    found: list[Broken] = []
    if snapshot.profile != Profile.FACTUR_X:
        found += _addresses(snapshot)
    if snapshot.profile == Profile.PEPPOL:
        found += _peppol(snapshot)
    if snapshot.profile == Profile.XRECHNUNG:
        found += _xrechnung(snapshot)
    return [
        Finding(rule, Severity.FATAL, f"{text} Add it in {place}.", place)
        for rule, text, place in found
    ]


def _addresses(snapshot: Snapshot) -> Iterator[Broken]:
    for rule, party, who, place in (
        ("PEPPOL-EN16931-R020", snapshot.seller, "seller", _SELLER),
        ("PEPPOL-EN16931-R010", snapshot.buyer, "buyer", _BUYER),
    ):
        if not party.electronic_address:
            yield rule, f"The {who} has no electronic address (EAS).", place


def _peppol(snapshot: Snapshot) -> Iterator[Broken]:
    if not snapshot.buyer_reference:
        yield "PEPPOL-EN16931-R003", "The buyer's reference is missing (BT-10).", _BUYER
    for party, who, place in (
        (snapshot.seller, "seller", _SELLER),
        (snapshot.buyer, "buyer", _BUYER),
    ):
        # The network finds participants by ISO 6523 schemes, never by a mail address.
        if party.electronic_address and not party.electronic_address_scheme.isdigit():
            text = f"The {who} is reached by mail, not by a Peppol address like 9930:DE123456789."
            yield "PEPPOL-EN16931-CL008", text, place


def _xrechnung(snapshot: Snapshot) -> Iterator[Broken]:
    seller, buyer = snapshot.seller, snapshot.buyer
    digits = sum(sign.isdigit() for sign in seller.phone)
    for rule, holds, text, place in (
        ("BR-DE-1", seller.iban, "The seller has no account to be paid to (BG-16).", _SELLER),
        ("BR-DE-3", seller.city, "The seller has no city (BT-37).", _SELLER),
        ("BR-DE-4", seller.postcode, "The seller has no postcode (BT-38).", _SELLER),
        ("BR-DE-6", seller.phone, "The seller has no telephone number (BT-42).", _SELLER),
        ("BR-DE-7", seller.email, "The seller has no mail address (BT-43).", _SELLER),
        ("BR-DE-8", buyer.city, "The buyer has no city (BT-52).", _BUYER),
        ("BR-DE-9", buyer.postcode, "The buyer has no postcode (BT-53).", _BUYER),
        ("BR-DE-15", snapshot.buyer_reference, "The Leitweg-ID is missing (BT-10).", _BUYER),
        (
            "BR-DE-19",
            not seller.iban or iban.is_valid(seller.iban),
            "The seller's IBAN is not valid.",
            _SELLER,
        ),
        (
            "BR-DE-27",
            not seller.phone or digits >= _FEWEST_DIGITS,
            "The seller's telephone number has fewer than three digits.",
            _SELLER,
        ),
        (
            "BR-DE-28",
            not seller.email or _MAIL.fullmatch(seller.email),
            "The seller's mail address is none.",
            _SELLER,
        ),
        (
            "BR-DE-26",
            snapshot.kind == Kind.INVOICE or snapshot.preceding_number,
            "The credit note names no invoice (BG-3).",
            "the credit note",
        ),
    ):
        if not holds:
            yield rule, text, place
