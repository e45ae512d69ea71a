"""UBL of Peppol and XRechnung: the golden one, valid by the official rules, refused in words.

`python -m tests.billing.documents.test_ubl` writes the golden files anew: read the difference.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from billing.documents import channels, ubl
from billing.documents.findings import Invalid, Severity
from billing.documents.legal import notes_for
from billing.documents.snapshot import Kind, Party, Profile, Snapshot
from billing.documents.validator import Validator
from tests.billing.documents.samples import (
    GERMAN,
    SELLER,
    a_document,
    a_line,
    credit_note,
    domestic,
    reverse_charge,
    two_rates,
    usage_lines,
    yen,
)

FOLDER = Path(__file__).parent / "golden"


def reached(party: Party) -> Party:
    """Return a party whom the network finds."""
    return replace(party, electronic_address="732829320", electronic_address_scheme="0002")


def for_peppol(snapshot: Snapshot) -> Snapshot:
    """Return the document as Peppol wants it: both reached by the network, with a reference."""
    return replace(
        snapshot,
        profile=Profile.PEPPOL,
        seller=reached(snapshot.seller),
        buyer=reached(snapshot.buyer),
        buyer_reference="PO-4711",
    )


def for_germany(snapshot: Snapshot) -> Snapshot:
    """Return the document as a German authority wants it."""
    return replace(
        snapshot,
        profile=Profile.XRECHNUNG,
        seller=replace(SELLER, phone="+33 1 23 45 67 89"),
        buyer=GERMAN,
        buyer_reference="04011000-12345-34",
    )


def abroad() -> Snapshot:
    """Outside the scope of VAT, with parties of few facts."""
    return a_document(
        [a_line(1, "Hosting", "1", "9.90", category="O", rate="0")],
        seller=replace(SELLER, country="CH", legal_id="CHE123456788", legal_id_scheme=""),
        process="",
        notes=notes_for("CH", "en"),
        language="en",
    )


GOLDEN: dict[str, Callable[[], Snapshot]] = {
    "peppol-invoice": lambda: for_peppol(domestic()),
    "peppol-credit-note": lambda: for_peppol(credit_note()),
    "xrechnung-invoice": lambda: for_germany(reverse_charge()),
    "xrechnung-credit-note": lambda: for_germany(credit_note()),
}
VALID: dict[str, Callable[[], Snapshot]] = {
    **GOLDEN,
    "two-rates": lambda: for_peppol(two_rates()),
    "yen": lambda: for_peppol(yen()),
    "outside": lambda: for_peppol(abroad()),
}


@pytest.fixture(scope="module")
def validator() -> Iterator[Validator]:
    one = Validator()
    yield one
    one.stop()


@pytest.mark.parametrize("name", GOLDEN)
def test_the_xml_is_the_golden_one(name: str) -> None:
    assert ubl.write(GOLDEN[name]()).decode() == (FOLDER / f"{name}.xml").read_text()


@pytest.mark.parametrize("name", VALID)
def test_schema_and_official_rules_find_nothing(name: str, validator: Validator) -> None:
    snapshot = VALID[name]()
    assert validator.findings(ubl.write(snapshot)) == []
    assert channels.findings(snapshot) == []


def test_the_official_rules_find_what_is_wrong(validator: Validator) -> None:
    written = ubl.write(for_peppol(domestic()))
    cut = written.replace(b"<cbc:DocumentCurrencyCode>EUR", b"<cbc:DocumentCurrencyCode>XXY")
    found = {one.rule for one in validator.findings(cut) if one.severity == Severity.FATAL}
    assert "BR-CL-04" in found
    lost = written.replace(b"cbc:ProfileID", b"cbc:NoSuchThing")
    assert "XSD" in {one.rule for one in validator.findings(lost)}


@pytest.mark.parametrize(
    ("snapshot", "rules"),
    [
        (replace(for_peppol(domestic()), buyer_reference=""), {"PEPPOL-EN16931-R003"}),
        (
            replace(for_peppol(domestic()), buyer=replace(GERMAN, electronic_address="")),
            {"PEPPOL-EN16931-R010"},
        ),
        (replace(for_peppol(domestic()), buyer=GERMAN), {"PEPPOL-EN16931-CL008"}),
        (replace(for_germany(domestic()), seller=SELLER), {"BR-DE-6"}),
        (
            replace(
                for_germany(domestic()),
                buyer_reference="",
                buyer=replace(GERMAN, city="", postcode=""),
            ),
            {"BR-DE-8", "BR-DE-9", "BR-DE-15"},
        ),
        (
            replace(
                for_germany(domestic()),
                seller=replace(SELLER, phone="+3", email="nobody", iban="FR7612345"),
            ),
            {"BR-DE-19", "BR-DE-27", "BR-DE-28"},
        ),
    ],
)
def test_what_a_profile_asks_for_is_named_with_the_place_to_mend_it(
    snapshot: Snapshot, rules: set[str]
) -> None:
    found = channels.findings(snapshot)
    assert {one.rule for one in found} == rules
    assert all("billing facts" in one.text for one in found)
    assert all(rule in str(Invalid(found)) for rule in rules)


def test_factur_x_has_no_rules_of_a_channel() -> None:
    assert channels.findings(replace(domestic(), buyer_reference="")) == []


def test_a_credit_note_is_a_document_of_its_own() -> None:
    snapshot = for_peppol(credit_note())
    assert snapshot.kind == Kind.CREDIT_NOTE
    written = ubl.write(snapshot).decode()
    assert "<CreditNote " in written
    assert "CreditedQuantity" in written
    assert written.count("<cbc:Note>") == 1


def test_usage_with_nine_decimals_is_valid_in_both_syntaxes(validator: Validator) -> None:
    written = ubl.write(for_peppol(a_document(usage_lines())))
    assert b'<cbc:InvoicedQuantity unitCode="C62">381.402777778<' in written
    assert validator.findings(written) == []


def write_golden() -> None:
    """Write every golden file from what the program writes now."""
    for name, make in GOLDEN.items():
        (FOLDER / f"{name}.xml").write_bytes(ubl.write(make()))


if __name__ == "__main__":
    write_golden()
