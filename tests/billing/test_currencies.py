"""A currency without cents and one with three decimals, from the price to the bank."""

from decimal import Decimal

import pytest

from billing.bank import matching
from billing.bank.models import BankItem
from billing.bank.services import import_file
from billing.documents import services as documents
from billing.documents.page import context_of
from billing.documents.snapshot import from_json
from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.ledger.models import Entry
from config.audit import violations
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    a_run,
    at,
)

pytestmark = pytest.mark.django_db
IBAN = "FR7630006000011234567890189"


@pytest.mark.parametrize(
    ("currency", "base", "used", "minors", "printed", "told", "paid"),
    [
        # 30.4 yen are rounded to 30; 20 % of 1,230 are 246.
        ("JPY", "1200", "0.304", (1200, 30, 246, 1476), "JP¥1,476", "1476.00", "1476"),
        # 3.3350 and 0.03040 dinars; 20 % of 3.365 are 0.673.
        ("KWD", "3.335", "0.000304", (3335, 30, 673, 4038), "KWD\xa04.038", "4.038", "4.038"),
    ],
)
def test_a_currency_keeps_its_decimals_from_the_price_to_the_bank(
    usage: FakeUsage,
    currency: str,
    base: str,
    used: str,
    minors: tuple[int, int, int, int],
    printed: str,
    told: str,
    paid: str,
) -> None:
    seller = a_provider(iban=IBAN)
    prices = (("recurring", "", base, "0"), ("metered", "cpu_hours", used, "0"))
    line = a_contract(a_customer(seller=seller), prices=prices, currency=currency)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    usage.sample(line, "100", ends_at=at("2026-11-20"))
    a_run()
    invoice = invoicing.issue(Invoice.objects.get(), at=OPENED, by="anna")
    first, second, tax, total = minors
    assert [one.net_minor for one in invoice.lines.all()] == [first, second]
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (
        first + second, tax, total,
    )  # fmt: skip

    entry = Entry.objects.get(key=f"invoice:{invoice.reference}")
    assert (entry.currency, sorted(entry.amounts.values())) == (
        currency, sorted([total, -tax, -first, -second]),
    )  # fmt: skip

    document = invoice.document
    assert document is not None
    snapshot = from_json(document.snapshot)
    assert context_of(snapshot)["totals"][-1]["amount"] == printed
    documents.render(document, at=OPENED, by="test")
    document.refresh_from_db()
    assert (document.state, document.fatals) == ("stored", 0), document.state_reason
    assert f"GrandTotalAmount>{told}<".encode() in bytes(document.xml or b"")
    of_decimals = [one for one in document.findings if one["rule"].startswith("BR-DEC-")]
    assert bool(of_decimals) == bool(document.findings) == (currency == "KWD")

    movement = (
        f'<Ntry><Amt Ccy="{currency}">{paid}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>'
        "<BookgDt><Dt>2026-12-02</Dt></BookgDt><AcctSvcrRef>1</AcctSvcrRef><NtryDtls><TxDtls>"
        f"<RmtInf><Ustrd>{invoice.number}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )
    account = f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>{currency}</Ccy></Acct>"
    statement = f"<Stmt><Id>1</Id>{account}{movement}</Stmt>"
    content = f"<Document><BkToCstmrStmt>{statement}</BkToCstmrStmt></Document>".encode()
    import_file(seller, "a.xml", content, at=OPENED, by="anna")
    item = BankItem.objects.get()
    assert item.minor == total
    matching.accept_sure(seller, at=OPENED, by="anna")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid_minor) == ("paid", total)
    assert Decimal(paid) == invoice.total.decimal()
    assert {law: found for law, found in violations().items() if found} == {}
