"""Late payers are reminded, stopped and started again: once per step, and not while it is held."""

from datetime import datetime, timedelta

import pytest
import time_machine

from billing.dunning import queries, services, tasks
from billing.dunning.models import Action, DunningAct, HoldKind
from billing.dunning.services import BadPolicy, Pause, Wanted
from billing.invoicing.models import Invoice
from billing.ledger.services import day_in
from billing.payments.models import Fee, Method
from billing.payments.services import Money, record_payment
from erp.contracts import services as contracts
from erp.contracts.models import Contract
from erp.outbox.models import Mail
from erp.tickets.services import close, open_ticket
from tests.billing.builders import FakeUsage, a_customer, a_provider, a_reseller, at
from tests.billing.payments.owed import TOTAL, owed
from tests.billing.test_at_once import _at_once
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
POLICY = [
    Wanted(5, Action.REMIND), Wanted(14, Action.WARN, 500), Wanted(21, Action.SUSPEND),
    Wanted(35, Action.END),
]  # fmt: skip


@pytest.fixture
def invoice(usage: FakeUsage) -> Invoice:
    """Issued on 1 December and due on the 31st."""
    (made,) = owed(usage)
    services.set_policy(made.issuer, POLICY, at=at("2026-12-01"), by="anna")
    return made


def _after(days: int) -> datetime:
    return at("2026-12-31T12:00") + timedelta(days=days)


def _contract(invoice: Invoice) -> Contract:
    return Contract.objects.get(pk=invoice.contract_id)


def _through(invoice: Invoice, *days: int) -> None:
    for day in days:
        services.take_step(invoice, at=_after(day))


def _pay(invoice: Invoice, when: datetime) -> None:
    money = Money("K-pay", TOTAL, when.date(), Method.TRANSFER)
    record_payment(invoice, money, at=when, by="anna")


def test_the_steps_are_taken_in_order_each_with_its_mail(invoice: Invoice) -> None:
    _through(invoice, *range(30))
    acts = DunningAct.objects.order_by("pk")
    assert [(one.action, one.done_on) for one in acts] == [
        (Action.REMIND, _after(5).date()), (Action.WARN, _after(14).date()),
        (Action.SUSPEND, _after(21).date()),
    ]  # fmt: skip
    contract = _contract(invoice)
    assert (contract.state, contract.state_reason) == (
        "suspended", f"invoice {invoice.number} is not paid",
    )  # fmt: skip
    mails = list(Mail.objects.filter(key__startswith="dunning:").order_by("pk"))
    assert [mail.subject for mail in mails] == [
        f"Reminder: invoice {invoice.number} of Provider",
        f"Invoice {invoice.number} of Provider is overdue",
        f"My site is stopped: invoice {invoice.number} is not paid",
    ]
    assert "My site is stopped on 21 Jan 2027" in mails[1].text
    assert "a fee of 5.00 EUR is claimed" in mails[1].text
    assert "With its fees, 41.00 EUR is to be paid." in mails[1].text
    fee = Fee.objects.get()
    assert (fee.minor, fee.kind, fee.claimed_on) == (500, "reminder", _after(14).date())
    assert "is ended on 4 Feb 2027, and its data is destroyed 14 days later" in mails[2].text


@time_machine.travel(_after(5), tick=False)
def test_the_sweep_takes_a_step_once(invoice: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.take_step, "delay", lambda **keys: tasks.take_step(**keys))
    tasks.sweep_dunning()
    tasks.sweep_dunning()
    tasks.take_step(invoice=invoice.pk)
    tasks.take_step(invoice=invoice.pk)
    assert DunningAct.objects.count() == 1
    assert Mail.objects.filter(key__startswith="dunning:").count() == 1


def test_what_is_paid_is_started_again_by_itself(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    _through(invoice, 5, 14, 21)
    _pay(invoice, _after(22))
    monkeypatch.setattr(tasks.lift, "delay", lambda **keys: tasks.lift(**keys))
    act = DunningAct.objects.get(action=Action.SUSPEND)
    with time_machine.travel(_after(22), tick=False):
        tasks.sweep_lifts()
        tasks.sweep_lifts()
        tasks.lift(act=act.pk)
        tasks.lift(act=act.pk)
    assert _contract(invoice).state == "active"
    assert Mail.objects.filter(subject="My site runs again").count() == 1


def test_it_stays_stopped_when_somebody_else_stopped_it_since(invoice: Invoice) -> None:
    _through(invoice, 5, 14, 21)
    contract = _contract(invoice)
    contracts.resume(contract, at=_after(22), by="anna")
    contracts.suspend(contract, at=_after(23), by="anna", why="abuse")
    _pay(invoice, _after(24))
    assert services.lift(DunningAct.objects.get(action="suspend"), at=_after(24)) is False
    assert _contract(invoice).state == "suspended"


def test_an_unpaid_service_is_ended_after_its_notice(invoice: Invoice) -> None:
    _through(invoice, 5, 14, 21, 34)
    assert _contract(invoice).state == "suspended"
    _through(invoice, 35, 36)
    assert _contract(invoice).state == "ended"


@pytest.mark.parametrize("kind", list(HoldKind))
def test_nothing_happens_while_it_is_held(invoice: Invoice, kind: HoldKind) -> None:
    until = _after(30).date() if kind == HoldKind.PROMISE else None
    of_invoice = None if kind == HoldKind.EXEMPT else invoice
    pause = Pause(kind, "a test", until, of_invoice)
    held = services.hold(invoice.issuer, invoice.organisation, pause, at=_after(0), by="anna")
    _through(invoice, 5, 14, 30)
    assert not DunningAct.objects.exists()
    if until is None:
        for _ in range(2):
            services.end_hold(held, at=_after(31), by="anna")
    _through(invoice, 31)
    assert DunningAct.objects.get().action == Action.REMIND


def test_a_dispute_ends_with_its_ticket(invoice: Invoice) -> None:
    ticket = open_ticket(
        invoice.organisation, subject="Too much", body="Look.", at=_after(1), by="bob"
    )
    pause = Pause(HoldKind.DISPUTE, "too much", None, invoice, ticket)
    services.hold(invoice.issuer, invoice.organisation, pause, at=_after(1), by="anna")
    _through(invoice, 5)
    assert not DunningAct.objects.exists()
    close(ticket, at=_after(6), by="anna")
    _through(invoice, 7)
    assert DunningAct.objects.count() == 1


def test_the_preview_is_what_happens_and_does_nothing(invoice: Invoice) -> None:
    first, last = day_in(invoice.issuer, _after(0)), _after(60).date()
    foreseen = queries.foreseen(invoice.issuer, first, last)
    assert not DunningAct.objects.exists() and not Mail.objects.filter(key__startswith="dunning:")
    _through(invoice, *range(61))
    acts = DunningAct.objects.order_by("pk")
    assert [(one.on, one.step.action) for one in foreseen] == [
        (one.done_on, one.action) for one in acts
    ]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([Wanted(5, Action.SUSPEND)], "only after a warning"),
        ([Wanted(5, Action.WARN), Wanted(6, Action.SUSPEND), Wanted(12, Action.END)], "7 days"),
        ([Wanted(5, Action.WARN), Wanted(6, Action.END)], "7 days"),
        ([Wanted(5, Action.REMIND), Wanted(5, Action.WARN)], "a day of its own"),
        ([Wanted(0, Action.REMIND)], "1 to 365"),
    ],
)
def test_a_policy_that_gives_no_notice_is_refused(steps: list[Wanted], words: str) -> None:
    with pytest.raises(BadPolicy, match=words):
        services.set_policy(a_provider(), steps, at=at("2026-12-01"), by="anna")


@pytest.mark.django_db(transaction=True)
def test_two_workers_take_a_step_and_lift_once(invoice: Invoice) -> None:
    _through(invoice, 5, 14)
    calls = [lambda: services.take_step(invoice, at=_after(21))] * 3
    assert _at_once(*calls) == ["done"] * 3
    assert DunningAct.objects.filter(action=Action.SUSPEND).count() == 1
    _pay(invoice, _after(22))
    act = DunningAct.objects.get(action=Action.SUSPEND)
    assert _at_once(*[lambda: services.lift(act, at=_after(22))] * 3) == ["done"] * 3
    assert _contract(invoice).state == "active"
    assert Mail.objects.filter(key__endswith=":lifted").count() == 1


@time_machine.travel(_after(1), tick=False)
def test_an_accountant_keeps_the_policy_and_looks_ahead(invoice: Invoice) -> None:
    accountant = signed_in(invoice.issuer, "accountant")
    page = accountant.get("/dunning/?until=2027-01-25").content.decode()
    assert all(word in page for word in ("5 Jan 2027", "21 Jan 2027", "Suspend the service"))
    bad = accountant.post("/dunning/policy", {"steps": "3; suspend"})
    assert (bad.status_code, "only after a warning" in bad.content.decode()) == (422, True)
    assert accountant.post("/dunning/policy", {"steps": "3; x"}).status_code == 422
    assert accountant.post("/dunning/policy", {"steps": "3; remind; 2.50"}).status_code == 302
    promise = {"kind": "promise", "whom": invoice.number, "why": "on Friday"}
    assert accountant.post("/dunning/hold", promise).status_code == 422
    promise |= {"until_on": "2027-01-20"}
    assert accountant.post("/dunning/hold", promise).status_code == 302
    page = accountant.get("/dunning/?until=2027-01-10").content.decode()
    assert "Nothing would happen" in page and "on Friday" in page
    held = queries.standing_holds(invoice.issuer).get()
    assert accountant.post("/dunning/hold/end", {"hold": held.pk}).status_code == 302
    assert "3 Jan 2027" in accountant.get("/dunning/?until=2027-01-10").content.decode()


def test_a_reseller_keeps_its_own_policy_and_a_customer_none(invoice: Invoice) -> None:
    reseller = a_reseller()
    manager = signed_in(reseller, "reseller_manager")
    assert invoice.number not in manager.get("/dunning/?until=2027-03-01").content.decode()
    assert manager.get(f"/dunning/?books={invoice.issuer.reference}").status_code == 404
    assert signed_in(a_customer("Zoe"), "owner").get("/dunning/").status_code == 403
