"""Mails as they come in."""

from email.message import EmailMessage
from itertools import count

_numbers = count(1)
DESK = "support@mail.example"


def a_mail(
    sender: str, text: str = "It is slow.", *, to: str = DESK, subject: str = "Slow", **headers: str
) -> EmailMessage:
    """Return a mail of a person; more headers with `_` for `-`."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Message-ID"] = f"<{next(_numbers)}@people.example>"
    for name, value in headers.items():
        del mail[name.replace("_", "-")]
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail
