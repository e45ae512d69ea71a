"""A long document is printed by its charges; every line stands in a file that the PDF carries."""

import csv
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pikepdf
import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from billing.documents.page import context_of
from billing.documents.rendering import render
from billing.documents.rollup import MOST_ON_THE_PAGE, file_name, file_of, is_long, rows_of
from billing.documents.snapshot import Profile, Snapshot, from_json
from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from erp.contracts.models import ContractLine, LinePrice
from erp.customers.models import Member
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_contract, a_provider, a_run, at
from tests.billing.documents.samples import a_document, a_line, domestic

SITES = 200


def a_long_one(profile: Profile = Profile.FACTUR_X) -> Snapshot:
    """Base price and usage of many sites, of which the last is priced otherwise."""
    lines = []
    for site in range(SITES):
        price = "0.05" if site < SITES - 1 else "0.04"
        base = a_line(2 * site + 1, f"Site {site}: base price", "1", "9.90", unit="MON")
        used = a_line(2 * site + 2, f"=Site {site}: CPU hours", "10.5", price, unit="HUR")
        lines += [replace(base, charge="All: base price"), replace(used, charge="All: CPU hours")]
    return a_document(lines, language="en", number="F-2026-0007", profile=profile)


def test_rows_are_charges_with_their_sums() -> None:
    base, used = rows_of(a_long_one().lines)
    assert (base.name, len(base.lines), base.quantity, base.net_minor) == (
        "All: base price", SITES, Decimal(SITES), SITES * 990,
    )  # fmt: skip
    assert base.unit_price == Decimal("9.90")
    assert (used.quantity, used.unit_price) == (Decimal("10.5") * SITES, None)
    assert used.net_minor == (SITES - 1) * 53 + 42
    assert used.period == (date(2026, 1, 1), date(2026, 1, 31))


def test_lines_of_two_taxes_are_two_rows() -> None:
    taxed, free = (replace(one, charge="All") for one in a_long_one().lines[:2])
    free = replace(free, tax_category="AE", tax_rate=Decimal(0))
    assert [row.net_minor for row in rows_of([taxed, free])] == [990, 53]


def test_the_page_has_a_row_per_charge_that_names_the_file() -> None:
    shown = context_of(a_long_one())["lines"]
    assert [(one["name"], one["quantity"], one["price"], one["net"]) for one in shown] == [
        ("All: base price", "200", "9.90", "1,980.00"),
        ("All: CPU hours", "2,100", "", "105.89"),
    ]
    words = "1 Jan to 31 Jan · 200 lines, in the attached file F-2026-0007-lines.csv"
    assert shown[0]["small"] == words


def test_the_file_holds_every_line_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(file_of(a_long_one()).decode("utf-8-sig"))))
    assert len(rows) == 2 * SITES
    assert rows[-1]["name"] == f"'=Site {SITES - 1}: CPU hours"
    assert (rows[-1]["quantity"], rows[-1]["unit_price"], rows[-1]["net"]) == (
        "10.5",
        "0.04",
        "0.42",
    )
    assert sum(Decimal(one["net"]) for one in rows) == Decimal("2085.89")


def test_an_ordinary_document_carries_no_file() -> None:
    assert not is_long(domestic())


@pytest.mark.parametrize("profile", [Profile.FACTUR_X, Profile.XRECHNUNG])
def test_the_pdf_carries_the_file_beside_a_valid_e_invoice(profile: Profile) -> None:
    long_one = a_long_one(profile)
    if profile == Profile.XRECHNUNG:
        long_one = replace(
            long_one,
            seller=replace(long_one.seller, phone="+33 1 23 45 67 89"),
            buyer_reference="04011000-1234512345-06",
        )
    made = render(long_one)
    with pikepdf.open(io.BytesIO(made.pdf)) as pdf:
        inside = {
            str(one.F): (str(one.AFRelationship), one.EF.F.read_bytes()) for one in pdf.Root.AF
        }
        assert len(pdf.pages) == 1
    assert inside.pop(file_name(long_one)) == ("/Supplement", file_of(long_one))
    assert inside == ({"factur-x.xml": ("/Data", made.xml)} if profile == Profile.FACTUR_X else {})
    assert made.xml.count(b"Site 199") == 2, "the e-invoice has every line"


@pytest.mark.django_db
def test_an_invoice_of_many_services_is_rolled_up_everywhere(usage: FakeUsage) -> None:
    line = a_contract(prices=(("recurring", "", "30", "0"),))
    contract, count = line.contract, MOST_ON_THE_PAGE
    more = ContractLine.objects.bulk_create(
        ContractLine(
            organisation=line.organisation, contract=contract, position=2 + number,
            name=f"Site {number}", plan=line.plan, product="site",
        )
        for number in range(count)
    )  # fmt: skip
    LinePrice.objects.bulk_create(
        LinePrice(organisation=line.organisation, line=one, kind="recurring", unit_price=2)
        for one in more
    )
    for one in (line, *more):
        usage.exists(one, NOVEMBER.start, NOVEMBER.end)
    a_run()
    issued = invoicing.issue(Invoice.objects.get(), at=OPENED, by="anna")
    assert issued.document is not None
    snapshot = from_json(issued.document.snapshot)
    (row,) = rows_of(snapshot.lines)
    assert (row.name, len(row.lines)) == ("My site: base price, November 2026", count + 1)
    assert row.net_minor == issued.net_minor == 3000 + count * 200

    user = get_user_model().objects.create_user("anna", password="x")
    Member.objects.create(organisation=a_provider(), user=user, role="accountant")
    client = Client()
    client.force_login(user)
    page = client.get(f"/invoices/{issued.reference}").content.decode()
    assert f'Base prices <span class="muted">{count + 1} lines</span>' in page
    assert "Site 7" not in page
    answer = client.get(f"/invoices/{issued.reference}/lines.csv")
    assert answer.content == file_of(snapshot)
    assert f"{issued.number}-lines.csv" in answer.headers["Content-Disposition"]
    assert at("2026-11-01") == issued.period_start_at
