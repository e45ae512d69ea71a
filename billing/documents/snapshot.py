"""Everything that a legal document says, frozen: plain values, exact, checked when made.

Amounts are whole minor units; prices, quantities and rates are exact decimals. A snapshot whose
totals do not add up cannot be made, so nothing printed from one can contradict itself.

Source: EN 16931-1, business terms (BT) and rules (BR)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from billing.documents.frozen_json import dump, load
from billing.documents.rules import check
from erp.base.money import exponent as exponent_of

VERSION = 1


class Kind(StrEnum):
    """BT-3, a code of UNTDID 1001."""

    INVOICE = "380"
    CREDIT_NOTE = "381"


class Profile(StrEnum):
    """In which form the e-invoice is written: inside the PDF (CII), or as UBL of its own."""

    FACTUR_X = "factur-x"
    PEPPOL = "peppol"
    XRECHNUNG = "xrechnung"


@dataclass(frozen=True, slots=True)
class Party:
    """Seller (BG-4) or buyer (BG-7).

    Args:
        address: street and further lines, at most three.
        legal_id: registration number; its scheme is a code of ISO 6523, `0002` for a SIREN.
        electronic_address: where e-invoices reach it; its scheme is a code of the EAS list,
            `0225` for the French directory, `EM` for an e-mail address.
        iban: of the seller, where the buyer pays.
    """

    name: str
    country: str
    address: tuple[str, ...] = ()
    postcode: str = ""
    city: str = ""
    legal_id: str = ""
    legal_id_scheme: str = ""
    vat_number: str = ""
    email: str = ""
    phone: str = ""
    electronic_address: str = ""
    electronic_address_scheme: str = ""
    iban: str = ""
    bic: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One position (BG-25): price × quantity, rounded once.

    Args:
        position: what the line is called in the document, unique in it.
        unit: a code of UN/ECE recommendation 20, see `units.py`.
        unit_label: how the unit is printed; empty prints the code's own name.
        unit_price: net, in major units, at most 9 decimals, never negative.
        period_start_on: first day billed; `period_end_on` is the last, not the one after.
        evidence: what the amount rests on, in words, printed small.
        charge: what of a long document it is printed as, together with its like; the line itself
            stands in the file of all lines that the PDF carries.
    """

    position: str
    name: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net_minor: int
    tax_category: str
    tax_rate: Decimal
    description: str = ""
    unit_label: str = ""
    period_start_on: date | None = None
    period_end_on: date | None = None
    evidence: str = ""
    charge: str = ""


@dataclass(frozen=True, slots=True)
class Tax:
    """One row of the tax breakdown (BG-23), with the reason where no tax is charged."""

    category: str
    rate: Decimal
    basis_minor: int
    tax_minor: int
    exemption_reason: str = ""
    exemption_code: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """BG-22: net, tax and total of the document, what was paid and what is due."""

    net_minor: int
    tax_minor: int
    total_minor: int
    paid_minor: int
    due_minor: int


@dataclass(frozen=True, slots=True)
class Note:
    """A text of the document (BG-1); the subject is a code of UNTDID 4451 such as PMT."""

    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How the seller shows itself on the page; the XML says nothing of it.

    Args:
        colour: of the line above the page, as `#0a64c8`.
        logo: the SHA-256 of a picture that is kept; instead of the name.
        terms: printed at the end.
    """

    name: str = ""
    colour: str = ""
    logo: str = ""
    terms: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An invoice or credit note as issued.

    Args:
        exponent: decimals of the currency, frozen with the document.
        language: in which it is printed: en, fr or de.
        profile: of the e-invoice, as the buyer wished.
        preceding_number: of the invoice that a credit note corrects.
        contract: our reference of the contract that is billed (BT-12).
        buyer_reference: what the buyer asked to see on it (BT-10).
        payment_reference: what the buyer writes on the transfer (BT-83).
        process: BT-23, such as `S1`, an invoice for services in the French profile.
        tax_evidence: the rule by which tax was decided, in words.

    Raises:
        Inconsistent: something contradicts something else, or is missing.
    """

    kind: Kind
    number: str
    issued_on: date
    due_on: date
    currency: str
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]
    taxes: tuple[Tax, ...]
    totals: Totals
    exponent: int = -1
    language: str = "en"
    profile: Profile = Profile.FACTUR_X
    period_start_on: date | None = None
    period_end_on: date | None = None
    preceding_number: str = ""
    preceding_issued_on: date | None = None
    contract: str = ""
    buyer_reference: str = ""
    payment_reference: str = ""
    process: str = ""
    tax_evidence: str = ""
    notes: tuple[Note, ...] = ()
    look: Look = Look()

    def __post_init__(self) -> None:
        if self.exponent < 0:
            object.__setattr__(self, "exponent", exponent_of(self.currency))
        check(self)

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values: decimals and dates as text, exactly."""
        return {"version": VERSION, **dump(self)}


def from_json(frozen: Mapping[str, Any]) -> Snapshot:
    """Return what `to_json` wrote.

    Raises:
        UnknownVersion: another version of the program wrote it.
        Malformed: it is not a snapshot.
        Inconsistent: it was changed since.
    """
    return load(frozen, Snapshot, version=VERSION)
