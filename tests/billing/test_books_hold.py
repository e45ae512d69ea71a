"""A year with all that happens to money, and the proof of its books at the end."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.bank.matching import accept, accept_sure, book_charge, book_run, went_back
from billing.bank.models import BankItem
from billing.bank.services import import_file
from billing.dunning import services as dunning
from billing.dunning.models import Action
from billing.invoicing.credits import Part, Wish, credit, issue_anew
from billing.invoicing.models import Invoice
from billing.ledger.models import Account
from billing.ledger.proof import prove
from billing.ledger.years import close_year
from billing.payments.excess import free
from billing.payments.fees import waive
from billing.payments.models import Fee, Method, Receipt
from billing.payments.queries import in_excess
from billing.payments.services import settle_difference
from billing.reports import fec
from billing.reports.statements import statement
from billing.reports.table import Asked
from billing.sepa import queries, runs, transfers
from billing.sepa.models import Debit
from config.audit import violations
from erp.customers.models import Organisation
from tests.billing.bank.test_importing import _file, _movement
from tests.billing.builders import OPENED, FakeUsage, a_customer, at
from tests.billing.payments.owed import owed, state_of
from tests.billing.reports.fec_rules import faults
from tests.billing.sepa.debtors import THEIRS, a_seller, prepared, settled, signed

pytestmark = pytest.mark.django_db
NEW_YEAR = at("2027-01-08T10:00")


def _broken() -> list[str]:
    return [sentence for found in violations().values() for sentence in found]


def _import(books: Organisation, *movements: str) -> list[BankItem]:
    file, _ = import_file(books, "a.xml", _file(*movements), at=NEW_YEAR, by="anna")
    return list(BankItem.objects.filter(statement__file=file).order_by("pk"))


def _debited(books: Organisation, usage: FakeUsage) -> Debit:
    """Two invoices debited; the bank shows the sum, and takes one back with its charge."""
    payer = a_customer("Debited", books, iban=THEIRS)
    signed(payer)
    owed(usage, 2, buyer=payer)
    run = prepared(books)
    runs.send(run, at=OPENED, by="anna")
    first, _second = settled(run)
    back = f"<Refs><EndToEndId>{first}</EndToEndId></Refs><RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf>"
    whole = _movement("72.00", "", "D1").replace(
        "<TxDtls>", f"<Btch><MsgId>{run}</MsgId></Btch><TxDtls>"
    )
    total, returned = _import(books, whole, _movement("39.00", "", "D2", "DBIT", more=back))
    book_run(total, run, at=NEW_YEAR, by="anna")
    assert first.receipt is not None
    went_back(returned, first.receipt, at=NEW_YEAR, by="anna")
    return first


def _late(books: Organisation, usage: FakeUsage) -> None:
    """A reminder with a fee, paid with the invoice; another one whose fee is waived."""
    dunning.set_policy(books, [dunning.Wanted(5, Action.REMIND, 300)], at=OPENED, by="anna")
    one, two = owed(usage, 2, buyer=a_customer("Late", books))
    for invoice in (one, two):
        dunning.take_step(invoice, at=NEW_YEAR)
    _import(books, _movement("39.00", one.number, "L1"))
    assert accept_sure(books, at=NEW_YEAR, by="anna") == 1
    waive(Fee.objects.get(invoice=two), at=NEW_YEAR, by="anna", why="kind")
    (charge,) = _import(books, _movement("2.10", "charges", "L2", "DBIT"))
    book_charge(charge, at=NEW_YEAR, by="anna", why="December")


def _corrected(books: Organisation, usage: FakeUsage) -> None:
    """A paid invoice issued anew, one credited in part after payment, its credit refunded."""
    buyer = a_customer("Corrected", books, iban=THEIRS)
    one, two, three = owed(usage, 3, buyer=buyer)
    _import(books, _movement("36.00", one.number, "C1"), _movement("36.00", two.number, "C2"),
            _movement("35.99", three.number, "C3"))  # fmt: skip
    accept_sure(books, at=NEW_YEAR, by="anna")
    for item in BankItem.objects.filter(state="open", minor=3599):
        _accept(item, three)
    three.refresh_from_db()
    settle_difference(
        three, key="K-W", method=Method.WRITE_OFF, why="a cent", at=NEW_YEAR, by="anna"
    )
    _, anew = issue_anew(one, key="K-A", why="Wrong name", at=NEW_YEAR, by="anna")
    credit(two, Wish("K-C", "Down", [Part(1, net_minor=1000)]), at=NEW_YEAR, by="anna")
    for invoice in list(in_excess()):
        free(invoice, at=NEW_YEAR)
    assert state_of(anew) == ("paid", 3600)
    receipts = [one.pk for one in queries.refundable(books) if one.organisation_id == buyer.pk]
    wish = transfers.Wish("K-T", date(2027, 1, 11), receipts)
    run = transfers.prepare(books, wish, at=NEW_YEAR, by="anna")
    assert run.total_minor == 1200
    runs.send(run, at=NEW_YEAR, by="anna")


def _accept(item: BankItem, invoice: Invoice) -> None:
    accept(item, invoice.organisation, {invoice.pk: item.minor}, at=NEW_YEAR, by="anna")


@pytest.fixture
def books(usage: FakeUsage) -> Organisation:
    seller = a_seller()
    Organisation.objects.filter(pk=seller.pk).update(legal_id="732829320")
    seller.refresh_from_db()
    debit = _debited(seller, usage)
    debit.refresh_from_db()
    assert (debit.state, Fee.objects.get().minor) == ("returned", 750)
    _late(seller, usage)
    _corrected(seller, usage)
    close_year(seller, start=date(2026, 1, 1), at=NEW_YEAR, by="anna")
    return seller


def test_after_all_that_happens_to_money_no_law_is_broken_and_the_books_are_proven(
    books: Organisation,
) -> None:
    assert _broken() == []
    said = StringIO()
    call_command("verify_books", stdout=said)
    line = said.getvalue().strip()
    proof = prove(books)
    assert line == f"{books.reference}:{proof.entries}:{proof.hash}"
    call_command("verify_books", noted=[line], stdout=StringIO())
    for year in (date(2026, 1, 1), date(2027, 1, 1)):
        content = b"".join(fec.lines(books, year))
        assert faults(fec.name_of(books, year), content) == []
    for customer in Organisation.objects.filter(parent=books):
        table = statement(customer, Asked(date(2026, 1, 1), date(2027, 12, 31), "EUR"))
        account = Account.objects.get(party=customer)
        on_account = sum(leg.minor for leg in account.postings.all())
        left = sum(one.credit_minor for one in Receipt.objects.filter(organisation=customer))
        assert table.total is not None
        assert table.total[-1] == on_account - left


def test_what_is_no_note_or_does_not_agree_is_refused_in_words() -> None:
    with pytest.raises(CommandError, match="is not BOOKS:COUNT:HASH"):
        call_command("verify_books", noted=["nonsense"], stdout=StringIO())
    with pytest.raises(CommandError, match="do not hold"):
        call_command("verify_books", noted=["O-00000000:1:x"], stdout=StringIO())
