"""The one door to the mail server: a batch over one connection, each mail claimed and settled."""

import smtplib
import time
from collections.abc import Callable
from datetime import datetime
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from erp.base.errors import DomainError
from erp.customers.branding import brand_of
from erp.outbox import queue
from erp.outbox.models import Mail
from erp.outbox.states import MAIL_PAUSES
from erp.ports import attachment_source

BATCH = 100
# Well below the lease of a single mail and the time limit of a task.
BATCH_SECONDS = 120
MOST_ATTACHED_BYTES = 15 * 1024 * 1024
LONGEST_REASON = 300

Clock = Callable[[], datetime]


class TooMuchAttached(DomainError):
    """The attachments are larger than mail servers take."""

    code = "too_much_attached"


def send_batch(clock: Clock) -> int:
    """Send what is due over one connection; stop at the first fault of the server itself.

    A server that is away costs one try of one mail a batch, not one of every mail.
    """
    began, count = time.monotonic(), 0
    connection = get_connection()
    try:
        while count < BATCH and time.monotonic() - began < BATCH_SECONDS:
            mail = queue.claim(Mail.objects.select_related("organisation"), at=clock())
            if mail is None:
                break
            count += 1
            if not _send(connection, mail, clock):
                break
    finally:
        _close(connection)
    return count


def _close(connection: Any) -> None:
    """Say goodbye; a server that is gone need not hear it."""
    try:
        connection.close()
    except (smtplib.SMTPException, OSError):
        connection.connection = None


def _send(connection: Any, mail: Mail, clock: Clock) -> bool:
    """Send one mail and write down what became of it; return whether the server may go on."""
    if queue.is_hopeless(mail, at=clock(), pauses=MAIL_PAUSES):
        return True
    try:
        message = compose(mail)
    except DomainError as error:
        queue.failed(mail, str(error), at=clock(), pauses=MAIL_PAUSES)
        return True
    try:
        connection.open()
        message.connection = connection
        message.send()
    except (smtplib.SMTPException, OSError) as error:
        _note(mail, error, at=clock())
        return _listens_on(error)
    except ValueError as error:
        queue.given_up(mail, f"This cannot be written as a mail: {error}", at=clock())
        return True
    queue.sent(mail, at=clock())
    return True


def _note(mail: Mail, error: Exception, *, at: datetime) -> None:
    if _is_refused_for_good(error):
        queue.given_up(mail, _in_words(error), at=at)
    else:
        queue.failed(mail, _in_words(error), at=at, pauses=MAIL_PAUSES)


def _listens_on(error: Exception) -> bool:
    """Return whether the connection can take the next mail: 421 says that it is closed."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code != 421 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code != 421


def compose(mail: Mail) -> EmailMultiAlternatives:
    """Return the message, the same at every try, with the bytes of its attachments.

    Raises:
        DomainError: a document is not there yet, or they are too large together.
    """
    sender, answers_to = _sender(mail)
    message = EmailMultiAlternatives(
        mail.subject, mail.text, sender, [mail.recipient],
        headers=dict(mail.headers), reply_to=answers_to,
    )  # fmt: skip
    message.attach_alternative(mail.html, "text/html")
    size = 0
    for name in mail.attachments:
        file = attachment_source().attachment(name, organisation=mail.organisation_id)
        size += len(file.content)
        if size > MOST_ATTACHED_BYTES:
            raise TooMuchAttached
        message.attach(file.name, file.content, file.content_type)
    return message


def _sender(mail: Mail) -> tuple[str, list[str]]:
    """Return the sender with the name of the seller's brand, and where answers go.

    The address stays ours: our mail server may not send for the domains of others (SPF, DMARC).
    What a mail says itself of answers, as one about a ticket does, goes before the brand.
    """
    usual = settings.DEFAULT_FROM_EMAIL
    brand = brand_of(mail.organisation)
    if brand is None:
        return usual, []
    says_itself = "Reply-To" in mail.headers
    answers_to = [brand.reply_to] if brand.reply_to and not says_itself else []
    return formataddr((brand.name, parseaddr(usual)[1])), answers_to


def _is_refused_for_good(error: Exception) -> bool:
    """Return whether the server said 5xx of this address or of this message.

    A refused sign-in or sender is a fault of our settings: it is mended, and the mail goes out.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500


def _in_words(error: Exception) -> str:
    """Say what went wrong without what was said to sign in."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return _said(f"The mail server refused the address ({code})", said)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"The mail server refused our sign-in ({error.smtp_code}): check the settings."
    if isinstance(error, smtplib.SMTPSenderRefused):
        return _said(f"The mail server refused our sender ({error.smtp_code})", error.smtp_error)
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(f"The mail server refused the message ({error.smtp_code})", error.smtp_error)
    # smtplib makes of a time-out a lost connection.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "The mail server did not answer in time: whether it took the message is unknown."
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "The mail server hung up: whether it took the message is unknown."
    if isinstance(error, ConnectionRefusedError):
        return "Nothing listens at the address of the mail server."
    return f"The mail server cannot be reached: {error}"[:LONGEST_REASON]


def _said(what: str, said: bytes | str) -> str:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"{what}: {' '.join(words.split())}"[:LONGEST_REASON]
