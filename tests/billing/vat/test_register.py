"""VAT numbers: asked until there is an answer, never guessed, and the answer is evidence."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.invoicing.tax import NotConfirmed
from billing.invoicing.taxation import tax_of
from billing.runs.models import RunItem
from billing.runs.services import retry
from billing.vat import queries, register, services
from billing.vat.models import VatCheck
from billing.vat.tasks import consult_register, sweep_vat_numbers
from erp.customers.models import Member, Organisation
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    a_run,
)
from tests.billing.vat.stand_in import Register, a_register

pytestmark = pytest.mark.django_db
GERMAN = "DE136695976"


@pytest.fixture
def vies(settings: LazySettings) -> Iterator[Register]:
    with a_register() as one:
        settings.VIES_URL = one.url
        yield one


@pytest.fixture
def buyer() -> Organisation:
    return a_customer(country="DE", vat_number=GERMAN)


def asked(buyer: Organisation) -> VatCheck:
    """Ask once and return the question as it stands then."""
    check = services.ask(buyer, at=OPENED)
    services.consult(check, at=OPENED)
    return VatCheck.objects.get(pk=check.pk)


def test_a_valid_number_is_kept_with_its_proof(vies: Register, buyer: Organisation) -> None:
    check = asked(buyer)
    assert (check.state, check.consultation, check.answered_at) == ("valid", "WAPIAAAAY1", OPENED)
    assert vies.questions == [
        {
            "countryCode": "DE",
            "vatNumber": "136695976",
            "requesterMemberStateCode": "FR",
            "requesterNumber": "44732829320",
        }
    ]
    decision = tax_of(a_provider(), buyer, OPENED)
    assert decision.category == "AE"
    assert "VIES answered on 2026-12-01: valid, consultation WAPIAAAAY1." in decision.rule


def test_a_number_that_is_not_valid_bears_the_sellers_tax(
    vies: Register, buyer: Organisation
) -> None:
    vies.answer = {"valid": False, "userError": "INVALID"}
    assert asked(buyer).state == "invalid"
    decision = tax_of(a_provider(), buyer, OPENED)
    assert (decision.category, str(decision.rate)) == ("S", "20")


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (500, {"errorWrappers": [{"error": "MS_UNAVAILABLE"}]}, "MS_UNAVAILABLE"),
        (200, {"valid": False, "userError": "MS_MAX_CONCURRENT_REQ"}, "MS_MAX_CONCURRENT_REQ"),
        (200, b"<html>maintenance</html>", "no JSON"),
        (200, ["valid"], "no answer"),
        (200, {"valid": "true"}, "no field"),
        (200, {"valid": True, "countryCode": "DE", "vatNumber": "999999999"}, "DE999999999"),
        (200, b'{"valid": true, "x": "' + b"x" * 70_000 + b'"}', "more than"),
    ],
)
def test_what_is_no_answer_is_asked_again_and_nothing_is_guessed(
    vies: Register, buyer: Organisation, status: int, answer: object, words: str
) -> None:
    vies.status, vies.answer = status, answer
    check = asked(buyer)
    assert (check.state, check.attempts, check.answered_at) == ("waiting", 1, None)
    assert words in check.last_error
    assert check.next_attempt_at == OPENED + timedelta(seconds=30)
    with pytest.raises(NotConfirmed, match=GERMAN):
        tax_of(a_provider(), buyer, OPENED)


def test_a_register_that_is_down_or_slow_is_asked_again(
    vies: Register, buyer: Organisation, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(register, "ANSWER_SECONDS", 0.2)
    vies.waits = True
    assert "timed out" in asked(buyer).last_error
    settings.VIES_URL = "http://127.0.0.1:9/"
    assert "not reached" in asked(buyer).last_error
    assert VatCheck.objects.get().attempts == 2


def test_the_sweep_asks_who_sells_across_a_border_and_only_them(
    vies: Register, buyer: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_customer("Swiss", country="CH", vat_number="CHE107787577")
    a_customer("French", country="FR", vat_number="FR44732829320")
    a_customer("Without", country="DE")
    monkeypatch.setattr("billing.vat.tasks.now", lambda: OPENED)
    handed: list[int] = []
    monkeypatch.setattr(consult_register, "delay", lambda check: handed.append(check))
    sweep_vat_numbers()
    sweep_vat_numbers()
    check = VatCheck.objects.get()
    assert (check.organisation, handed) == (buyer, [check.pk, check.pk])
    consult_register(check=check.pk)
    consult_register(check=check.pk)
    assert len(vies.questions) == 1
    sweep_vat_numbers()
    assert VatCheck.objects.count() == 1


def test_an_old_answer_is_asked_for_anew_and_then_is_no_evidence(
    vies: Register, buyer: Organisation
) -> None:
    asked(buyer)
    later = OPENED + queries.ASK_AGAIN_AFTER
    assert list(queries.to_ask(OPENED)) == []
    assert list(queries.to_ask(later)) == [buyer]
    assert queries.latest(buyer, at=later) is not None
    assert queries.latest(buyer, at=OPENED + queries.GOOD_FOR) is None


def test_another_number_needs_another_answer(vies: Register, buyer: Organisation) -> None:
    asked(buyer)
    buyer.vat_number = "DE811569869"
    buyer.save()
    assert queries.latest(buyer, at=OPENED) is None
    assert list(queries.to_ask(OPENED)) == [buyer]


def test_a_contract_waits_parked_for_the_answer_and_is_billed_with_it(
    vies: Register, buyer: Organisation, usage: FakeUsage
) -> None:
    line = a_contract(buyer)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    a_run(NOVEMBER)
    item = RunItem.objects.get()
    assert item.outcome == "parked"
    assert "not confirmed by VIES yet" in item.reason
    asked(buyer)
    assert retry(item, at=OPENED, by="anna").outcome == "drafted"
    invoice = invoicing.issue(Invoice.objects.get(), at=OPENED, by="anna")
    assert (invoice.tax_minor, invoice.taxes[0]["category"]) == (0, "AE")
    assert invoice.document is not None
    assert "consultation WAPIAAAAY1" in invoice.document.snapshot["tax_evidence"]


def test_a_person_may_answer_for_a_number_with_a_reason(buyer: Organisation) -> None:
    for _ in range(2):
        services.confirm(buyer, why="Certificate of the tax office", at=OPENED, by="anna")
    check = VatCheck.objects.get()
    assert (check.state, check.state_reason) == ("confirmed", "Certificate of the tax office")
    assert "Certificate of the tax office" in tax_of(a_provider(), buyer, OPENED).rule


def test_answers_never_change(vies: Register, buyer: Organisation) -> None:
    check = asked(buyer)
    for change in ({"state": "invalid"}, {"consultation": "forged"}):
        with pytest.raises(DatabaseError, match="evidence"), transaction.atomic():
            VatCheck.objects.filter(pk=check.pk).update(**change)


def test_nobody_vouches_for_their_own_number(buyer: Organisation) -> None:
    owner, accountant = (Client(), Client())
    for client, organisation, role in (
        (owner, buyer, "owner"),
        (accountant, a_provider(), "accountant"),
    ):
        user = User.objects.create_user(role)
        Member.objects.create(organisation=organisation, user=user, role=role)
        client.force_login(user)
    typed = {"why": "I know them"}
    assert owner.post(f"/vat/{buyer.reference}/confirm", typed).status_code == 403
    assert accountant.post(f"/vat/{buyer.reference}/confirm", {}).status_code == 302
    assert not VatCheck.objects.exists()
    accountant.post(f"/vat/{buyer.reference}/confirm", typed)
    for client in (owner, accountant):
        assert "I know them" in client.get(f"/vat/{buyer.reference}").content.decode()
    assert "Ask VIES now" not in owner.get(f"/vat/{buyer.reference}").content.decode()
