"""Mails: posted once with their cause, sent by a real server, and what it refuses."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction

from erp.base import scope
from erp.base.errors import DomainError
from erp.base.journal import JournalLine
from erp.customers.models import Member, Organisation
from erp.customers.states import Role
from erp.outbox import queries, queue, services, smtp
from erp.outbox.models import Mail, Preference
from erp.outbox.services import Letter
from erp.outbox.states import MAIL_PAUSES, State, Topic
from erp.outbox.tasks import sweep_mails
from erp.ports import Attachment
from tests.erp.builders import NOON, Tree, a_member, a_tree
from tests.erp.outbox.servers import MailServer

FACTS = {"url": "https://a.example/", "why": "It answered 410.", "link": "https://portal/x"}


def a_letter(key: str = "k", **more: Any) -> Letter:
    return Letter(key, more.pop("topic", Topic.ACCOUNT), "webhook_disabled", FACTS, **more)


def posted(organisation: Organisation, *keys: str, to: str = "ann@mail.example") -> None:
    for key in keys:
        services.post(organisation, a_letter(key), at=NOON, to={to: None})


def send(at: datetime = NOON) -> int:
    return smtp.send_batch(lambda: at)


def test_a_mail_is_gone_when_its_cause_is_rolled_back(tree: Tree) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        posted(tree.customer, "k")
        raise ZeroDivisionError

    assert not Mail.objects.exists()


def test_the_same_key_is_the_same_mail_for_ever(tree: Tree, mail_server: MailServer) -> None:
    posted(tree.customer, "k", "k")
    assert send() == 1

    posted(tree.customer, "k")
    assert send() == 0
    posted(tree.customer, "k", to="bea@mail.example")
    posted(tree.sibling, "k")
    assert send() == 2

    assert [to for to, _ in mail_server.got] == [
        "ann@mail.example", "bea@mail.example", "ann@mail.example",
    ]  # fmt: skip


def test_a_batch_goes_over_one_connection(tree: Tree, mail_server: MailServer) -> None:
    posted(tree.customer, "a", "b", "c")

    assert send() == 3

    assert mail_server.connections == 1
    assert set(Mail.objects.values_list("state", "attempts", "sent_at")) == {("sent", 1, NOON)}


def test_a_mail_says_what_mail_programs_need(tree: Tree, mail_server: MailServer) -> None:
    user = a_member(tree.customer, Role.OWNER)
    letter = a_letter(topic=Topic.INCIDENTS, thread="T-1", about=tree.customer)
    services.post(tree.customer, letter, at=NOON)

    sweep_mails()
    sweep_mails()

    ((to, message),) = mail_server.got
    mail = Mail.objects.get()
    assert to == user.email
    assert message["Subject"] == "A webhook was switched off"
    assert message["From"] == "Portal <portal@provider.example>"
    assert message["Message-ID"] == f"<{mail.reference}@provider.example>"
    assert message["References"] == "<T-1@provider.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    _, text, html = message.walk()
    assert [one.get_content_type() for one in (text, html)] == ["text/plain", "text/html"]
    assert "It answered 410." in str(text.get_payload())
    assert '<a href="https://portal/x">' in str(html.get_payload())


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("de", "Ein Webhook wurde abgeschaltet"),
        ("fr-CH", "Un webhook a été désactivé"),
        ("pt", "A webhook was switched off"),
    ],
)
def test_the_language_of_the_organisation_chooses_the_words(
    tree: Tree, language: str, subject: str
) -> None:
    Organisation.objects.filter(pk=tree.customer.pk).update(language=language)
    tree.customer.refresh_from_db()

    posted(tree.customer, "k")

    assert Mail.objects.get().subject == subject


def test_what_people_typed_is_neither_template_nor_markup_nor_header(tree: Tree) -> None:
    evil = "{{ ticket }} <script>alert(1)</script>"
    facts = {"ticket": "T-1", "subject": "a\r\nBcc: all@x.example", "body": evil, "author": "eve"}
    letter = Letter("k", Topic.TICKETS, "ticket_message", facts)

    services.post(tree.customer, letter, at=NOON, to={"a@b.example": None})

    mail = Mail.objects.get()
    assert mail.subject == "[T-1] a"
    assert evil in mail.text
    assert "&lt;script&gt;" in mail.html
    assert "<script>" not in mail.html


def test_a_refused_address_is_not_tried_again(tree: Tree, mail_server: MailServer) -> None:
    mail_server.refused["ann@mail.example"] = "550 5.1.1 no such user"
    posted(tree.customer, "a")
    posted(tree.customer, "b", to="bea@mail.example")

    assert send() == 2
    assert send(NOON + timedelta(days=9)) == 0

    assert [to for to, _ in mail_server.got] == ["bea@mail.example"]
    mail = Mail.objects.get(key="a")
    assert (mail.state, mail.attempts) == (State.GIVEN_UP, 1)
    assert mail.state_reason == "The mail server refused the address (550): 5.1.1 no such user"


def test_a_busy_server_is_asked_again_later(tree: Tree, mail_server: MailServer) -> None:
    mail_server.after_data = ["451 4.3.0 try later"]
    posted(tree.customer, "k")

    send()
    mail = Mail.objects.get()
    assert (mail.state, mail.attempts) == (State.FAILED, 1)
    assert mail.state_reason == "The mail server refused the message (451): 4.3.0 try later"
    assert timedelta(seconds=24) <= mail.next_attempt_at - NOON <= timedelta(seconds=36)
    assert send(NOON + timedelta(seconds=23)) == 0

    assert send(NOON + timedelta(seconds=36)) == 1
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, mail.state_reason) == (State.SENT, 2, "")


def test_a_server_that_hangs_up_gets_the_same_message_again(
    tree: Tree, mail_server: MailServer
) -> None:
    mail_server.after_data = [None]
    posted(tree.customer, "k")

    send()
    assert Mail.objects.get().state_reason.endswith("whether it took the message is unknown.")
    send(NOON + timedelta(minutes=1))

    first, second = (message for _, message in mail_server.got)
    assert first["Message-ID"] == second["Message-ID"]
    assert Mail.objects.get().state == State.SENT


def test_a_mute_server_costs_one_try_and_a_short_time(tree: Tree, mail_server: MailServer) -> None:
    mail_server.is_mute = True
    posted(tree.customer, "a", "b", "c")

    assert send() == 1

    assert sorted(Mail.objects.values_list("state", flat=True)) == ["failed", "waiting", "waiting"]
    assert "did not answer in time" in Mail.objects.get(state="failed").state_reason


def test_no_server_is_said_in_words(tree: Tree, mail_server: MailServer, settings: Any) -> None:
    settings.EMAIL_PORT = 1
    posted(tree.customer, "k")

    send()

    reason = Mail.objects.get().state_reason
    assert reason == "Nothing listens at the address of the mail server."


def test_a_mail_is_given_up_after_about_a_day(tree: Tree, mail_server: MailServer) -> None:
    mail_server.refused["ann@mail.example"] = "450 mailbox busy"
    posted(tree.customer, "k")

    at, tries = NOON, 0
    while send(at):
        tries, at = tries + 1, max(at, Mail.objects.get().next_attempt_at)

    mail = Mail.objects.get()
    assert mail.state == State.GIVEN_UP
    assert tries == mail.attempts == len(MAIL_PAUSES) + 1
    assert timedelta(hours=17) < at - NOON < timedelta(hours=28)
    assert mail.state_reason.startswith("Given up after 14 tries. The mail server refused")


def test_a_worker_that_was_killed_is_succeeded_after_its_lease(
    tree: Tree, mail_server: MailServer
) -> None:
    posted(tree.customer, "k")
    lost = queue.claim(Mail.objects.all(), at=NOON)
    assert lost is not None

    assert send(NOON + timedelta(minutes=4)) == 0
    assert send(NOON + timedelta(minutes=5)) == 1

    mail = Mail.objects.get()
    assert (mail.state, mail.attempts) == (State.SENT, 2)
    assert mail_server.got[0][1]["Message-ID"] == lost.headers["Message-ID"]
    # The lost worker comes back: its claim is over, and it changes nothing.
    assert not queue.failed(lost, "late", at=NOON, pauses=MAIL_PAUSES)
    assert Mail.objects.get().state == State.SENT


def test_a_mail_that_kills_its_workers_is_given_up(tree: Tree, mail_server: MailServer) -> None:
    posted(tree.customer, "k")
    at = NOON
    for _ in range(len(MAIL_PAUSES) + 1):
        assert queue.claim(Mail.objects.all(), at=at)
        at += queue.LEASE

    assert send(at) == 1

    assert Mail.objects.get().state == State.GIVEN_UP
    assert mail_server.got == []


def test_staff_may_send_it_again_when_it_ended(tree: Tree, mail_server: MailServer) -> None:
    posted(tree.customer, "k")
    mail = Mail.objects.get()
    with pytest.raises(services.StillOnItsWay):
        services.send_again(mail, at=NOON, by="bob")
    send()
    mail.refresh_from_db()

    services.send_again(mail, at=NOON, by="bob")
    send()

    first, second = (message for _, message in mail_server.got)
    assert first["Message-ID"] == second["Message-ID"]
    assert JournalLine.objects.get(event="sent_again").by == "bob"


def test_documents_are_read_when_the_mail_leaves(
    tree: Tree, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: dict[str, bytes] = {}

    class Documents:
        def attachment(self, name: str, *, organisation: int) -> Attachment:
            assert organisation == tree.customer.pk
            if name not in stored:
                raise DomainError("The document is not rendered yet.")
            return Attachment("R-1.pdf", "application/pdf", stored[name])

    monkeypatch.setattr(smtp, "attachment_source", Documents)
    letter = a_letter(attachments=["D-1.pdf"])
    services.post(tree.customer, letter, at=NOON, to={"ann@mail.example": None})

    send()
    assert Mail.objects.get().state_reason == "The document is not rendered yet."
    stored["D-1.pdf"] = b"%PDF-"
    send(NOON + timedelta(minutes=1))

    part = mail_server.got[0][1].get_payload()[1]  # type: ignore[index]
    assert part.get_filename() == "R-1.pdf"  # type: ignore[union-attr]
    assert part.get_payload(decode=True) == b"%PDF-"  # type: ignore[union-attr]


def reached(organisation: Organisation, topic: str) -> list[str]:
    return sorted(services.recipients(organisation, topic))


def test_a_role_gets_its_topics_and_a_member_may_differ(tree: Tree) -> None:
    owner = a_member(tree.customer, Role.OWNER)
    technical = a_member(tree.customer, Role.TECHNICAL)
    billing = a_member(tree.customer, Role.BILLING)
    a_member(tree.customer, Role.READ_ONLY)

    assert reached(tree.customer, Topic.INCIDENTS) == sorted([owner.email, technical.email])
    assert reached(tree.customer, Topic.INVOICES) == sorted([tree.customer.email, billing.email])

    services.prefer(_member(technical), Topic.INCIDENTS, is_wanted=False)
    services.prefer(_member(billing), Topic.INCIDENTS, is_wanted=True)
    assert reached(tree.customer, Topic.INCIDENTS) == sorted([owner.email, billing.email])

    services.prefer(_member(technical), Topic.INCIDENTS, is_wanted=True)
    assert Preference.objects.count() == 1


def _member(user: Any) -> Member:
    return Member.objects.get(user=user)


def test_without_anybody_responsible_the_organisation_itself_is_written_to(tree: Tree) -> None:
    assert reached(tree.customer, Topic.INCIDENTS) == ["customer@mail.example"]
    owner = a_member(tree.customer, Role.OWNER)
    services.prefer(_member(owner), Topic.INCIDENTS, is_wanted=False)

    assert reached(tree.customer, Topic.INCIDENTS) == []


def test_what_must_be_looked_after_cannot_be_left(tree: Tree) -> None:
    owner = a_member(tree.customer, Role.OWNER)

    services.prefer(_member(owner), Topic.ACCOUNT, is_wanted=False)

    assert reached(tree.customer, Topic.ACCOUNT) == [owner.email]
    posted(tree.customer, "k")
    assert "List-Unsubscribe" not in Mail.objects.get().headers


def test_who_has_left_is_not_written_to(tree: Tree) -> None:
    owner = a_member(tree.customer, Role.OWNER)
    owner.is_active = False
    owner.save()

    assert reached(tree.customer, Topic.INCIDENTS) == ["customer@mail.example"]


def test_the_log_is_read_by_heads_and_those_who_serve(tree: Tree) -> None:
    posted(tree.customer, "a")
    posted(tree.cousin, "b")
    posted(tree.provider, "c")

    def seen(organisation: Organisation, role: Role) -> set[str]:
        return {one.key for one in queries.listed(a_member(organisation, role))}

    assert seen(tree.customer, Role.OWNER) == {"a"}
    assert seen(tree.customer, Role.TECHNICAL) == set()
    assert seen(tree.reseller, Role.SUPPORT) == {"a"}
    assert seen(tree.provider, Role.SUPPORT) == {"a", "b", "c"}


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_mail_once(mail_server: MailServer) -> None:
    posted(a_tree().customer, *(str(number) for number in range(20)))
    start = threading.Barrier(3)

    def work() -> None:
        with scope.everything("a test"):
            start.wait()
            try:
                smtp.send_batch(lambda: NOON)
            finally:
                connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ids = [message["Message-ID"] for _, message in mail_server.got]
    assert len(ids) == len(set(ids)) == 20
    assert set(Mail.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_a_customer_cannot_see_mails_of_its_seller_in_the_database(tree: Tree) -> None:
    posted(tree.reseller, "k")

    with scope.organisations([tree.customer.pk]):
        assert not Mail.objects.exists()
        posted(tree.reseller, "l")
    assert Mail.objects.count() == 2


def test_no_secret_of_the_settings_is_told(
    tree: Tree, mail_server: MailServer, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portal", "canary-7Q4"
    posted(tree.customer, "k")

    send()

    mail = Mail.objects.get()
    assert mail.state == State.FAILED
    assert "canary-7Q4" not in mail.state_reason + caplog.text
