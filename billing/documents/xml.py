"""A document as CII XML (UN/CEFACT D16B, Factur-X EN 16931): same snapshot, same bytes.

Source: EN 16931-1; Factur-X 1.0.7; the order of elements follows the profile's XSD
"""

from datetime import date
from decimal import Decimal

from lxml import etree

from billing.documents.rules import OUTSIDE
from billing.documents.snapshot import Kind, Line, Party, Snapshot, Tax

GUIDELINE = "urn:cen.eu:en16931:2017"
_SPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
# UNTDID 4461: SEPA credit transfer, and credit transfer where the account is no IBAN area's.
_SEPA_TRANSFER = "58"


def write(snapshot: Snapshot) -> bytes:
    """Return the XML of a document."""
    root = etree.Element(_name("rsm:CrossIndustryInvoice"), nsmap=_SPACES)
    _context(root, snapshot)
    _document(root, snapshot)
    deal = _add(root, "rsm:SupplyChainTradeTransaction")
    for line in snapshot.lines:
        _line(deal, line, snapshot)
    agreement = _add(deal, "ram:ApplicableHeaderTradeAgreement")
    _text(agreement, "ram:BuyerReference", snapshot.buyer_reference)
    _party(agreement, "ram:SellerTradeParty", snapshot.seller, snapshot)
    _party(agreement, "ram:BuyerTradeParty", snapshot.buyer, snapshot)
    _contract(agreement, snapshot)
    _delivery(deal, snapshot)
    _settlement(deal, snapshot)
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def amount(minor: int, exponent: int) -> str:
    """Return minor units as a decimal number with two decimals, with more only where needed."""
    exact = Decimal(minor).scaleb(-exponent)
    shortest = max(2, -int(exact.normalize().as_tuple().exponent))
    return f"{exact:.{shortest}f}"


def plain(value: Decimal) -> str:
    """Return an exact decimal without an exponent or needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _context(root: etree._Element, snapshot: Snapshot) -> None:
    context = _add(root, "rsm:ExchangedDocumentContext")
    if snapshot.process:
        process = _add(context, "ram:BusinessProcessSpecifiedDocumentContextParameter")
        _text(process, "ram:ID", snapshot.process)
    guideline = _add(context, "ram:GuidelineSpecifiedDocumentContextParameter")
    _text(guideline, "ram:ID", GUIDELINE)


def _document(root: etree._Element, snapshot: Snapshot) -> None:
    document = _add(root, "rsm:ExchangedDocument")
    _text(document, "ram:ID", snapshot.number)
    _text(document, "ram:TypeCode", snapshot.kind)
    _date(document, "ram:IssueDateTime", snapshot.issued_on)
    for note in snapshot.notes:
        included = _add(document, "ram:IncludedNote")
        _text(included, "ram:Content", note.text)
        _text(included, "ram:SubjectCode", note.subject)


def _line(deal: etree._Element, line: Line, snapshot: Snapshot) -> None:
    item = _add(deal, "ram:IncludedSupplyChainTradeLineItem")
    document = _add(item, "ram:AssociatedDocumentLineDocument")
    _text(document, "ram:LineID", line.position)
    if line.evidence:
        _text(_add(document, "ram:IncludedNote"), "ram:Content", line.evidence)
    product = _add(item, "ram:SpecifiedTradeProduct")
    _text(product, "ram:Name", line.name)
    _text(product, "ram:Description", line.description)
    if line.unit_label:
        unit = _add(product, "ram:ApplicableProductCharacteristic")
        _text(unit, "ram:Description", "Unit")
        _text(unit, "ram:Value", line.unit_label)
    price = _add(_add(item, "ram:SpecifiedLineTradeAgreement"), "ram:NetPriceProductTradePrice")
    _text(price, "ram:ChargeAmount", plain(line.unit_price))
    delivery = _add(item, "ram:SpecifiedLineTradeDelivery")
    _text(delivery, "ram:BilledQuantity", plain(line.quantity), unitCode=line.unit)
    settlement = _add(item, "ram:SpecifiedLineTradeSettlement")
    _tax_of_line(settlement, line)
    _period(settlement, line.period_start_on, line.period_end_on)
    summation = _add(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    _text(summation, "ram:LineTotalAmount", amount(line.net_minor, snapshot.exponent))


def _tax_of_line(settlement: etree._Element, line: Line) -> None:
    tax = _add(settlement, "ram:ApplicableTradeTax")
    _text(tax, "ram:TypeCode", "VAT")
    _text(tax, "ram:CategoryCode", line.tax_category)
    if line.tax_category != OUTSIDE:
        _text(tax, "ram:RateApplicablePercent", plain(line.tax_rate))


def _party(agreement: etree._Element, name: str, party: Party, snapshot: Snapshot) -> None:
    element = _add(agreement, name)
    _text(element, "ram:Name", party.name)
    if party.legal_id:
        legal = _add(element, "ram:SpecifiedLegalOrganization")
        _text(legal, "ram:ID", party.legal_id, schemeID=party.legal_id_scheme)
    if party.email:
        contact = _add(element, "ram:DefinedTradeContact")
        _text(contact, "ram:PersonName", party.name)
        mail = _add(contact, "ram:EmailURIUniversalCommunication")
        _text(mail, "ram:URIID", party.email)
    _address(element, party)
    if party.electronic_address:
        reached = _add(element, "ram:URIUniversalCommunication")
        scheme = party.electronic_address_scheme
        _text(reached, "ram:URIID", party.electronic_address, schemeID=scheme)
    outside = any(tax.category == OUTSIDE for tax in snapshot.taxes)
    # BR-O-02: a document outside the scope of VAT names no VAT number.
    if party.vat_number and not outside:
        registration = _add(element, "ram:SpecifiedTaxRegistration")
        _text(registration, "ram:ID", party.vat_number, schemeID="VA")


def _address(element: etree._Element, party: Party) -> None:
    address = _add(element, "ram:PostalTradeAddress")
    _text(address, "ram:PostcodeCode", party.postcode)
    for name, text in zip(("One", "Two", "Three"), party.address, strict=False):
        _text(address, f"ram:Line{name}", text)
    _text(address, "ram:CityName", party.city)
    _text(address, "ram:CountryID", party.country)


def _contract(agreement: etree._Element, snapshot: Snapshot) -> None:
    if snapshot.contract:
        document = _add(agreement, "ram:ContractReferencedDocument")
        _text(document, "ram:IssuerAssignedID", snapshot.contract)


def _delivery(deal: etree._Element, snapshot: Snapshot) -> None:
    """Say when the service was complete (BT-72): on the last day of the period."""
    delivery = _add(deal, "ram:ApplicableHeaderTradeDelivery")
    if snapshot.period_end_on:
        event = _add(delivery, "ram:ActualDeliverySupplyChainEvent")
        _date(event, "ram:OccurrenceDateTime", snapshot.period_end_on)


def _settlement(deal: etree._Element, snapshot: Snapshot) -> None:
    settlement = _add(deal, "ram:ApplicableHeaderTradeSettlement")
    _text(settlement, "ram:PaymentReference", snapshot.payment_reference)
    _text(settlement, "ram:InvoiceCurrencyCode", snapshot.currency)
    if snapshot.seller.iban and snapshot.kind == Kind.INVOICE:
        _payment_means(settlement, snapshot.seller)
    for tax in snapshot.taxes:
        _tax(settlement, tax, snapshot.exponent)
    _period(settlement, snapshot.period_start_on, snapshot.period_end_on)
    terms = _add(settlement, "ram:SpecifiedTradePaymentTerms")
    _date(terms, "ram:DueDateDateTime", snapshot.due_on)
    _summation(settlement, snapshot)
    if snapshot.preceding_number:
        _preceding(settlement, snapshot)


def _payment_means(settlement: etree._Element, seller: Party) -> None:
    means = _add(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
    _text(means, "ram:TypeCode", _SEPA_TRANSFER)
    account = _add(means, "ram:PayeePartyCreditorFinancialAccount")
    _text(account, "ram:IBANID", seller.iban.replace(" ", ""))
    if seller.bic:
        institution = _add(means, "ram:PayeeSpecifiedCreditorFinancialInstitution")
        _text(institution, "ram:BICID", seller.bic)


def _tax(settlement: etree._Element, tax: Tax, exponent: int) -> None:
    element = _add(settlement, "ram:ApplicableTradeTax")
    _text(element, "ram:CalculatedAmount", amount(tax.tax_minor, exponent))
    _text(element, "ram:TypeCode", "VAT")
    _text(element, "ram:ExemptionReason", tax.exemption_reason)
    _text(element, "ram:BasisAmount", amount(tax.basis_minor, exponent))
    _text(element, "ram:CategoryCode", tax.category)
    _text(element, "ram:ExemptionReasonCode", tax.exemption_code)
    if tax.category != OUTSIDE:
        _text(element, "ram:RateApplicablePercent", plain(tax.rate))


def _summation(settlement: etree._Element, snapshot: Snapshot) -> None:
    totals, exponent = snapshot.totals, snapshot.exponent
    summation = _add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    _text(summation, "ram:LineTotalAmount", amount(totals.net_minor, exponent))
    _text(summation, "ram:TaxBasisTotalAmount", amount(totals.net_minor, exponent))
    tax = amount(totals.tax_minor, exponent)
    _text(summation, "ram:TaxTotalAmount", tax, currencyID=snapshot.currency)
    _text(summation, "ram:GrandTotalAmount", amount(totals.total_minor, exponent))
    if totals.paid_minor:
        _text(summation, "ram:TotalPrepaidAmount", amount(totals.paid_minor, exponent))
    _text(summation, "ram:DuePayableAmount", amount(totals.due_minor, exponent))


def _preceding(settlement: etree._Element, snapshot: Snapshot) -> None:
    corrected = _add(settlement, "ram:InvoiceReferencedDocument")
    _text(corrected, "ram:IssuerAssignedID", snapshot.preceding_number)
    if snapshot.preceding_issued_on:
        _date(corrected, "ram:FormattedIssueDateTime", snapshot.preceding_issued_on, space="qdt")


def _period(parent: etree._Element, start: date | None, end: date | None) -> None:
    if start and end:
        period = _add(parent, "ram:BillingSpecifiedPeriod")
        _date(period, "ram:StartDateTime", start)
        _date(period, "ram:EndDateTime", end)


def _date(parent: etree._Element, name: str, day: date, *, space: str = "udt") -> None:
    _text(_add(parent, name), f"{space}:DateTimeString", f"{day:%Y%m%d}", format="102")


def _text(parent: etree._Element, name: str, text: str, **attributes: str) -> None:
    """Add an element with a text; nothing where there is none to say."""
    if text:
        written = {key: value for key, value in attributes.items() if value}
        etree.SubElement(parent, _name(name), written).text = text


def _add(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, _name(name))


def _name(prefixed: str) -> str:
    prefix, local = prefixed.split(":")
    return f"{{{_SPACES[prefix]}}}{local}"
