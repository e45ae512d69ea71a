"""Fetch mails from a mailbox over IMAP: each is stored here before it is marked as seen there.

A poll that is lost or runs twice does no harm: what is not marked comes again, and the same mail
is stored once.
"""

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from erp.base.errors import DomainError
from erp.mailroom.parsing import MOST_BYTES

TIMEOUT_SECONDS = 20
# In one poll; the next one goes on.
MOST_MAILS = 50
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,12})")
_HEADERS_ONLY = "(BODY.PEEK[HEADER])"

Take = Callable[[bytes], object]


class MailboxAway(DomainError):
    """The mailbox cannot be reached or refuses us."""

    code = "mailbox_away"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where mails are fetched."""

    host: str
    port: int
    user: str
    password: str
    folder: str = "INBOX"
    tls: bool = True


def fetch(mailbox: Mailbox, take: Take) -> int:
    """Give every unseen mail to `take` and mark it as seen; return how many there were.

    Of a mail that is too large only the headers are taken.

    Raises:
        MailboxAway: the server cannot be reached, or refuses.
    """
    count = 0
    with _session(mailbox) as session:
        for uid in _unseen(session):
            take(_bytes_of(session, uid))
            _ask(session, "STORE", uid, "+FLAGS.SILENT", r"(\Seen)")
            count += 1
    return count


@contextmanager
def _session(mailbox: Mailbox) -> Iterator[imaplib.IMAP4]:
    try:
        session = _connect(mailbox)
        try:
            session.login(mailbox.user, mailbox.password)
            status, said = session.select(mailbox.folder)
            if status != "OK":
                raise MailboxAway(f"There is no folder {mailbox.folder}: {_words(said)}")
            yield session
        finally:
            with suppress(imaplib.IMAP4.error, OSError):
                session.logout()
    except imaplib.IMAP4.error as error:
        raise MailboxAway(f"The mail server refused: {_words(error.args)}") from error
    except OSError as error:
        raise MailboxAway(f"The mail server cannot be reached: {error}") from error


def _connect(mailbox: Mailbox) -> imaplib.IMAP4:
    place = (mailbox.host, mailbox.port)
    if mailbox.tls:
        context = ssl.create_default_context()
        return imaplib.IMAP4_SSL(*place, ssl_context=context, timeout=TIMEOUT_SECONDS)
    return imaplib.IMAP4(*place, timeout=TIMEOUT_SECONDS)


def _unseen(session: imaplib.IMAP4) -> list[str]:
    (found,) = _ask(session, "SEARCH", None, "UNSEEN")[:1] or [b""]
    return [uid.decode() for uid in (found or b"").split()[:MOST_MAILS]]


def _bytes_of(session: imaplib.IMAP4, uid: str) -> bytes:
    said = b" ".join(one for one in _ask(session, "FETCH", uid, "(RFC822.SIZE)") if one)
    size = _SIZE.search(said)
    is_small = size is not None and int(size[1]) <= MOST_BYTES
    answer = _ask(session, "FETCH", uid, "(BODY.PEEK[])" if is_small else _HEADERS_ONLY)
    parts = [bytes(one[1]) for one in answer if isinstance(one, tuple)]
    if len(parts) != 1:
        raise MailboxAway("The mail server sent no mail where it was asked for one.")
    return parts[0] if is_small else parts[0] + b"\r\n[Too large: it is still in the mailbox.]\r\n"


def _ask(session: imaplib.IMAP4, command: str, *arguments: Any) -> list[Any]:
    status, said = session.uid(command, *arguments)
    if status != "OK":
        raise MailboxAway(f"The mail server refused {command}: {_words(said)}")
    return list(said)


def _words(said: Any) -> str:
    first = next((one for one in said or [] if one), "")
    text = first.decode(errors="replace") if isinstance(first, bytes) else str(first)
    return " ".join(text.split())[:200]
