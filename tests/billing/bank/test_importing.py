"""Files of banks in the books: each file and movement once, matched, undone, by two at once."""

from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from billing.bank import matching
from billing.bank.models import BankFile, BankItem, BankStatement
from billing.bank.services import import_file
from billing.bank.statement import BadFile
from billing.ledger.models import Account, Entry
from billing.payments.models import PaymentAllocation, Receipt
from billing.payments.services import Money, record_payment
from config.audit import violations
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, FakeUsage, a_provider
from tests.billing.payments.owed import TOTAL, owed, state_of
from tests.billing.test_at_once import _at_once

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "golden"
IBAN = "FR7630006000011234567890189"


def _movement(amount: str, text: str, own: str = "", side: str = "CRDT", more: str = "") -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts>'
        f"<BookgDt><Dt>2026-12-02</Dt></BookgDt><AcctSvcrRef>{own}</AcctSvcrRef><NtryDtls>"
        f"<TxDtls><RmtInf><Ustrd>{text}</Ustrd></RmtInf>{more}</TxDtls></NtryDtls></Ntry>"
    )


def _file(*movements: str) -> bytes:
    account = f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>"
    inner = f"<Id>1</Id>{account}{''.join(movements)}"
    return f"<Document><BkToCstmrStmt><Stmt>{inner}</Stmt></BkToCstmrStmt></Document>".encode()


@pytest.fixture
def books(usage: FakeUsage) -> Organisation:
    return a_provider(iban=IBAN)


def _import(books: Organisation, *movements: str) -> list[BankItem]:
    file, _ = import_file(books, "a.xml", _file(*movements), at=OPENED, by="anna")
    return list(BankItem.objects.filter(statement__file=file).order_by("pk"))


def _balance(part: str) -> int:
    accounts = Account.objects.filter(part=part)
    return sum(leg.minor for one in accounts for leg in one.postings.all())


def _broken() -> list[str]:
    return [sentence for found in violations().values() for sentence in found]


def test_a_file_imported_twice_changes_nothing(books: Organisation) -> None:
    content = (GOLDEN / "camt053-02.xml").read_bytes()
    first, is_new = import_file(books, "a.xml", content, at=OPENED, by="anna")
    again, is_new_again = import_file(books, "b.xml", content, at=OPENED, by="bob")
    assert (first, is_new, is_new_again) == (again, True, False)
    assert (first.lines, first.new_lines, BankItem.objects.count()) == (4, 4, 4)


def test_what_another_file_brings_again_is_known(books: Organisation) -> None:
    one, two, three = (_movement("1.00", "same"), _movement("1.00", "same"), _movement("2.00", "x"))
    assert len(_import(books, one)) == 1
    assert len(_import(books, one, two, three)) == 2
    assert BankFile.objects.first().new_lines == 2  # type: ignore[union-attr]
    assert sorted(BankItem.objects.values_list("minor", flat=True)) == [100, 100, 200]


def test_a_file_of_another_account_is_refused_and_nothing_is_kept(books: Organisation) -> None:
    with pytest.raises(BadFile, match="choose the right books"):
        import_file(books, "x", (GOLDEN / "german.sta").read_bytes(), at=OPENED, by="anna")
    assert not BankFile.objects.exists()


def test_a_missing_file_in_between_is_noticed(books: Organisation) -> None:
    first = (GOLDEN / "camt053-02.xml").read_bytes()
    second = (GOLDEN / "camt053-08.xml").read_bytes()
    import_file(books, "1", first, at=OPENED, by="anna")
    second = second.replace(b">204.50<", b">304.50<").replace(b">168.50<", b">268.50<")
    import_file(books, "2", second, at=OPENED, by="anna")
    warnings = list(BankStatement.objects.order_by("pk").values_list("warning", flat=True))
    assert warnings[0] == ""
    assert (
        "begins with 304.50 EUR, and the statement of 2026-12-02 ended with 204.50 EUR"
        in (warnings[1])
    )


def test_sure_payments_are_accepted_by_one_click_and_the_rest_stays_open(
    books: Organisation, usage: FakeUsage
) -> None:
    one, two, three = owed(usage, 3)
    _import(
        books,
        _movement("36.00", one.number, "1"),
        _movement("36.00", one.number, "2"),
        _movement("72.00", f"{two.number} {three.number}", "3"),
        _movement("10.00", "hello", "4"),
    )
    assert matching.accept_sure(books, at=OPENED, by="anna") == 2
    assert matching.accept_sure(books, at=OPENED, by="anna") == 0
    assert [state_of(invoice) for invoice in (one, two, three)] == [("paid", TOTAL)] * 3
    states = BankItem.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["matched", "open", "matched", "open"]
    assert _balance("bank") == 10800
    assert _broken() == []


def test_an_overpayment_becomes_credit(books: Organisation, usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    (item,) = _import(books, _movement("40.00", invoice.number))
    matching.accept(item, invoice.organisation, {invoice.pk: TOTAL}, at=OPENED, by="anna")
    assert (state_of(invoice), Receipt.objects.get().credit_minor) == (("paid", TOTAL), 400)
    assert _broken() == []


def test_an_answer_is_taken_back_and_given_anew(books: Organisation, usage: FakeUsage) -> None:
    first, second = owed(usage, 2)
    (item,) = _import(books, _movement("36.00", "hello"))
    matching.accept(item, first.organisation, {first.pk: TOTAL}, at=OPENED, by="anna")
    matching.undo(item, at=OPENED, by="anna", why="the other one")
    assert (state_of(first), _balance("bank")) == (("issued", 0), 0)
    matching.accept(item, first.organisation, {second.pk: TOTAL}, at=OPENED, by="anna")
    item.refresh_from_db()
    assert (item.state, item.attempts, state_of(second)) == ("matched", 1, ("paid", TOTAL))
    assert (_balance("bank"), _balance("credit_balance")) == (TOTAL, 0)
    assert _broken() == []


def test_a_returned_payment_opens_its_invoice_with_the_reason(
    books: Organisation, usage: FakeUsage
) -> None:
    (invoice,) = owed(usage)
    receipt = record_payment(invoice, Money("K", TOTAL, OPENED.date()), at=OPENED, by="anna")
    reason = "<RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf>"
    (item,) = _import(books, _movement("36.00", invoice.number, "R1", "DBIT", reason))
    for _ in range(2):
        matching.went_back(item, receipt, at=OPENED, by="anna")
    assert (state_of(invoice), _balance("bank")) == (("issued", 0), 0)
    why = "Returned: there is not enough money on the account (AM04)"
    assert PaymentAllocation.objects.get().undone_why == why
    assert _broken() == []


def test_charges_are_booked_and_undone(books: Organisation) -> None:
    (item,) = _import(books, _movement("3.50", "fee", "F1", "DBIT"))
    matching.book_charge(item, at=OPENED, by="anna", why="account fee")
    assert (_balance("bank"), _balance("bank_charges")) == (-350, 350)
    with pytest.raises(matching.AnsweredAlready):
        matching.book_charge(item, at=OPENED, by="anna", why="account fee")
    matching.undo(item, at=OPENED, by="anna", why="wrong")
    matching.set_aside(BankItem.objects.get(), at=OPENED, by="anna", why="a supplier")
    assert (_balance("bank"), BankItem.objects.get().state) == (0, "set_aside")
    assert Entry.objects.count() == 2


def test_the_database_keeps_what_the_bank_said(books: Organisation) -> None:
    _import(books, _movement("1.00", "x"))
    for change in (
        lambda: BankItem.objects.update(minor=2),
        lambda: BankItem.objects.all().delete(),
        lambda: BankItem.objects.update(state="matched"),
        lambda: BankFile.objects.update(sha256="x"),
        lambda: BankStatement.objects.update(closing_minor=1),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


@pytest.mark.django_db(transaction=True)
def test_two_workers_import_and_accept_the_same_once(books: Organisation, usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    content = _file(_movement("36.00", invoice.number), _movement("5.00", "other"))

    def importing() -> object:
        return import_file(books, "a", content, at=OPENED, by="anna")

    assert _at_once(*[importing] * 3) == ["done"] * 3
    assert (BankFile.objects.count(), BankItem.objects.count()) == (1, 2)
    item = BankItem.objects.get(minor=TOTAL)
    calls = [
        lambda: matching.accept(item, invoice.organisation, {invoice.pk: TOTAL}, at=OPENED, by="a"),
        lambda: matching.accept_sure(books, at=OPENED, by="bob"),
        lambda: matching.accept_sure(books, at=OPENED, by="carl"),
    ]
    assert _at_once(*calls) == ["done"] * 3
    assert (Receipt.objects.count(), state_of(invoice)) == (1, ("paid", TOTAL))
    assert _broken() == []
