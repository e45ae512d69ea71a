"""What an issued invoice freezes: parties, days, units and evidence, as they are printed."""

import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pikepdf
import pytest
from PIL import Image

from billing.documents import line_texts, xml
from billing.documents.formats import Formats
from billing.documents.page import html_of
from billing.documents.pdf import NotOurs, pdf_of
from billing.documents.rules import Inconsistent
from billing.documents.snapshot import Look as FrozenLook
from billing.documents.snapshot import Profile, Snapshot, from_json
from billing.documents.validator import VALIDATOR
from billing.invoicing import services as invoicing
from billing.invoicing.freeze import language_of, last_day, party
from billing.invoicing.models import InvoiceLine, Series
from billing.invoicing.wording import name_of
from erp.contracts.models import ContractLine
from erp.customers.branding import Look, remove_logo, set_brand
from erp.customers.models import Logo, Organisation
from tests.billing.builders import (
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    at,
    confirmed,
    rated,
)  # fmt: skip

pytestmark = pytest.mark.django_db
PRICES = (("recurring", "", "30", "0"), ("metered", "cpu_hours", "0.05", "10"))
SELLER = {
    "legal_id": "732 829 320 00074",
    "vat_number": "FR44 732829320",
    "street": "12 rue de la Paix",
    "postcode": "75002",
    "city": "Paris",
    "electronic_address": "732829320",
    "iban": "FR76 3000 6000 0112 3456 7890 189",
}
Issue = Callable[..., Snapshot]


@pytest.fixture
def issue(usage: FakeUsage) -> Issue:
    """Issue an invoice over half of November, 45 hours of which 5 are included."""

    def made(name: str = "My site", **buyer: Any) -> Snapshot:
        a_provider(**SELLER)
        customer = a_customer(**buyer)
        if customer.vat_number:
            confirmed(customer)
        line: ContractLine = a_contract(customer, prices=PRICES)
        ContractLine.objects.filter(pk=line.pk).update(name=name)
        usage.exists(line, at("2026-11-16"), at("2026-12-01"))
        usage.sample(line, "20", ends_at=at("2026-11-20"))
        usage.sample(line, "25", ends_at=at("2026-11-24T15:00"))
        run = rated(line.contract)
        draft = invoicing.draft(run, at=OPENED, by="anna")
        issued = invoicing.issue(draft, at=OPENED, by="anna")
        assert issued.document is not None
        return from_json(issued.document.snapshot)

    return made


def test_a_domestic_invoice_is_frozen_and_valid(issue: Issue) -> None:
    frozen = issue(language="fr", street="8 quai des Célestins", postcode="69002", city="Lyon")
    assert (frozen.number, frozen.payment_reference) == ("F-2026-0001", "F-2026-0001")
    assert (frozen.process, [note.subject for note in frozen.notes]) == (
        "S1",
        ["PMT", "PMD", "AAB"],
    )
    assert (frozen.period_start_on, frozen.period_end_on) == (date(2026, 11, 1), date(2026, 11, 30))
    assert (frozen.seller.legal_id, frozen.seller.legal_id_scheme) == ("732829320", "0002")
    assert frozen.seller.electronic_address_scheme == "0225"
    assert (frozen.buyer.electronic_address, frozen.buyer.electronic_address_scheme) == (
        "a@b.fr", "EM",
    )  # fmt: skip
    assert VALIDATOR.findings(xml.write(frozen)) == []


def test_lines_say_what_they_rest_on(issue: Issue) -> None:
    base, metered = issue(language="en").lines
    assert (base.unit, base.quantity, base.net_minor) == ("MON", Decimal("0.5"), 1500)
    assert base.evidence == "In service 16 Nov to 30 Nov"
    assert (metered.unit, metered.quantity, metered.net_minor) == ("HUR", Decimal(40), 200)
    assert metered.evidence == "2 samples, 20 Nov to 24 Nov; 45 used, 5 included"
    assert (metered.period_start_on, metered.period_end_on) == (
        date(2026, 11, 1), date(2026, 11, 30),
    )  # fmt: skip


def test_a_german_company_owes_the_tax_itself_and_reads_so(issue: Issue) -> None:
    frozen = issue(country="DE", language="de", vat_number="DE136695976")
    (tax,) = frozen.taxes
    assert (tax.category, tax.tax_minor, tax.exemption_code) == ("AE", 0, "VATEX-EU-AE")
    assert tax.exemption_reason == "Steuerschuldnerschaft des Leistungsempfängers"
    assert "DE136695976" in frozen.tax_evidence
    assert (
        frozen.lines[1].evidence == "2 Messwerte, 20. Nov. bis 24. Nov.; 45 verbraucht, 5 enthalten"
    )
    assert VALIDATOR.findings(xml.write(frozen)) == []


def test_what_xml_cannot_carry_is_replaced_in_sight(issue: Issue) -> None:
    frozen = issue("Bell \x07 site", street="Rue \x1b[31m")
    assert frozen.lines[0].name == "Bell ? site: base price, November 2026"
    assert frozen.buyer.address == ("Rue ?[31m",)
    assert VALIDATOR.findings(xml.write(frozen)) == []


@pytest.mark.parametrize(
    ("country", "written", "expected"),
    [
        ("FR", "732829320", ("732829320", "0225")),
        ("DE", "9930:DE136695976", ("DE136695976", "9930")),
        ("DE", "rechnung@b.example", ("rechnung@b.example", "EM")),
        ("DE", "no scheme", ("a@b.fr", "EM")),
        ("FR", "", ("a@b.fr", "EM")),
    ],
)
def test_an_electronic_address_has_its_scheme(
    country: str, written: str, expected: tuple[str, str]
) -> None:
    one = Organisation(name="A", country=country, email="a@b.fr", electronic_address=written)
    found = party(one)
    assert (found.electronic_address, found.electronic_address_scheme) == expected


def test_an_address_has_at_most_three_lines() -> None:
    one = Organisation(name="A", country="FR", email="a@b.fr", street="1\n\n2\r\n3\n4")
    assert party(one).address == ("1", "2", "3, 4")


def test_documents_are_printed_in_english_where_we_do_not_speak_the_language() -> None:
    spoken = [language_of(Organisation(language=one)) for one in ("fr-CA", "de", "es", "EN")]
    assert spoken == ["fr", "de", "en", "en"]


def test_the_last_day_is_the_one_before_a_midnight_end() -> None:
    assert last_day(at("2026-12-01T00:00")) == date(2026, 11, 30)
    assert last_day(at("2026-12-01T00:01")) == date(2026, 12, 1)


def test_a_seller_without_a_vat_number_issues_nothing(usage: FakeUsage) -> None:
    a_provider(vat_number="")
    line = a_contract(prices=PRICES[:1])
    usage.exists(line, at("2026-11-16"), at("2026-12-01"))
    run = rated(line.contract)
    draft = invoicing.draft(run, at=OPENED, by="anna")
    with pytest.raises(Inconsistent, match="Provider has no VAT number: add it"):
        invoicing.issue(draft, at=OPENED, by="anna")
    draft.refresh_from_db()
    assert (draft.state, draft.number, Series.objects.count()) == ("draft", "", 0)


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", ["My site: base price, November 2026", "My site: CPU hours"]),
        ("fr", ["My site : prix de base, novembre 2026", "My site : heures CPU"]),
        ("de", ["My site: Grundpreis, November 2026", "My site: CPU-Stunden"]),
    ],
)
def test_lines_are_named_in_the_language_of_the_document(
    issue: Issue, language: str, names: list[str]
) -> None:
    snapshot = issue(language=language)
    # The name of the service is the customer's own word, and may have changed since.
    assert [line.name for line in snapshot.lines] == names
    assert snapshot.language == language


@pytest.mark.parametrize(
    ("words", "german"),
    [
        ("tier 2", "Stufe 2"),
        ("tier 3 flat", "Stufe 3, pauschal"),
        ("minimum", "Mindestbetrag"),
        ("something new", "something new"),
    ],
)
def test_parts_of_a_charge_have_a_name_where_we_know_one(words: str, german: str) -> None:
    assert line_texts.part("de", words) == german


def test_a_line_that_rating_named_otherwise_stays_as_it_is(issue: Issue) -> None:
    issue(language="de")
    line = InvoiceLine.objects.select_related("rated_line__line").first()
    assert line is not None
    line.description = "A special arrangement"
    assert name_of(line, Formats("de", "EUR", 2)) == "A special arrangement"
    line.description = "My site: base price, November 2026, minimum"
    assert name_of(line, Formats("de", "EUR", 2)) == (
        "My site: Grundpreis, November 2026, Mindestbetrag"
    )


def test_the_form_of_the_e_invoice_is_what_the_buyer_wished(issue: Issue) -> None:
    snapshot = issue(invoice_format="xrechnung", buyer_reference=" 04011000-12345-34 ")
    assert (snapshot.profile, snapshot.buyer_reference) == (
        Profile.XRECHNUNG,
        "04011000-12345-34",
    )


def a_logo() -> io.BytesIO:
    target = io.BytesIO()
    Image.new("RGB", (300, 80), "#0a64c8").save(target, "PNG")
    target.seek(0)
    return target


def test_the_brand_is_frozen_and_printed(issue: Issue) -> None:
    seller = a_provider(**SELLER)
    look = Look("Cloudy", "#0a64c8", terms="Pay within the month.")
    set_brand(seller, look, at=OPENED, by="test", logo=a_logo())

    frozen = issue()

    logo = Logo.objects.get()
    assert frozen.look == FrozenLook("Cloudy", "#0a64c8", logo.sha256, "Pay within the month.")
    html = html_of(frozen)
    assert "border-top-color: #0a64c8" in html
    assert "Pay within the month." in html
    with pikepdf.open(io.BytesIO(pdf_of(html))) as pdf:
        assert len(pdf.pages[0].get_images()) >= 1
    set_brand(seller, Look("Other"), at=OPENED, by="test")
    remove_logo(seller, at=OPENED, by="test")
    assert html_of(frozen) == html
    assert pdf_of(html)


def test_a_picture_that_is_not_kept_is_not_printed(issue: Issue) -> None:
    frozen = issue()
    assert frozen.look == FrozenLook()
    with pytest.raises(NotOurs, match="no picture that is kept"):
        pdf_of(f'<img src="logo:{"0" * 64}">')
