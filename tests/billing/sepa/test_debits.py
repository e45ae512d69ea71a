"""Direct debits: told before, settled on their day, never twice, and undone when they come back."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import DatabaseError, transaction

from billing.bank.matching import book_run, went_back
from billing.bank.models import BankItem
from billing.bank.services import import_file
from billing.dunning import services as dunning
from billing.dunning.models import Action, DunningAct, HoldKind
from billing.dunning.services import Pause, Wanted
from billing.ledger.models import Account
from billing.payments.credit import Out, take_back
from billing.payments.models import Fee, PayoutKind, Receipt
from billing.payments.services import Money, record_payment
from billing.sepa import answers, debits, queries, runs, services, tasks
from billing.sepa.debits import BadDay, NothingToCollect
from billing.sepa.models import Debit, Mandate, SepaRun
from billing.sepa.services import BadMandate, NoCreditor
from config.audit import violations
from erp.base.lifecycle import IllegalMove
from erp.outbox.models import Mail
from tests.billing.bank.test_importing import _file, _movement
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_provider
from tests.billing.payments.owed import TOTAL, owed, state_of
from tests.billing.sepa.debtors import (
    DUE,
    ON_THE_DAY,
    a_seller,
    prepared,
    settled,
    signed,
    to_collect,
)
from tests.billing.test_at_once import _at_once

pytestmark = pytest.mark.django_db
LATER = ON_THE_DAY + timedelta(days=6)


def _balance(part: str) -> int:
    accounts = Account.objects.filter(part=part)
    return sum(leg.minor for one in accounts for leg in one.postings.all())


def _broken() -> list[str]:
    return [sentence for found in violations().values() for sentence in found]


def _sent(usage: FakeUsage, count: int = 1) -> SepaRun:
    to_collect(usage, count)
    run = prepared(a_provider())
    runs.send(run, at=OPENED, by="anna")
    return run


def _report(run: SepaRun, debit: Debit, code: str = "AC04") -> bytes:
    reason = f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>"
    one = f"<OrgnlEndToEndId>{debit}</OrgnlEndToEndId><TxSts>RJCT</TxSts>{reason}"
    batch = f"<OrgnlPmtInfAndSts><TxInfAndSts>{one}</TxInfAndSts></OrgnlPmtInfAndSts>"
    about = f"<OrgnlGrpInfAndSts><OrgnlMsgId>{run}</OrgnlMsgId></OrgnlGrpInfAndSts>"
    return f"<Document><CstmrPmtStsRpt>{about}{batch}</CstmrPmtStsRpt></Document>".encode()


def test_what_is_due_is_debited_once_told_before_and_paid_on_its_day(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = to_collect(usage, 2)
    run = prepared(one.issuer)
    assert prepared(one.issuer) == run
    assert (run.orders, run.total_minor, run.on) == (2, 2 * TOTAL, DUE)
    assert [debit.sequence for debit in run.debits.all()] == ["FRST", "RCUR"]
    with pytest.raises(NothingToCollect):
        prepared(one.issuer, "K-2")
    runs.send(run, at=OPENED, by="anna")
    monkeypatch.setattr(tasks.work_through, "delay", lambda **keys: tasks.work_through(**keys))
    with time_machine.travel(OPENED, tick=False):
        tasks.sweep_runs()
        tasks.sweep_runs()
    told = Mail.objects.filter(key__startswith="debit_announced:")
    assert (told.count(), state_of(one)) == (2, ("issued", 0))
    assert "from your account ending in 3000, by the mandate Z-" in told.first().text  # type: ignore[union-attr]
    with time_machine.travel(ON_THE_DAY, tick=False):
        tasks.sweep_runs()
        tasks.work_through(run=run.pk)
        tasks.work_through(run=run.pk)
    assert [state_of(one), state_of(two)] == [("paid", TOTAL)] * 2
    run.refresh_from_db()
    assert (run.state, Receipt.objects.count()) == ("done", 2)
    assert (_balance("transit"), _balance("bank"), _balance("receivable")) == (2 * TOTAL, 0, 0)
    assert Mandate.objects.get().last_used_on == DUE
    assert _broken() == []


def test_the_sum_on_the_account_clears_what_was_on_its_way(usage: FakeUsage) -> None:
    run = _sent(usage, 2)
    settled(run)
    text = f"<Btch><MsgId>{run}</MsgId></Btch>"
    movement = _movement("72.00", "", "1").replace("<TxDtls>", f"{text}<TxDtls>")
    import_file(run.organisation, "a.xml", _file(movement), at=OPENED, by="anna")
    item = BankItem.objects.get()
    assert queries.answered_by(run.organisation, item.batch, item.end_to_end) == run
    book_run(item, run, at=OPENED, by="anna")
    assert (_balance("transit"), _balance("bank")) == (0, 2 * TOTAL)
    assert Receipt.objects.count() == 2
    assert _broken() == []


def test_a_debit_that_comes_back_opens_the_invoice_with_fee_mail_and_reminders(
    usage: FakeUsage,
) -> None:
    run = _sent(usage)
    (debit,) = settled(run)
    invoice = debit.invoice
    dunning.set_policy(invoice.issuer, [Wanted(5, Action.REMIND)], at=OPENED, by="anna")
    back = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
    refs = f"<Refs><EndToEndId>{debit}</EndToEndId></Refs>"
    movement = _movement("39.50", "", "2", "DBIT", more=refs + back)
    import_file(run.organisation, "a.xml", _file(movement), at=LATER, by="anna")
    item = BankItem.objects.get()
    assert debit.receipt is not None
    for _ in range(2):
        went_back(item, debit.receipt, at=LATER, by="anna")
    debit.refresh_from_db()
    assert (debit.state, debit.code, state_of(invoice)) == ("returned", "AC04", ("issued", 0))
    mandate = Mandate.objects.get()
    assert (mandate.state, mandate.returns) == ("failed", 1)
    assert (Fee.objects.get().minor, _balance("bank_charges")) == (750, 350)
    assert (_balance("bank"), _balance("transit")) == (-3950, TOTAL)
    mail = Mail.objects.get(key=f"debit_returned:{debit}")
    assert "the account is closed (AC04)" in mail.text and "7.50 EUR is claimed" in mail.text
    assert "Your mandate cannot be used any more" in mail.text
    dunning.take_step(invoice, at=LATER)
    assert DunningAct.objects.get().action == Action.REMIND
    with pytest.raises(NothingToCollect):
        prepared(invoice.issuer, "K-9", date(2027, 1, 15))
    assert _broken() == []


def test_a_return_that_is_recorded_by_hand_marks_the_debit_by_the_sweep(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _sent(usage)
    (debit,) = settled(run)
    assert debit.receipt is not None
    out = Out("K-5", PayoutKind.RETURNED, TOTAL, LATER.date(), "no money")
    take_back(debit.receipt, out, at=LATER, by="anna")
    monkeypatch.setattr(tasks.mark_returned, "delay", lambda **keys: tasks.mark_returned(**keys))
    tasks.sweep_runs()
    tasks.sweep_runs()
    tasks.mark_returned(debit=debit.pk)
    tasks.mark_returned(debit=debit.pk)
    debit.refresh_from_db()
    assert (debit.state, Mandate.objects.get().state) == ("returned", "active")
    assert (Fee.objects.count(), Mandate.objects.get().returns) == (1, 1)


def test_what_the_bank_refuses_may_be_debited_again_after_a_new_mandate(usage: FakeUsage) -> None:
    run = _sent(usage, 2)
    first, second = run.debits.all()
    report = _report(run, first)
    assert answers.take(run.organisation, report, at=OPENED, by="anna")[1] == 1
    assert answers.take(run.organisation, report, at=OPENED, by="anna")[1] == 0
    settled(run)
    assert (state_of(first.invoice), state_of(second.invoice)) == (("issued", 0), ("paid", TOTAL))
    with pytest.raises(NothingToCollect):
        prepared(run.organisation, "K-2")
    signed(first.organisation, signed_on=date(2026, 11, 30))
    again = prepared(run.organisation, "K-3")
    assert [one.invoice for one in again.debits.all()] == [first.invoice]
    assert _broken() == []


def test_a_refusal_after_the_day_is_undone_without_a_movement_of_the_bank(
    usage: FakeUsage,
) -> None:
    run = _sent(usage)
    (debit,) = settled(run)
    answers.take(run.organisation, _report(run, debit, "AM04"), at=LATER, by="anna")
    debit.refresh_from_db()
    assert (debit.state, state_of(debit.invoice)) == ("returned", ("issued", 0))
    assert (_balance("transit"), _balance("bank"), Mandate.objects.get().state) == (0, 0, "active")
    assert _broken() == []


def test_a_file_is_cancelled_only_before_a_bank_has_it(usage: FakeUsage) -> None:
    (invoice,) = to_collect(usage)
    run = prepared(invoice.issuer)
    assert invoice.holds.get().kind == HoldKind.DEBIT
    runs.cancel(run, at=OPENED, by="anna", why="wrong day")
    assert invoice.holds.get().ended_at == OPENED
    other = prepared(invoice.issuer, "K-2")
    runs.send(other, at=OPENED, by="anna")
    with pytest.raises(IllegalMove):
        runs.cancel(other, at=OPENED, by="anna", why="late")
    assert settled(run)[0].state == "cancelled"
    assert state_of(invoice) == ("issued", 0)


def test_what_was_paid_otherwise_in_the_meantime_is_credit(usage: FakeUsage) -> None:
    run = _sent(usage)
    (debit,) = run.debits.all()
    record_payment(debit.invoice, Money("K-1", 1000, DUE), at=OPENED, by="anna")
    (debit,) = settled(run)
    assert debit.receipt is not None
    debit.receipt.refresh_from_db()
    assert (state_of(debit.invoice), debit.receipt.credit_minor) == (("paid", TOTAL), 1000)
    assert _broken() == []


def test_what_is_disputed_is_not_debited_and_the_day_must_be_told_before(usage: FakeUsage) -> None:
    one, two = to_collect(usage, 2)
    pause = Pause(HoldKind.DISPUTE, "wrong", invoice=one)
    dunning.hold(one.issuer, one.organisation, pause, at=OPENED, by="anna")
    assert [row.invoice for row in queries.planned(one.issuer, "CORE", DUE)] == [two]
    assert queries.planned(one.issuer, "B2B", DUE) == []
    with pytest.raises(BadDay, match="the first day is 2026-12-15"):
        prepared(one.issuer, on=date(2026, 12, 14))
    with pytest.raises(BadDay, match="closed on 2027-01-01: the next day is 2027-01-04"):
        prepared(one.issuer, on=date(2027, 1, 1))
    assert not SepaRun.objects.exists()


def test_a_mandate_needs_a_creditor_an_account_and_a_day_that_was(usage: FakeUsage) -> None:
    debtor = a_customer()
    with pytest.raises(NoCreditor):
        signed(debtor)
    with pytest.raises(NoCreditor, match="its digits do not agree"):
        services.set_creditor(
            a_provider(), "FR00ZZZ123456", notice_days=14, return_fee_minor=0, at=OPENED, by="anna"
        )
    a_seller()
    with pytest.raises(BadMandate, match="compare it again"):
        signed(debtor, iban="DE00370400440532013000")
    with pytest.raises(BadMandate, match="in the future"):
        signed(debtor, signed_on=date(2027, 1, 1))
    first = signed(debtor)
    assert signed(debtor) == first
    second = signed(debtor, iban="FR7630006000011234567890189")
    first.refresh_from_db()
    assert (first.state, second.state) == ("revoked", "active")


def test_a_mandate_for_once_and_a_last_one_end_with_their_debit(usage: FakeUsage) -> None:
    one, two = to_collect(usage, 2)
    signed(one.organisation, kind="one_off", signed_on=date(2026, 11, 2))
    run = prepared(one.issuer)
    runs.send(run, at=OPENED, by="anna")
    assert [debit.sequence for debit in settled(run)] == ["OOFF"]
    assert Mandate.objects.get(kind="one_off").state == "ended"
    last = signed(one.organisation, signed_on=date(2026, 11, 3))
    services.make_last(last, at=OPENED, by="bob")
    final = prepared(one.issuer, "K-2")
    runs.send(final, at=OPENED, by="anna")
    assert [(debit.sequence, debit.invoice) for debit in settled(final)] == [("FNAL", two)]
    assert Mandate.objects.get(pk=last.pk).state == "ended"


def test_what_was_signed_or_given_to_a_bank_never_changes(usage: FakeUsage) -> None:
    run = _sent(usage)
    for rows, change in (
        (Mandate.objects.all(), {"iban": "FR7630006000011234567890189"}),
        (SepaRun.objects.all(), {"content": b"x"}),
        (Debit.objects.all(), {"minor": 1}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
    assert runs.pending(run, 5) == list(run.debits.all())


@pytest.mark.django_db(transaction=True)
def test_two_files_at_once_debit_nothing_twice(usage: FakeUsage) -> None:
    (invoice,) = to_collect(usage)
    calls = [lambda key=key: prepared(invoice.issuer, key) for key in ("K-1", "K-2")]
    assert _at_once(*calls) == ["done", "nothing_to_collect"]
    assert Debit.objects.count() == 1
    run = SepaRun.objects.get()
    runs.send(run, at=OPENED, by="anna")
    debit = Debit.objects.get()
    assert _at_once(*[lambda: debits.settle(debit, at=ON_THE_DAY)] * 3) == ["done"] * 3
    assert (Receipt.objects.count(), state_of(invoice)) == (1, ("paid", TOTAL))


def test_without_a_mandate_nothing_is_planned(usage: FakeUsage) -> None:
    a_seller()
    (invoice,) = owed(usage)
    assert queries.planned(invoice.issuer, "CORE", DUE) == []
