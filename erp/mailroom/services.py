"""Take mails that come in: stored first, then put into a ticket, set aside or ignored, once."""

import logging
from datetime import datetime, timedelta
from email.utils import parseaddr
from hashlib import sha256

from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, transaction

from erp.base import scope
from erp.base.errors import DomainError
from erp.base.lifecycle import move
from erp.customers.access import memberships_of, rights_of
from erp.customers.models import Organisation
from erp.customers.states import Kind, Right
from erp.mailroom import parsing, threads
from erp.mailroom.models import IncomingMail
from erp.mailroom.parsing import Parsed
from erp.mailroom.states import Policy, State
from erp.tickets import services as tickets
from erp.tickets.access import answers
from erp.tickets.addresses import mailbox
from erp.tickets.models import Ticket
from erp.tickets.states import Channel

log = logging.getLogger(__name__)
BY = "mailroom"
_UNDONE = (State.WAITING, State.ASIDE)
MOST_PER_HOUR = 20
# How long the bytes of a mail are kept that came to its end.
KEPT = timedelta(days=30)


class NothingSaid(DomainError):
    """The mail has no words and no files."""

    code = "nothing_said"


class Unclear(DomainError):
    """It is not clear for whom this mail is."""

    code = "unclear"


def receive(raw: bytes, *, at: datetime) -> IncomingMail:
    """Keep a mail, then see to it; the same mail again is the one that is there.

    When this returns, the mail is stored: who brought it may forget it.
    """
    with scope.everything("mails come in for everybody"):
        mail = _store(raw, at=at)
        see_to(mail, at=at)
    return mail


def _store(raw: bytes, *, at: datetime) -> IncomingMail:
    provider = Organisation.objects.get(kind=Kind.PROVIDER)
    facts = {"raw": raw, "received_at": at, "state": State.WAITING, "state_since": at}
    mail, _ = IncomingMail.objects.get_or_create(
        organisation=provider, message_id=parsing.name_of(raw)[:250], defaults=facts
    )
    return mail


def see_to(mail: IncomingMail, *, at: datetime) -> None:
    """Put a mail where it belongs; one that came to its end stays there.

    What cannot be put into a ticket is set aside with the reason. So is a mail on which our own
    code fails: it is told in the log, and those behind it go on.
    """
    try:
        _see_to(mail, at=at)
    except OperationalError:
        raise
    except Exception as error:
        log.exception("mail %s could not be taken", mail.reference)
        with transaction.atomic():
            row = _locked(mail)
            if row.state in _UNDONE:
                _set_aside(row, f"Tenantry failed on it: {type(error).__name__}.", at=at)
    mail.refresh_from_db()


@transaction.atomic
def _see_to(mail: IncomingMail, *, at: datetime) -> None:
    row = _locked(mail)
    if row.state not in _UNDONE:
        return
    try:
        parsed = parsing.parse(bytes(row.raw or b""))
        _note(row, parsed)
        with transaction.atomic():
            _take(row, parsed, at=at)
    except DomainError as refusal:
        row.refresh_from_db(fields=["state", "state_since", "state_reason"])
        _set_aside(row, str(refusal), at=at)


def _locked(mail: IncomingMail) -> IncomingMail:
    return IncomingMail.objects.select_for_update(of=("self",)).get(pk=mail.pk)


def _note(mail: IncomingMail, parsed: Parsed) -> None:
    """Keep who wrote about what: for the list, and for how often somebody writes."""
    mail.sender, mail.subject = parsed.sender, parsed.subject
    mail.save(update_fields=["sender", "subject"])


def _set_aside(mail: IncomingMail, why: str, *, at: datetime) -> None:
    if mail.state == State.ASIDE:
        IncomingMail.objects.filter(pk=mail.pk).update(state_reason=why)
    else:
        move(mail, State.ASIDE, at=at, by=BY, why=why)


def _take(mail: IncomingMail, parsed: Parsed, *, at: datetime) -> None:
    """Decide what becomes of a mail.

    Raises:
        DomainError: says why a person must look at it.
    """
    unwanted = _loops(parsed)
    if unwanted:
        move(mail, State.IGNORED, at=at, by=BY, why=unwanted)
        return
    if mail.state == State.WAITING:
        _check_rate(mail)
    ticket, user = threads.ticket_of(parsed), _user(parsed.sender)
    if ticket:
        _answer(mail, parsed, ticket, user, at=at)
    elif user:
        _taken(mail, _open(_home_of(user), parsed, by=user.get_username(), at=at), at=at)
    else:
        _from_a_stranger(mail, parsed, at=at)


def _loops(parsed: Parsed) -> str:
    """Return why nobody waits for an answer; "" for a mail of a person."""
    if threads.is_our_own(parsed.message_id):
        return "We wrote it ourselves."
    if parsed.sender in {mailbox(), parseaddr(settings.DEFAULT_FROM_EMAIL)[1].lower()}:
        return "It comes from our own address."
    return parsed.robot


def _check_rate(mail: IncomingMail) -> None:
    since = mail.received_at - timedelta(hours=1)
    recent = IncomingMail.objects.filter(sender=mail.sender, received_at__gt=since)
    if recent.exclude(pk=mail.pk).count() >= MOST_PER_HOUR:
        raise Unclear(f"{mail.sender} sent more than {MOST_PER_HOUR} mails within an hour.")


def _user(address: str) -> User | None:
    found = User.objects.filter(email__iexact=address, is_active=True)[:2]
    return found[0] if len(found) == 1 else None


def _answer(
    mail: IncomingMail, parsed: Parsed, ticket: Ticket, user: User | None, *, at: datetime
) -> None:
    organisation = ticket.organisation
    if user is None or Right.WRITE_TICKETS not in rights_of(user, organisation):
        raise Unclear(f"{parsed.sender} may not write into {ticket.reference}.")
    tickets.reply(
        ticket, _words(parsed), at=at, by=user.get_username(), key=_key(parsed),
        is_staff=answers(user, organisation), files=parsed.files,
    )  # fmt: skip
    _taken(mail, ticket, at=at)


def _home_of(user: User) -> Organisation:
    """Return the one organisation for which somebody may open tickets."""
    homes = [one.organisation for one in memberships_of(user) if Right.WRITE_TICKETS in one.rights]
    if len(homes) != 1:
        raise Unclear(
            f"{user.get_username()} may open tickets in {len(homes)} organisations: in which one?"
        )
    return homes[0]


def _open(organisation: Organisation, parsed: Parsed, *, by: str, at: datetime) -> Ticket:
    wish = tickets.Wish(channel=Channel.MAIL, files=parsed.files)
    return tickets.open_ticket(
        organisation, subject=parsed.subject, body=_words(parsed), at=at, by=by,
        key=_key(parsed), wish=wish,
    )  # fmt: skip


def _from_a_stranger(mail: IncomingMail, parsed: Parsed, *, at: datetime) -> None:
    policy = Policy(settings.MAIL_IN_STRANGERS)
    why = f"No member has the address {parsed.sender}."
    if policy == Policy.IGNORE:
        move(mail, State.IGNORED, at=at, by=BY, why=why)
    elif policy == Policy.OPEN:
        _taken(mail, _open(mail.organisation, parsed, by=parsed.sender[:150], at=at), at=at)
    else:
        raise Unclear(why)


def _words(parsed: Parsed) -> str:
    """Return the message with what was not taken of it; files may stand for words."""
    if not parsed.text and not parsed.files:
        raise NothingSaid
    words = parsed.text or "See the files."
    left_out = "\n".join(f"[Not taken: {one}]" for one in parsed.left_out)
    return f"{words}\n\n{left_out}".strip()


def _key(parsed: Parsed) -> str:
    return f"mail:{sha256(parsed.message_id.encode()).hexdigest()[:40]}"


def _taken(mail: IncomingMail, ticket: Ticket, *, at: datetime, by: str = BY) -> None:
    move(mail, State.TAKEN, at=at, by=by, why=f"in {ticket.reference}", also={"ticket": ticket})


@transaction.atomic
def put_into(mail: IncomingMail, ticket: Ticket, *, at: datetime, by: str) -> None:
    """Put a mail that was set aside into a ticket, in the name of its sender.

    Raises:
        DomainError: it cannot be read, or came to its end.
    """
    row = _locked(mail)
    parsed = parsing.parse(bytes(row.raw or b""))
    name = parsed.sender[:150]
    tickets.reply(ticket, _words(parsed), at=at, by=name, key=_key(parsed), files=parsed.files)
    _taken(row, ticket, at=at, by=by)


@transaction.atomic
def open_for(mail: IncomingMail, organisation: Organisation, *, at: datetime, by: str) -> Ticket:
    """Open a ticket of an organisation with a mail that was set aside, in its sender's name.

    Raises:
        DomainError: it cannot be read, or came to its end.
    """
    row = _locked(mail)
    parsed = parsing.parse(bytes(row.raw or b""))
    ticket = _open(organisation, parsed, by=parsed.sender[:150], at=at)
    _taken(row, ticket, at=at, by=by)
    return ticket


def dismiss(mail: IncomingMail, *, at: datetime, by: str, why: str) -> None:
    """Decide that nothing is done about a mail."""
    move(mail, State.IGNORED, at=at, by=by, why=why)


def forget_old(*, at: datetime) -> int:
    """Drop the bytes of mails that came to their end long ago; that they came is kept."""
    ended = IncomingMail.objects.filter(state__in=[State.TAKEN, State.IGNORED])
    return ended.filter(state_since__lt=at - KEPT, raw__isnull=False).update(raw=None)
