"""The JSON door of money: invoices explained and corrected, payments, the bank, the books."""

from typing import Any

import pytest
from django.test import Client

from billing.bank.models import BankItem
from billing.invoicing.models import Invoice
from billing.payments.models import Receipt
from billing.runs.models import BillingRun
from tests.billing.bank.test_importing import IBAN, _file, _movement
from tests.billing.builders import (
    NOVEMBER,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    a_run,
    at,
)
from tests.billing.payments.owed import TOTAL, owed, state_of
from tests.billing.reports.books import some_books
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
PRICES = (("recurring", "", "30", "0"), ("metered", "cpu_hours", "0.05", "10"))
PROBLEM = "application/problem+json"


def get(client: Client, path: str) -> Any:
    return client.get(f"/api/v1/{path}")


def post(client: Client, path: str, body: Any, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)


def test_an_invoice_is_issued_once_shown_explained_and_credited(usage: FakeUsage) -> None:
    books, buyer = a_provider(), a_customer()
    line = a_contract(buyer, prices=PRICES)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    usage.sample(line, "50", ends_at=at("2026-11-20"))
    a_run()
    biller, payer = signed_in(books, "accountant"), signed_in(buyer, "billing")
    path = f"invoices/{Invoice.objects.get().reference}"

    assert get(payer, path).status_code == 404
    first, again = (post(biller, f"{path}/issue", {}).json() for _ in range(2))
    shown = get(payer, path).json()
    lines = get(payer, f"{path}/lines").json()["results"]
    why = get(payer, f"{path}/lines/2").json()

    assert first["number"] == again["number"] == shown["number"] != ""
    assert (shown["net_minor"], shown["tax_minor"], shown["open_minor"]) == (3200, 640, 3840)
    assert {one["position"]: one["net_minor"] for one in lines} == {1: 3000, 2: 200}
    assert (why["meter"], why["used_quantity"], why["included_quantity"]) == (
        "cpu_hours", "50.000000000", "10.000000000",
    )  # fmt: skip
    assert [one["node"] for one in why["samples"]] == ["node-1"]
    table = b"".join(get(payer, f"{path}/csv").streaming_content).decode()
    assert table.splitlines()[0].startswith("position,description,quantity")
    wish = {"why": "A gift.", "parts": [{"position": 1, "net_minor": 1000}]}
    assert post(payer, f"{path}/credit", wish, key="c1").status_code == 403
    notes = [post(biller, f"{path}/credit", wish, key="c1").json() for _ in range(2)]
    assert (notes[0]["kind"], notes[0]["total_minor"]) == ("credit_note", 1200)
    assert notes[0] == notes[1]
    assert get(payer, path).json()["open_minor"] == 2640
    more = {"why": "x", "parts": [{"position": 1, "net_minor": 9000}]}
    refused = post(biller, f"{path}/credit", more, key="c2")
    assert (refused.status_code, refused.headers["Content-Type"]) == (409, PROBLEM)
    assert len(get(payer, "invoices?kind=credit_note").json()["results"]) == 1


def test_a_payment_is_recorded_once_taken_off_and_refunded(usage: FakeUsage) -> None:
    first, second = owed(usage, 2)
    biller = signed_in(first.issuer, "accountant")
    payer = signed_in(first.organisation, "billing")
    wish = {"invoice": first.reference, "minor": TOTAL, "received_on": "2026-12-02"}

    made = [post(biller, "payments", wish, key="p1").json() for _ in range(2)]
    path = f"payments/{made[0]['reference']}"
    assert (made[0]["reference"], Receipt.objects.count()) == (made[1]["reference"], 1)
    assert state_of(first) == ("paid", TOTAL)
    assert post(payer, "payments", wish, key="p2").status_code == 403
    taken = post(biller, f"{path}/take-off", {"invoice": first.reference, "why": "wrong one"})
    assert (taken.json()["credit_minor"], state_of(first)[0]) == (TOTAL, "issued")
    moved = post(biller, f"{path}/allocate", {"invoice": second.reference, "minor": 600}).json()
    assert (moved["credit_minor"], [one["minor"] for one in moved["shares"]]) == (3000, [600])
    (row,) = get(payer, f"balances/{first.organisation.reference}").json()
    assert (row["open_minor"], row["credit_minor"], row["balance_minor"]) == (6600, 3000, 3600)
    out = {"minor": 3000, "paid_on": "2026-12-03", "why": "asked for"}
    outs = [post(biller, f"{path}/refund", out, key="x1").json() for _ in range(2)]
    assert outs[0] == outs[1]
    assert get(payer, path).json()["credit_minor"] == 0


def test_a_bank_file_is_imported_once_and_its_movements_answered(usage: FakeUsage) -> None:
    books = a_provider(iban=IBAN)
    (invoice,) = owed(usage)
    biller = signed_in(books, "accountant")
    content = _file(_movement("36.00", invoice.number, "1"), _movement("3.00", "?", "2", "DBIT"))

    def upload(body: bytes) -> Any:
        return biller.post("/api/v1/bank-files/import?name=a.xml", body, "application/octet-stream")

    first, again = upload(content), upload(content)
    path = f"movements/{BankItem.objects.get(minor=3600).reference}"
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert upload(b"nothing").status_code == 422
    (proposal,) = get(biller, f"{path}/proposals").json()
    assert (proposal["is_sure"], proposal["shares"][0]["number"]) == (True, invoice.number)
    paid = post(biller, f"{path}/pay", {"numbers": [invoice.number]}).json()
    assert (paid["state"], state_of(invoice)) == ("matched", ("paid", TOTAL))
    assert post(biller, f"{path}/undo", {"why": "wrong"}).json()["state"] == "open"
    unknown = post(biller, f"{path}/pay", {"numbers": ["F-0"]})
    assert (unknown.status_code, list(unknown.json()["errors"])) == (400, ["__all__"])
    assert len(get(biller, "movements?state=open").json()["results"]) == 2


def test_books_are_read_as_tables_and_files_and_written_by_hand(usage: FakeUsage) -> None:
    books = some_books(usage)
    reader = signed_in(books, "accountant")
    path, asked = f"books/{books.reference}", "since=2026-01-01&until=2026-12-31"

    aged = get(reader, f"{path}/reports/aged?until=2026-12-31").json()
    assert [row[0] for row in aged["rows"]] == ["Anna"]
    assert [one["kind"] for one in aged["columns"]][:3] == ["text", "text", "money"]
    balance = get(reader, f"{path}/reports/trial-balance?{asked}").json()
    assert balance["total"][-1] == 0
    table = get(reader, f"{path}/reports/tax?{asked}&file=csv")
    assert table.headers["Content-Disposition"] == 'attachment; filename="tax.csv"'
    assert get(reader, f"{path}/reports/tax?since=2026-02-01&until=2026-01-01").status_code == 400
    page = get(reader, f"{path}/reports/journal?{asked}&page_size=1").json()
    assert get(reader, f"{path}/reports/journal?{asked}&after={page['next']}").json()["rows"]
    named = [row[0] for row in balance["rows"] if row[1] != "Customers"]
    accounts = named[:2]
    legs = [{"account": accounts[0], "minor": 500}, {"account": accounts[1], "minor": -500}]
    wish = {
        "posted_on": "2026-12-01", "currency": "EUR", "description": "A test", "legs": legs,
    }  # fmt: skip
    made = [post(reader, "entries", wish, key="e1") for _ in range(2)]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].json()["reference"] == made[1].json()["reference"]
    undone = post(
        reader, f"entries/{made[0].json()['reference']}/reverse", {"on": "2026-12-02", "why": "no"}
    )
    assert undone.json()["reverses"] == made[0].json()["reference"]
    odd = wish | {"legs": [legs[0], {"account": accounts[1], "minor": -499}]}
    assert post(reader, "entries", odd, key="e2").json()["type"] == "urn:tenantry:unbalanced"
    owner = signed_in(a_customer("Cora"), "owner")
    assert get(owner, f"{path}/reports/aged").status_code == 403


def test_a_run_is_opened_and_its_items_say_why(usage: FakeUsage) -> None:
    books = a_provider()
    a_contract(a_customer())
    biller = signed_in(books, "accountant")
    days = {"first_day": "2026-06-01", "last_day": "2026-06-30"}

    made = post(biller, "billing-runs", days | {"issuer": books.reference})
    assert (made.status_code, BillingRun.objects.count()) == (201, 1)
    assert get(biller, f"billing-runs/{made.json()['reference']}/items").json()["results"] == []
    turned = {"first_day": "2026-06-30", "last_day": "2026-06-01", "issuer": books.reference}
    assert list(post(biller, "billing-runs", turned).json()["errors"]) == ["last_day"]
    assert post(signed_in(a_customer("Dora"), "owner"), "billing-runs", days).status_code == 403


def test_lists_cost_the_same_however_long(
    usage: FakeUsage, django_assert_max_num_queries: Any
) -> None:
    issued = owed(usage, 3)
    biller = signed_in(issued[0].issuer, "accountant")
    for path in ("invoices", "payments", "entries", "movements", "billing-runs"):
        with django_assert_max_num_queries(9):
            assert get(biller, f"{path}?page_size=3").status_code == 200
    page = get(biller, "invoices?page_size=2").json()
    following = biller.get(page["next"]).json()
    seen = [one["reference"] for one in page["results"] + following["results"]]
    assert seen == [one.reference for one in reversed(issued)]
