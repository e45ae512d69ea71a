"""Mails are fetched over IMAP: each stored before it is seen, within bounds, told what is wrong."""

import socket
from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from erp.customers.states import Role
from erp.mailroom import imap, tasks
from erp.mailroom.imap import Mailbox, MailboxAway, fetch
from erp.mailroom.models import IncomingMail
from erp.tickets.models import Ticket
from tests.erp.builders import Tree, a_member
from tests.erp.mailroom.imap_server import PASSWORD, USER, Folder, serving
from tests.erp.mailroom.mails import a_mail


@pytest.fixture
def folder() -> Folder:
    return Folder()


@pytest.fixture
def mailbox(folder: Folder) -> Iterator[Mailbox]:
    with serving(folder) as port:
        yield Mailbox("127.0.0.1", port, USER, PASSWORD, tls=False)


def bodies(folder: Folder, *texts: str) -> list[bytes]:
    raw = [bytes(a_mail("a@x.example", text)) for text in texts]
    for one in raw:
        folder.add(one)
    return raw


def test_every_unseen_mail_is_taken_once(folder: Folder, mailbox: Mailbox) -> None:
    raw = bodies(folder, "one", "two", "three")
    folder.seen.add(102)
    taken: list[bytes] = []

    assert fetch(mailbox, taken.append) == 2
    assert fetch(mailbox, taken.append) == 0

    assert taken == [raw[0], raw[2]]
    assert folder.seen == {101, 102, 103}


def test_what_could_not_be_stored_is_still_unseen(folder: Folder, mailbox: Mailbox) -> None:
    bodies(folder, "one", "two")

    def fail(raw: bytes) -> None:
        raise RuntimeError("no room")

    with pytest.raises(RuntimeError):
        fetch(mailbox, fail)

    assert folder.seen == set()
    assert folder.log[-1] == "LOGOUT"


def test_a_poll_has_an_end(
    folder: Folder, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "MOST_MAILS", 2)
    bodies(folder, "one", "two", "three")
    taken: list[bytes] = []

    assert [fetch(mailbox, taken.append) for _ in range(3)] == [2, 1, 0]


def test_of_a_mail_that_is_too_large_the_head_is_taken(folder: Folder, mailbox: Mailbox) -> None:
    bodies(folder, "a very large one")
    folder.told_sizes[101] = 26 * 2**20
    taken: list[bytes] = []

    fetch(mailbox, taken.append)

    assert b"From: a@x.example" in taken[0]
    assert b"a very large one" not in taken[0]
    assert taken[0].endswith(b"[Too large: it is still in the mailbox.]\r\n")
    assert "UID FETCH 101 (BODY.PEEK[])" not in folder.log


def test_a_wrong_password_is_told_without_it(folder: Folder, mailbox: Mailbox) -> None:
    wrong = Mailbox(mailbox.host, mailbox.port, USER, "not the secret", tls=False)

    with pytest.raises(MailboxAway, match="AUTHENTICATIONFAILED") as refused:
        fetch(wrong, print)

    assert "not the secret" not in str(refused.value)


def test_a_folder_that_is_not_there_is_named(mailbox: Mailbox) -> None:
    wrong = Mailbox(mailbox.host, mailbox.port, USER, PASSWORD, folder="Nowhere", tls=False)

    with pytest.raises(MailboxAway, match="no folder Nowhere"):
        fetch(wrong, print)


@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE"])
def test_a_connection_that_is_cut_is_a_refusal(
    folder: Folder, mailbox: Mailbox, command: str
) -> None:
    bodies(folder, "one")
    folder.cut_at = command

    with pytest.raises(MailboxAway):
        fetch(mailbox, lambda raw: None)

    assert folder.seen == set()


def test_a_server_that_is_silent_or_away_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with pytest.raises(MailboxAway, match="cannot be reached"):
            fetch(Mailbox("127.0.0.1", port, USER, PASSWORD, tls=False), print)
    with pytest.raises(MailboxAway, match="cannot be reached"):
        fetch(Mailbox("127.0.0.1", port, USER, PASSWORD, tls=False), print)


def test_the_sweep_makes_one_ticket_of_one_mail(
    tree: Tree, folder: Folder, mailbox: Mailbox, settings: LazySettings
) -> None:
    folder.add(bytes(a_mail(a_member(tree.customer, Role.OWNER).email)))
    tasks.sweep_mailbox()
    assert folder.log == []
    settings.IMAP_HOST, settings.IMAP_PORT = mailbox.host, mailbox.port
    settings.IMAP_USER, settings.IMAP_PASSWORD, settings.IMAP_TLS = USER, PASSWORD, False

    tasks.sweep_mailbox()
    folder.seen.clear()
    tasks.sweep_mailbox()

    assert (Ticket.objects.count(), IncomingMail.objects.count()) == (1, 1)
    assert folder.seen == {101}
