"""Documents for the tests: one of every kind that the books can produce."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import groupby

from billing.documents.legal import notes_for, reason_for
from billing.documents.rules import exact_minor, rounded_minor, tax_minor
from billing.documents.snapshot import Kind, Line, Party, Snapshot, Tax, Totals

SELLER = Party(
    name="Nuage & Fils SAS",
    country="FR",
    address=("12 rue de la Paix",),
    postcode="75002",
    city="Paris",
    legal_id="732829320",
    legal_id_scheme="0002",
    vat_number="FR44732829320",
    email="facturation@nuage.example",
    electronic_address="732829320",
    electronic_address_scheme="0225",
    iban="FR7630006000011234567890189",
    bic="AGRIFRPP",
)
FRENCH = Party(
    name="Boulangerie Müller <Œuvre>",
    country="FR",
    address=("8 quai des Célestins", "Bâtiment C"),
    postcode="69002",
    city="Lyon",
    legal_id="552100554",
    legal_id_scheme="0002",
    vat_number="FR03552100554",
    electronic_address="552100554",
    electronic_address_scheme="0225",
)
GERMAN = Party(
    name="Beispiel GmbH",
    country="DE",
    address=("Musterstraße 1",),
    postcode="10115",
    city="Berlin",
    vat_number="DE136695976",
    electronic_address="rechnung@beispiel.example",
    electronic_address_scheme="EM",
)
EXEMPT = {"AE": "VATEX-EU-AE", "G": "VATEX-EU-G", "O": "VATEX-EU-O"}
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))


def a_line(
    position: int,
    name: str,
    quantity: str,
    price: str,
    *,
    category: str = "S",
    rate: str = "20",
    unit: str = "MON",
    exponent: int = 2,
    **more: str,
) -> Line:
    """Return a line with its amount rounded as the books round it."""
    line = Line(
        position=str(position),
        name=name,
        quantity=Decimal(quantity),
        unit=unit,
        unit_price=Decimal(price),
        net_minor=0,
        tax_category=category,
        tax_rate=Decimal(rate),
        period_start_on=JANUARY[0],
        period_end_on=JANUARY[1],
        description=more.get("description", ""),
        unit_label=more.get("unit_label", ""),
        evidence=more.get("evidence", ""),
    )
    return replace(line, net_minor=rounded_minor(exact_minor(line, exponent)))


def taxes_of(lines: Sequence[Line], language: str) -> tuple[Tax, ...]:
    """Return the breakdown of lines by category and rate."""

    def key(line: Line) -> tuple[str, Decimal]:
        return line.tax_category, line.tax_rate

    found = []
    for (category, rate), of_rate in groupby(sorted(lines, key=key), key):
        basis = sum(line.net_minor for line in of_rate)
        reason = reason_for(category, language)
        due = tax_minor(basis, rate)
        found.append(Tax(category, rate, basis, due, reason, EXEMPT.get(category, "")))
    return tuple(found)


def a_document(lines: Sequence[Line], **changed: object) -> Snapshot:
    """Return an invoice of these lines, its sums right, anything else as wished."""
    taxes = taxes_of(lines, str(changed.get("language", "fr")))
    net = sum(line.net_minor for line in lines)
    tax = sum(one.tax_minor for one in taxes)
    paid = changed.pop("paid_minor", 0)
    assert isinstance(paid, int)
    facts: dict[str, object] = {
        "kind": Kind.INVOICE,
        "number": "F-2026-000042",
        "issued_on": date(2026, 2, 1),
        "due_on": date(2026, 3, 3),
        "currency": "EUR",
        "seller": SELLER,
        "buyer": FRENCH,
        "period_start_on": JANUARY[0],
        "period_end_on": JANUARY[1],
        "payment_reference": "F-2026-000042",
        "process": "S1",
        "language": "fr",
        "notes": notes_for("FR", "fr"),
        "tax_evidence": "Seller and buyer are in FR: its standard rate: 20 % on 2026-02-01.",
    }
    totals = Totals(net, tax, net + tax, paid, net + tax - paid)
    facts |= changed
    return Snapshot(lines=tuple(lines), taxes=taxes, totals=totals, **facts)  # type: ignore[arg-type]


def usage_lines(category: str = "S", rate: str = "20") -> tuple[Line, ...]:
    """Return a base price and three meters with prices of many decimals."""
    return (
        a_line(
            1,
            "Stockage WebDAV, formule M",
            "1",
            "9.90",
            description="Contrat C-7Q2M4K8P, nœud n1.paris",
            category=category,
            rate=rate,
        ),
        a_line(
            2,
            "Temps processeur",
            "18341.25",
            "0.00011",
            unit="SEC",
            evidence="2 976 relevés du 2026-01-01 00:00 au 2026-02-01 00:00 UTC",
            category=category,
            rate=rate,
        ),
        a_line(
            3,
            "Mémoire",
            "381.402777778",
            "0.008",
            unit="C62",
            unit_label="Gio·h",
            evidence="2 976 relevés; 744,000 Gio·h inclus déduits",
            category=category,
            rate=rate,
        ),
        a_line(
            4,
            "Disque",
            "7440.5",
            "0.000200001",
            unit="C62",
            unit_label="Gio·h",
            category=category,
            rate=rate,
        ),
    )


def domestic() -> Snapshot:
    """French seller and buyer, 20 %."""
    return a_document(usage_lines())


def reverse_charge() -> Snapshot:
    """French seller, German buyer who owes the tax."""
    return a_document(
        usage_lines(category="AE", rate="0"),
        buyer=GERMAN,
        language="de",
        notes=notes_for("FR", "de"),
        tax_evidence="Directive 2006/112/EC, articles 44 and 196; VIES answered valid.",
    )


def credit_note() -> Snapshot:
    """A part of an invoice given back."""
    return a_document(
        [a_line(1, "Avoir: interruption du 12 janvier", "0.25", "9.90", description="SLA 99,9 %")],
        kind=Kind.CREDIT_NOTE,
        number="A-2026-000003",
        preceding_number="F-2026-000042",
        preceding_issued_on=date(2026, 2, 1),
        payment_reference="",
    )


def two_rates() -> Snapshot:
    """Two rates in one document, a negative quantity, and a part already paid."""
    return a_document(
        [
            a_line(1, "Hosting, plan M", "1", "49.00"),
            a_line(2, "Handbook, printed", "3", "12.35", rate="5.5", unit="C62"),
            a_line(3, "Correction of F-2025-000311", "-2.5", "1.31", rate="20"),
        ],
        language="en",
        notes=notes_for("FR", "en"),
        contract="C-7Q2M4K8P",
        buyer_reference="PO-4711",
        paid_minor=1000,
    )


def yen() -> Snapshot:
    """A currency without cents."""
    lines = [a_line(1, "Hosting", "1.5", "1333", exponent=0)]
    return a_document(lines, currency="JPY", language="en")


def dinar() -> Snapshot:
    """A currency with a thousand fils."""
    lines = [a_line(1, "Hosting", "1.5", "3.335", exponent=3)]
    return a_document(lines, currency="KWD", language="en")


def many_lines(count: int) -> Snapshot:
    """A long document."""
    return a_document(
        [
            a_line(
                n,
                f"Service {n}",
                "381.402777778",
                "0.008",
                unit="C62",
                unit_label="Gio·h",
                evidence="2 976 relevés",
            )
            for n in range(1, count + 1)
        ]
    )


GOLDEN: dict[str, Callable[[], Snapshot]] = {
    "domestic": domestic,
    "reverse-charge": reverse_charge,
    "credit-note": credit_note,
    "two-rates": two_rates,
}
