"""Everything that an invoice prints, frozen in the moment of its issue.

Days are those of the billing calendar, which is UTC: November is printed as 1 to 30 November
wherever the reader lives.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.documents import labels, units
from billing.documents.formats import Formats
from billing.documents.legal import notes_for, reason_for
from billing.documents.rollup import MOST_ON_THE_PAGE
from billing.documents.rules import LANGUAGES, writable
from billing.documents.snapshot import Kind as DocumentKind
from billing.documents.snapshot import Line, Look, Note, Party, Profile, Snapshot, Tax, Totals
from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import Kind
from billing.invoicing.wording import charge_of, name_of
from erp.base.money import exponent
from erp.catalogue.models import PriceKind
from erp.customers.models import Brand, Organisation

_KINDS = {Kind.INVOICE: DocumentKind.INVOICE, Kind.CREDIT_NOTE: DocumentKind.CREDIT_NOTE}
# Codes of ISO 6523 and of the EAS list: a SIREN, the French directory, an e-mail address.
_SIREN, _DIRECTORY, _MAIL = "0002", "0225", "EM"
# BT-23 in the French profile: an invoice for services.
_SERVICES = "S1"
# Stands where the number will: nothing else of a document hangs on it.
_TO_COME = "-"


def snapshot_of(invoice: Invoice, *, prepaid_minor: int = 0) -> dict[str, Any]:
    """Return parties, lines, tax with its rule, dates and totals, checked against each other.

    The number comes last, see `numbered`.

    Args:
        prepaid_minor: what prepaid credit pays of it in the moment of its issue.

    Raises:
        Inconsistent: the invoice contradicts itself, or lacks what a document must say.
    """
    assert invoice.issued_on is not None, "the date is chosen with the number"
    assert invoice.due_on is not None, "the due date follows from the date"
    corrects = invoice.corrects
    seller, language = invoice.issuer, language_of(invoice.organisation)
    is_french = seller.country == "FR"
    formats = Formats(language, invoice.currency, exponent(invoice.currency))
    return Snapshot(
        kind=_KINDS[Kind(invoice.kind)],
        number=_TO_COME,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        currency=invoice.currency,
        seller=party(seller),
        buyer=party(invoice.organisation),
        lines=_lines(invoice, formats),
        taxes=tuple(tax(one, language) for one in invoice.taxes),
        totals=Totals(
            invoice.net_minor,
            invoice.tax_minor,
            invoice.total_minor,
            prepaid_minor,
            invoice.total_minor - prepaid_minor,
        ),
        language=language,
        profile=Profile(invoice.organisation.invoice_format),
        buyer_reference=writable(invoice.organisation.buyer_reference.strip()),
        period_start_on=day_of(invoice.period_start_at),
        period_end_on=last_day(invoice.period_end_at),
        preceding_number=corrects.number if corrects else "",
        preceding_issued_on=corrects.issued_on if corrects else None,
        contract=invoice.contract.reference,
        payment_reference=_TO_COME,
        process=_SERVICES if is_french else "",
        tax_evidence=writable(" ".join(one["rule"] for one in invoice.taxes)),
        look=look_of(seller),
        notes=(*reason_note(invoice), *notes_for(seller.country, language)),
    ).to_json()


def numbered(snapshot: Mapping[str, Any], number: str) -> dict[str, Any]:
    """Return a snapshot with the number of its document, which is also what a payment names."""
    return {**snapshot, "number": number, "payment_reference": number}


def look_of(seller: Organisation) -> Look:
    """Return how a seller shows itself, frozen with the document."""
    brand: Brand | None = getattr(seller, "brand", None)
    if brand is None:
        return Look()
    logo = brand.logo.sha256 if brand.logo else ""
    return Look(writable(brand.name), brand.colour, logo, writable(brand.terms))


def reason_note(invoice: Invoice) -> tuple[Note, ...]:
    """Return why a credit note was made, as a note of the document (BT-22)."""
    return (Note(writable(invoice.reason)),) if invoice.reason else ()


def language_of(organisation: Organisation) -> str:
    """Return the language of an organisation's documents: English where we do not print its own."""
    spoken = organisation.language[:2].lower()
    return spoken if spoken in LANGUAGES else "en"


def day_of(moment: datetime) -> date:
    """Return the day on which a period starts."""
    return moment.astimezone(UTC).date()


def last_day(end: datetime) -> date:
    """Return the last day of a half-open period: the end itself is not billed any more."""
    return day_of(end - timedelta(microseconds=1))


def party(organisation: Organisation) -> Party:
    """Return what is printed of an organisation."""
    address, scheme = _electronic_address(organisation)
    is_french = organisation.country == "FR"
    registered = "".join(organisation.legal_id.split())
    # A SIRET is the SIREN and five digits that name a branch: the law asks for the SIREN.
    legal_id = registered[:9] if is_french else registered
    street = [part.strip() for part in writable(organisation.street).splitlines() if part.strip()]
    return Party(
        name=writable(organisation.name),
        country=organisation.country,
        address=(*street[:2], ", ".join(street[2:])) if len(street) > 3 else tuple(street),
        postcode=writable(organisation.postcode),
        city=writable(organisation.city),
        legal_id=writable(legal_id),
        legal_id_scheme=_SIREN if is_french and legal_id else "",
        vat_number=writable("".join(organisation.vat_number.split())),
        email=writable(organisation.email),
        phone=writable(organisation.phone),
        electronic_address=writable(address),
        electronic_address_scheme=scheme,
        iban=writable("".join(organisation.iban.split())),
        bic=writable(organisation.bic.strip()),
    )


def _electronic_address(organisation: Organisation) -> tuple[str, str]:
    """Return where e-invoices go, with its scheme: `9930:DE123` names its own; else by e-mail."""
    written = organisation.electronic_address.strip()
    named = re.fullmatch(r"(\d{4}):(.+)", written)
    if named:
        return named[2], named[1]
    if written and "@" not in written and organisation.country == "FR":
        return written, _DIRECTORY
    return (written if "@" in written else organisation.email), _MAIL


def _lines(invoice: Invoice, formats: Formats) -> tuple[Line, ...]:
    """Return the lines; those of a long document know the charge that they are printed with."""
    rows = list(invoice.lines.all())
    lines = [line(one, formats) for one in rows]
    if len(rows) > MOST_ON_THE_PAGE:
        contract = invoice.contract.name
        lines = [
            replace(made, charge=writable(charge_of(one, formats, contract)))
            for one, made in zip(rows, lines, strict=True)
        ]
    return tuple(lines)


def line(one: InvoiceLine, formats: Formats) -> Line:
    """Return one line with the evidence behind it in words."""
    return Line(
        position=str(one.position),
        name=writable(name_of(one, formats)),
        quantity=one.quantity,
        unit=units.code_of(one.unit),
        unit_price=one.unit_price,
        net_minor=one.net_minor,
        tax_category=one.tax_category,
        tax_rate=one.tax_rate,
        unit_label=writable(units.label_of(one.unit, formats.language)),
        period_start_on=day_of(one.starts_at),
        period_end_on=last_day(one.ends_at),
        evidence=writable(evidence_of(one, formats)),
    )


def evidence_of(one: InvoiceLine, formats: Formats) -> str:
    """Return what an amount rests on: its samples and what was included, or the days in service.

    What a credit note gives back rests on its reason.
    """
    rated = one.rated_line
    if one.credits_id:
        return ""
    if rated.kind != PriceKind.METERED:
        return _in_service(rated.evidence.get("converged", []), formats)
    found = [_samples(rated.evidence, formats)] if rated.evidence.get("samples") else []
    if rated.included_quantity and rated.used_quantity is not None:
        used, included = (
            formats.number(rated.used_quantity),
            formats.number(rated.included_quantity),
        )
        found.append(labels.used(formats.language, used=used, included=included))
    return "; ".join(found)


def _samples(evidence: Mapping[str, Any], formats: Formats) -> str:
    count = int(evidence["samples"])
    return labels.samples(
        formats.language,
        many=count != 1,
        count=formats.number(count),
        days=_days(evidence["first_at"], evidence["last_at"], formats),
    )


def _in_service(converged: list[list[str]], formats: Formats) -> str:
    if not converged:
        return ""
    days = ", ".join(_days(start, end, formats) for start, end in converged)
    return labels.in_service(formats.language, days=days)


def _days(start: str, end: str, formats: Formats) -> str:
    """Return the days that two moments touch; a single moment is one day."""
    first = day_of(datetime.fromisoformat(start))
    last = max(first, last_day(datetime.fromisoformat(end)))
    return labels.days(
        formats.language, first=formats.short_day(first), last=formats.short_day(last)
    )


def tax(one: Mapping[str, Any], language: str) -> Tax:
    """Return one row of the breakdown, its reason in the document's language."""
    return Tax(
        category=one["category"],
        rate=Decimal(one["rate"]),
        basis_minor=one["net_minor"],
        tax_minor=one["tax_minor"],
        exemption_reason=reason_for(one["category"], language) or one["exemption_reason"],
        exemption_code=one["exemption_code"],
    )
