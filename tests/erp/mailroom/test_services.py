"""Mails that come in: in the right ticket, set aside, or ignored; never lost, never twice."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.auth.models import User

from erp.customers.models import Member
from erp.customers.states import Role
from erp.mailroom import services, tasks
from erp.mailroom.models import IncomingMail
from erp.outbox.models import Mail
from erp.tickets import services as tickets
from erp.tickets import working
from erp.tickets.addresses import reply_address, ticket_in
from erp.tickets.models import Message, MessageFile, Ticket
from tests.erp.builders import NOON, Tree, a_client, a_member
from tests.erp.mailroom.mails import a_mail


def come(mail: object) -> IncomingMail:
    return services.receive(bytes(mail), at=NOON)  # type: ignore[call-overload]


def a_ticket(tree: Tree, user: User) -> Ticket:
    return tickets.open_ticket(
        tree.customer, subject="Slow", body="Since noon.", at=NOON, by=user.username
    )


def outcome(mail: IncomingMail) -> tuple[str, str]:
    return mail.state, mail.state_reason


def test_a_members_mail_opens_a_ticket_with_its_files(tree: Tree) -> None:
    ann = a_member(tree.customer, Role.OWNER)
    mail = a_mail(f"Ann <{ann.email.upper()}>", subject="Slow")
    mail.add_attachment(b"png", maintype="image", subtype="png", filename="shot.png")

    came = come(mail)

    ticket = Ticket.objects.get()
    assert outcome(came) == ("taken", f"in {ticket.reference}")
    assert (ticket.organisation, ticket.subject, ticket.channel, ticket.opened_by) == (
        tree.customer, "Slow", "mail", ann.username,
    )  # fmt: skip
    assert Message.objects.get().body == "It is slow."
    assert (MessageFile.objects.get().name, MessageFile.objects.get().size) == ("shot.png", 3)


def test_the_same_mail_is_one_ticket(tree: Tree) -> None:
    mail = a_mail(a_member(tree.customer, Role.OWNER).email)

    first, second = come(mail), come(mail)

    assert first == second
    assert (Ticket.objects.count(), Message.objects.count(), IncomingMail.objects.count()) == (
        1, 1, 1,
    )  # fmt: skip


def test_the_reply_address_of_our_mail_leads_into_the_ticket(tree: Tree) -> None:
    ann, bob = a_member(tree.customer, Role.OWNER), a_member(tree.reseller, Role.SUPPORT)
    ticket = a_ticket(tree, ann)
    tickets.reply(ticket, "Which page?", at=NOON, by=bob.username, is_staff=True)
    sent = Mail.objects.get(recipient=ann.email)
    assert sent.headers["Reply-To"] == reply_address(ticket.reference)
    assert "Answer this mail, or in the portal." in sent.text

    come(a_mail(ann.email, "All.", to=sent.headers["Reply-To"], subject="Hi"))
    come(a_mail(bob.email, "Mended.", to=f"Desk <{sent.headers['Reply-To'].upper()}>"))

    assert Ticket.objects.count() == 1
    said = [(one.author, one.body) for one in Message.objects.order_by("pk")][2:]
    assert said == [(ann.username, "All."), (bob.username, "Mended.")]
    assert Ticket.objects.get().state == "waiting"


def test_what_it_answers_leads_into_the_ticket(tree: Tree) -> None:
    ann, bob = a_member(tree.customer, Role.OWNER), a_member(tree.reseller, Role.SUPPORT)
    ticket = a_ticket(tree, ann)
    tickets.reply(ticket, "Which page?", at=NOON, by=bob.username, is_staff=True)
    sent = Mail.objects.get(recipient=ann.email).headers["Message-ID"]

    first = a_mail(ann.email, "One.", In_Reply_To=sent)
    come(first)
    come(a_mail(ann.email, "Two.", References=f"<x@y> {first['Message-ID']}"))
    come(a_mail(ann.email, "Three.", References=f"<{ticket.reference}@mail.example>"))

    assert Ticket.objects.count() == 1
    assert [one.body for one in Message.objects.order_by("pk")][2:] == ["One.", "Two.", "Three."]


@pytest.mark.parametrize(
    "address",
    [
        "support+{ticket}@mail.example", "support+{ticket}.00000000000000000000@mail.example",
        "other+{ticket}.{proof}@mail.example", "support+{ticket}.{proof}@evil.example",
        "support+T-00000000.{proof}@mail.example",
    ],
)  # fmt: skip
def test_an_address_without_its_proof_leads_nowhere(tree: Tree, address: str) -> None:
    ann = a_member(tree.customer, Role.OWNER)
    ticket = a_ticket(tree, ann)
    proof = reply_address(ticket.reference).partition(".")[2].partition("@")[0]
    assert ticket_in(reply_address(ticket.reference)) == ticket.reference

    come(a_mail(ann.email, "x", to=address.format(ticket=ticket.reference, proof=proof)))

    assert ticket.messages.count() == 1


def test_who_may_not_write_into_the_ticket_is_set_aside(tree: Tree) -> None:
    ann = a_member(tree.customer, Role.OWNER)
    ticket = a_ticket(tree, ann)
    to = reply_address(ticket.reference)
    reader, eve = a_member(tree.customer, Role.READ_ONLY), a_member(tree.sibling, Role.OWNER)

    for sender in (eve.email, reader.email, "nobody@elsewhere.example"):
        came = come(a_mail(sender, "Sly.", to=to))
        assert outcome(came) == ("aside", f"{sender} may not write into {ticket.reference}.")

    assert ticket.messages.count() == 1
    assert Ticket.objects.count() == 1


def test_an_answer_to_a_merged_ticket_goes_where_it_goes_on(tree: Tree) -> None:
    ann = a_member(tree.customer, Role.OWNER)
    old, new = a_ticket(tree, ann), a_ticket(tree, ann)
    working.merge(new, old, at=NOON, by="bob")

    come(a_mail(ann.email, "And?", to=reply_address(new.reference)))

    assert [one.body for one in old.messages.all()] == ["Since noon.", "And?"]


def test_a_mail_opens_a_closed_ticket_again(tree: Tree) -> None:
    ann = a_member(tree.customer, Role.OWNER)
    ticket = a_ticket(tree, ann)
    tickets.close(ticket, at=NOON, by="bob")

    come(a_mail(ann.email, "It is back.", to=reply_address(ticket.reference)))

    assert Ticket.objects.get().state == "open"


@pytest.mark.parametrize(
    ("policy", "state", "count"),
    [("aside", "aside", 0), ("ignore", "ignored", 0), ("open", "taken", 1)],
)
def test_strangers_are_treated_by_the_policy(
    tree: Tree, settings: LazySettings, policy: str, state: str, count: int
) -> None:
    settings.MAIL_IN_STRANGERS = policy

    came = come(a_mail("eve@elsewhere.example"))

    assert came.state == state
    assert Ticket.objects.filter(organisation=tree.provider).count() == count
    assert Ticket.objects.count() == count


def test_programs_and_ourselves_are_not_answered(tree: Tree) -> None:
    ann, bob = a_member(tree.customer, Role.OWNER), a_member(tree.reseller, Role.SUPPORT)
    ticket = a_ticket(tree, ann)
    tickets.reply(ticket, "Which page?", at=NOON, by=bob.username, is_staff=True)
    sent = Mail.objects.get(recipient=ann.email)
    to = reply_address(ticket.reference)

    away = a_mail(ann.email, "I am away.", to=to, Auto_Submitted="auto-replied")
    ours = a_mail(ann.email, "x", to=to, Message_ID=sent.headers["Message-ID"])
    loop = a_mail("support@mail.example", "x", to=to)
    assert [outcome(come(one)) for one in (away, ours, loop)] == [
        ("ignored", "Auto-Submitted: auto-replied"),
        ("ignored", "We wrote it ourselves."),
        ("ignored", "It comes from our own address."),
    ]
    assert ticket.messages.count() == 2


def test_somebody_who_writes_without_end_is_set_aside(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST_PER_HOUR", 3)
    ann = a_member(tree.customer, Role.OWNER)

    states = [come(a_mail(ann.email)).state for _ in range(5)]

    assert states == ["taken", "taken", "taken", "aside", "aside"]
    later = services.receive(bytes(a_mail(ann.email)), at=NOON + timedelta(hours=1))
    assert later.state == "taken"


def test_a_bad_mail_is_kept_with_the_reason(tree: Tree) -> None:
    raw = b"Subject: nobody\r\n\r\nx"

    came = services.receive(raw, at=NOON)

    assert outcome(came) == ("aside", "It has no sender, or several.")
    assert bytes(IncomingMail.objects.get().raw or b"") == raw


def test_a_mail_on_which_we_fail_is_kept_and_the_next_one_is_taken(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = a_member(tree.customer, Role.OWNER)
    whole = services._open

    def fail(*args: object, **kwargs: object) -> Ticket:
        raise ZeroDivisionError

    monkeypatch.setattr(services, "_open", fail)
    bad = come(a_mail(ann.email))
    monkeypatch.setattr(services, "_open", whole)

    assert outcome(bad) == ("aside", "Tenantry failed on it: ZeroDivisionError.")
    assert come(a_mail(ann.email)).state == "taken"
    services.see_to(bad, at=NOON)
    assert bad.state == "taken"


def test_a_mail_says_something(tree: Tree) -> None:
    ann = a_member(tree.customer, Role.OWNER)
    silent, shot = a_mail(ann.email, " \n"), a_mail(ann.email, "")
    shot.add_attachment(b"png", maintype="image", subtype="png", filename="shot.png")

    assert come(silent).state == "aside"
    assert come(shot).state == "taken"
    assert Message.objects.get().body == "See the files."


def test_who_belongs_to_two_organisations_is_asked_for_one(tree: Tree) -> None:
    ann = a_member(tree.customer, Role.OWNER)
    Member.objects.create(organisation=tree.sibling, user=ann, role=Role.OWNER)

    came = come(a_mail(ann.email))

    assert came.state == "aside"
    assert "in 2 organisations" in came.state_reason


def test_what_was_set_aside_is_tried_again_when_its_sender_is_known(tree: Tree) -> None:
    ann = User.objects.create_user("ann@late.example", "ann@late.example")
    came = come(a_mail(ann.email))
    assert came.state == "aside"
    bob = a_client(a_member(tree.provider, Role.SUPPORT))
    path = f"/mails-in/{came.reference}"

    page = bob.post(f"{path}/again", follow=True).content.decode()
    assert "It stays here:" in page
    Member.objects.create(organisation=tree.customer, user=ann, role=Role.OWNER)
    bob.post(f"{path}/again")

    assert Ticket.objects.get().opened_by == ann.username
    assert IncomingMail.objects.get().state == "taken"


def test_a_person_puts_it_where_it_belongs(tree: Tree) -> None:
    ticket = a_ticket(tree, a_member(tree.customer, Role.OWNER))
    first, second, third = (come(a_mail(f"{name}@x.example")) for name in "abc")
    bob = a_client(a_member(tree.provider, Role.SUPPORT))
    assert "a@x.example" in bob.get("/mails-in/").content.decode()

    bob.post(f"/mails-in/{first.reference}/place", {"name": ticket.reference})
    bob.post(f"/mails-in/{second.reference}/place", {"name": tree.sibling.reference})
    bob.post(f"/mails-in/{third.reference}/dismiss", {"why": "Spam."})
    again = bob.post(f"/mails-in/{third.reference}/place", {"name": ticket.reference})

    assert again.status_code == 409
    assert [one.author for one in ticket.messages.order_by("pk")][1:] == ["a@x.example"]
    opened = Ticket.objects.get(organisation=tree.sibling)
    assert (opened.opened_by, opened.channel) == ("b@x.example", "mail")
    assert [outcome(one)[0] for one in IncomingMail.objects.order_by("pk")] == [
        "taken", "taken", "ignored",
    ]  # fmt: skip


def test_mails_are_for_the_providers_desk(tree: Tree) -> None:
    came = come(a_mail("eve@elsewhere.example"))
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    assert bob.get("/mails-in/").status_code == 403
    assert bob.get(f"/mails-in/{came.reference}").status_code == 404


def test_what_a_crash_left_is_seen_to_by_the_sweep(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = a_mail(a_member(tree.customer, Role.OWNER).email)
    stored = services._store(bytes(mail), at=NOON)
    monkeypatch.setattr(tasks.see_to, "delay", lambda **keys: tasks.see_to(**keys))

    tasks.sweep_mails_in()
    tasks.sweep_mails_in()
    tasks.see_to(mail=stored.pk)
    tasks.see_to(mail=stored.pk)

    assert (Ticket.objects.count(), IncomingMail.objects.get().state) == (1, "taken")


def test_bytes_are_forgotten_a_while_after_the_end(tree: Tree) -> None:
    come(a_mail(a_member(tree.customer, Role.OWNER).email))
    come(a_mail("eve@elsewhere.example"))
    with time_machine.travel(NOON + timedelta(days=31), tick=False):
        tasks.sweep_old_mails_in()
        tasks.sweep_old_mails_in()

    kept = IncomingMail.objects.filter(raw__isnull=False)
    assert [one.state for one in kept] == ["aside"]
    assert IncomingMail.objects.count() == 2
