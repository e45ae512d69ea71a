"""A document as UBL 2.1 XML, invoice or credit note: same snapshot, same bytes.

Source: EN 16931-1 with the syntax binding CEN/TS 16931-3-2; Peppol BIS Billing 3.0; XRechnung 3.0
"""

from datetime import date
from typing import Any

from lxml import etree

from billing.documents.rules import OUTSIDE
from billing.documents.snapshot import Kind, Line, Party, Profile, Snapshot, Tax
from billing.documents.xml import amount, plain

_UBL = "urn:oasis:names:specification:ubl:schema:xsd"
_PARTS = {
    "cac": f"{_UBL}:CommonAggregateComponents-2",
    "cbc": f"{_UBL}:CommonBasicComponents-2",
}
_ROOTS = {Kind.INVOICE: "Invoice", Kind.CREDIT_NOTE: "CreditNote"}
_QUANTITIES = {Kind.INVOICE: "InvoicedQuantity", Kind.CREDIT_NOTE: "CreditedQuantity"}
_EN_16931 = "urn:cen.eu:en16931:2017"
CUSTOMIZATIONS = {
    Profile.PEPPOL: f"{_EN_16931}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    Profile.XRECHNUNG: f"{_EN_16931}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
}
PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
# UNTDID 4461: SEPA credit transfer; a credit note is set off, by no instrument that is agreed.
_SEPA_TRANSFER, _NOT_DEFINED = "58", "1"


def write(snapshot: Snapshot) -> bytes:
    """Return the XML of a document in the profile that its snapshot names."""
    name = _ROOTS[snapshot.kind]
    spaces: Any = {None: f"{_UBL}:{name}-2", **_PARTS}  # The default space has no prefix.
    root = etree.Element(f"{{{_UBL}:{name}-2}}{name}", nsmap=spaces)
    _head(root, snapshot)
    _period(root, snapshot.period_start_on, snapshot.period_end_on)
    _references(root, snapshot)
    _party(_add(root, "cac:AccountingSupplierParty"), snapshot.seller, snapshot, is_seller=True)
    _party(_add(root, "cac:AccountingCustomerParty"), snapshot.buyer, snapshot, is_seller=False)
    _payment(root, snapshot)
    _taxes(root, snapshot)
    _totals(root, snapshot)
    for line in snapshot.lines:
        _line(root, line, snapshot)
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def _head(root: etree._Element, snapshot: Snapshot) -> None:
    _text(root, "cbc:CustomizationID", CUSTOMIZATIONS[snapshot.profile])
    _text(root, "cbc:ProfileID", PROCESS)
    _text(root, "cbc:ID", snapshot.number)
    _text(root, "cbc:IssueDate", snapshot.issued_on.isoformat())
    if snapshot.kind == Kind.INVOICE:
        _text(root, "cbc:DueDate", snapshot.due_on.isoformat())
    _text(root, f"cbc:{_ROOTS[snapshot.kind]}TypeCode", snapshot.kind)
    # Both profiles allow one note only (PEPPOL-EN16931-R002).
    _text(root, "cbc:Note", " ".join(note.text for note in snapshot.notes))
    _text(root, "cbc:DocumentCurrencyCode", snapshot.currency)
    _text(root, "cbc:BuyerReference", snapshot.buyer_reference)


def _references(root: etree._Element, snapshot: Snapshot) -> None:
    if snapshot.preceding_number:
        billing = _add(root, "cac:BillingReference")
        corrected = _add(billing, "cac:InvoiceDocumentReference")
        _text(corrected, "cbc:ID", snapshot.preceding_number)
        if snapshot.preceding_issued_on:
            _text(corrected, "cbc:IssueDate", snapshot.preceding_issued_on.isoformat())
    if snapshot.contract:
        _text(_add(root, "cac:ContractDocumentReference"), "cbc:ID", snapshot.contract)


def _party(role: etree._Element, party: Party, snapshot: Snapshot, *, is_seller: bool) -> None:
    element = _add(role, "cac:Party")
    scheme = party.electronic_address_scheme
    _text(element, "cbc:EndpointID", party.electronic_address, schemeID=scheme)
    _text(_add(element, "cac:PartyName"), "cbc:Name", party.name)
    _address(element, party)
    # BR-O-02: a document outside the scope of VAT names no VAT number.
    if party.vat_number and not any(tax.category == OUTSIDE for tax in snapshot.taxes):
        registered = _add(element, "cac:PartyTaxScheme")
        _text(registered, "cbc:CompanyID", party.vat_number)
        _text(_add(registered, "cac:TaxScheme"), "cbc:ID", "VAT")
    legal = _add(element, "cac:PartyLegalEntity")
    _text(legal, "cbc:RegistrationName", party.name)
    _text(legal, "cbc:CompanyID", party.legal_id, schemeID=party.legal_id_scheme)
    if party.email and (is_seller or party.phone):
        contact = _add(element, "cac:Contact")
        _text(contact, "cbc:Name", party.name)
        _text(contact, "cbc:Telephone", party.phone)
        _text(contact, "cbc:ElectronicMail", party.email)


def _address(element: etree._Element, party: Party) -> None:
    address = _add(element, "cac:PostalAddress")
    for name, text in zip(("StreetName", "AdditionalStreetName"), party.address, strict=False):
        _text(address, f"cbc:{name}", text)
    _text(address, "cbc:CityName", party.city)
    _text(address, "cbc:PostalZone", party.postcode)
    for text in party.address[2:]:
        _text(_add(address, "cac:AddressLine"), "cbc:Line", text)
    _text(_add(address, "cac:Country"), "cbc:IdentificationCode", party.country)


def _payment(root: etree._Element, snapshot: Snapshot) -> None:
    """Say how it is paid; a credit note says when it is set off, as it has no due date."""
    means = _add(root, "cac:PaymentMeans")
    is_transfer = bool(snapshot.seller.iban) and snapshot.kind == Kind.INVOICE
    _text(means, "cbc:PaymentMeansCode", _SEPA_TRANSFER if is_transfer else _NOT_DEFINED)
    if snapshot.kind == Kind.CREDIT_NOTE:
        _text(means, "cbc:PaymentDueDate", snapshot.due_on.isoformat())
    if is_transfer:
        _text(means, "cbc:PaymentID", snapshot.payment_reference)
        account = _add(means, "cac:PayeeFinancialAccount")
        _text(account, "cbc:ID", snapshot.seller.iban.replace(" ", ""))
        _text(account, "cbc:Name", snapshot.seller.name)
        if snapshot.seller.bic:
            branch = _add(account, "cac:FinancialInstitutionBranch")
            _text(branch, "cbc:ID", snapshot.seller.bic)


def _taxes(root: etree._Element, snapshot: Snapshot) -> None:
    total = _add(root, "cac:TaxTotal")
    _money(total, "cbc:TaxAmount", snapshot.totals.tax_minor, snapshot)
    for tax in snapshot.taxes:
        subtotal = _add(total, "cac:TaxSubtotal")
        _money(subtotal, "cbc:TaxableAmount", tax.basis_minor, snapshot)
        _money(subtotal, "cbc:TaxAmount", tax.tax_minor, snapshot)
        _category(_add(subtotal, "cac:TaxCategory"), tax)


def _category(element: etree._Element, tax: Tax) -> None:
    _text(element, "cbc:ID", tax.category)
    if tax.category != OUTSIDE:
        _text(element, "cbc:Percent", plain(tax.rate))
    _text(element, "cbc:TaxExemptionReasonCode", tax.exemption_code)
    _text(element, "cbc:TaxExemptionReason", tax.exemption_reason)
    _text(_add(element, "cac:TaxScheme"), "cbc:ID", "VAT")


def _totals(root: etree._Element, snapshot: Snapshot) -> None:
    totals, element = snapshot.totals, _add(root, "cac:LegalMonetaryTotal")
    _money(element, "cbc:LineExtensionAmount", totals.net_minor, snapshot)
    _money(element, "cbc:TaxExclusiveAmount", totals.net_minor, snapshot)
    _money(element, "cbc:TaxInclusiveAmount", totals.total_minor, snapshot)
    if totals.paid_minor:
        _money(element, "cbc:PrepaidAmount", totals.paid_minor, snapshot)
    _money(element, "cbc:PayableAmount", totals.due_minor, snapshot)


def _line(root: etree._Element, line: Line, snapshot: Snapshot) -> None:
    element = _add(root, f"cac:{_ROOTS[snapshot.kind]}Line")
    _text(element, "cbc:ID", line.position)
    _text(element, "cbc:Note", line.evidence)
    quantity = f"cbc:{_QUANTITIES[snapshot.kind]}"
    _text(element, quantity, plain(line.quantity), unitCode=line.unit)
    _money(element, "cbc:LineExtensionAmount", line.net_minor, snapshot)
    _period(element, line.period_start_on, line.period_end_on)
    item = _add(element, "cac:Item")
    _text(item, "cbc:Description", line.description)
    _text(item, "cbc:Name", line.name)
    category = _add(item, "cac:ClassifiedTaxCategory")
    _text(category, "cbc:ID", line.tax_category)
    if line.tax_category != OUTSIDE:
        _text(category, "cbc:Percent", plain(line.tax_rate))
    _text(_add(category, "cac:TaxScheme"), "cbc:ID", "VAT")
    if line.unit_label:
        unit = _add(item, "cac:AdditionalItemProperty")
        _text(unit, "cbc:Name", "Unit")
        _text(unit, "cbc:Value", line.unit_label)
    price = _add(element, "cac:Price")
    _text(price, "cbc:PriceAmount", plain(line.unit_price), currencyID=snapshot.currency)


def _period(parent: etree._Element, start: date | None, end: date | None) -> None:
    if start and end:
        period = _add(parent, "cac:InvoicePeriod")
        _text(period, "cbc:StartDate", start.isoformat())
        _text(period, "cbc:EndDate", end.isoformat())


def _money(parent: etree._Element, name: str, minor: int, snapshot: Snapshot) -> None:
    _text(parent, name, amount(minor, snapshot.exponent), currencyID=snapshot.currency)


def _text(parent: etree._Element, name: str, text: str, **attributes: str) -> None:
    """Add an element with a text; nothing where there is none to say."""
    if text:
        written = {key: value for key, value in attributes.items() if value}
        etree.SubElement(parent, _name(name), written).text = text


def _add(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, _name(name))


def _name(prefixed: str) -> str:
    prefix, local = prefixed.split(":")
    return f"{{{_PARTS[prefix]}}}{local}"
