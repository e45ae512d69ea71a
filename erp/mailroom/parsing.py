"""From the bytes of a mail to what is needed of it; whatever is wrong with them, one error.

Pure: no database, no network. Bounds on every part, because anybody can send anything.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from hashlib import sha256
from unicodedata import category

from erp.base.errors import DomainError
from erp.mailroom.html_text import as_text
from erp.tickets.services import File

MOST_BYTES = 25 * 1024 * 1024
MOST_FILES = 20
MOST_FILE_BYTES = 10 * 1024 * 1024
MOST_PARTS = 200
MOST_REFERENCES = 50
LONGEST_TEXT = 20_000
LONGEST_SUBJECT = 200
_ID = re.compile(r"<([^<>\s]{1,240})>")
_REPLIES = re.compile(r"^(?:(?:re|aw|fwd?|wg|tr|sv|antw|réf)(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
# Of the signs that nobody sees: line ends, tabs, and the two joiners that scripts need.
_KEPT = frozenset("\n\t\u200c\u200d")
_BAD_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


class BadMail(DomainError):
    """This mail cannot be read."""

    code = "bad_mail"
    status = 422


@dataclass(frozen=True, slots=True)
class Parsed:
    """What is needed of a mail.

    Attributes:
        robot: why a program wrote it and nobody waits for an answer; "" for a person's.
        left_out: what of it was not taken, in words.
    """

    message_id: str
    sender: str
    recipients: Sequence[str]
    references: Sequence[str]
    subject: str
    text: str
    files: Sequence[File]
    robot: str
    left_out: Sequence[str]


def name_of(raw: bytes) -> str:
    """Return the Message-ID, or what stands for it: the same bytes are the same mail."""
    try:
        found = _ids(_headers(raw), "Message-ID")
    except BadMail:
        found = []
    return found[0] if found else f"sha256:{sha256(raw).hexdigest()}"


def parse(raw: bytes) -> Parsed:
    """Read a mail.

    Raises:
        BadMail: says why it cannot be read.
    """
    if len(raw) > MOST_BYTES:
        raise BadMail(f"It is larger than {MOST_BYTES // 2**20} MB.")
    try:
        return _read(raw)
    except BadMail:
        raise
    # The library's parsers of headers and encodings raise many kinds of errors on odd mails: each
    # of them means the same here, and the mail is kept for a person.
    except Exception as error:
        raise BadMail(f"It cannot be read: {type(error).__name__}.") from error


def _read(raw: bytes) -> Parsed:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage), "policy.default makes these"
    senders = _addresses(mail, "From")
    if len(senders) != 1:
        raise BadMail("It has no sender, or several.")
    files, left_out = _files(mail)
    text = _text(mail)
    if len(text) > LONGEST_TEXT:
        left_out.append(f"The text after {LONGEST_TEXT} signs.")
    return Parsed(
        message_id=name_of(raw),
        sender=senders[0],
        recipients=[one for name in ("To", "Cc", "Delivered-To") for one in _addresses(mail, name)],
        references=[*_ids(mail, "In-Reply-To"), *reversed(_ids(mail, "References"))],
        subject=_subject(mail),
        text=text[:LONGEST_TEXT].strip(),
        files=files,
        robot=_robot(mail),
        left_out=left_out,
    )


def _headers(raw: bytes) -> EmailMessage:
    try:
        mail = message_from_bytes(raw[: 256 * 1024], policy=policy.default)
    except Exception as error:
        raise BadMail from error
    assert isinstance(mail, EmailMessage), "policy.default makes these"
    return mail


def _values(mail: EmailMessage, name: str) -> list[str]:
    """Return a header's values as they came, unfolded: the parsed ones may raise."""
    raw = [value for key, value in mail.raw_items() if key.lower() == name.lower()]
    return [_clean(" ".join(str(value).split())) for value in raw[:20]]


def _ids(mail: EmailMessage, name: str) -> list[str]:
    return [one for value in _values(mail, name) for one in _ID.findall(value)][:MOST_REFERENCES]


def _addresses(mail: EmailMessage, name: str) -> list[str]:
    found = [address.lower() for _, address in getaddresses(_values(mail, name)[:5])]
    return [one for one in found if "@" in one and len(one) <= 254][:MOST_REFERENCES]


def _subject(mail: EmailMessage) -> str:
    """Return the subject without `Re:`; one that cannot be decoded stays as it came."""
    try:
        subject = " ".join(str(mail.get("Subject", "")).split())
    except (ValueError, LookupError, AttributeError, IndexError):
        subject = "".join(_values(mail, "Subject")[:1])
    return _clean(_REPLIES.sub("", subject))[:LONGEST_SUBJECT] or "No subject"


def _robot(mail: EmailMessage) -> str:
    """Return why it was written by a program (RFC 3834, and what was done before it)."""
    auto = "".join(_values(mail, "Auto-Submitted")[:1]).lower()
    if auto and not auto.startswith("no"):
        return f"Auto-Submitted: {auto[:60]}"
    precedence = "".join(_values(mail, "Precedence")[:1]).lower()
    if precedence in {"bulk", "junk", "list", "auto_reply"}:
        return f"Precedence: {precedence}"
    if _values(mail, "List-Id"):
        return "It comes from a mailing list."
    if _values(mail, "Return-Path")[:1] == ["<>"] or mail.get_content_type() == "multipart/report":
        return "It reports about another mail."
    return ""


def _parts(mail: EmailMessage) -> Iterator[EmailMessage]:
    for number, part in enumerate(mail.walk()):
        if number >= MOST_PARTS:
            raise BadMail(f"It has more than {MOST_PARTS} parts.")
        if isinstance(part, EmailMessage) and not part.is_multipart():
            yield part


def _is_file(part: EmailMessage) -> bool:
    is_text = part.get_content_type() in {"text/plain", "text/html"}
    return part.get_content_disposition() == "attachment" or not is_text


def _text(mail: EmailMessage) -> str:
    """Return the words: the plain part when there is one, else the HTML as it reads."""
    texts = [part for part in _parts(mail) if not _is_file(part)]
    plain = [_decoded(part) for part in texts if part.get_content_type() == "text/plain"]
    words = "\n\n".join(filter(str.strip, plain))
    if not words.strip():
        html = [_decoded(part) for part in texts if part.get_content_type() == "text/html"]
        words = "\n\n".join(map(as_text, html))
    return _clean(words.replace("\r\n", "\n").replace("\r", "\n"))


def _decoded(part: EmailMessage) -> str:
    content = part.get_payload(decode=True)
    raw = content if isinstance(content, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8", errors="replace")
    except LookupError:
        return raw.decode("utf-8", errors="replace")


def _clean(text: str) -> str:
    """Leave out control signs and half characters, which PostgreSQL cannot keep."""
    return "".join(sign for sign in text if sign in _KEPT or category(sign)[0] != "C")


def _files(mail: EmailMessage) -> tuple[list[File], list[str]]:
    files: list[File] = []
    left_out: list[str] = []
    for part in filter(_is_file, _parts(mail)):
        content = part.get_payload(decode=True)
        raw = content if isinstance(content, bytes) else b""
        name = _file_name(part, len(files) + 1)
        if len(files) >= MOST_FILES:
            left_out.append(f"{name}: more than {MOST_FILES} files.")
        elif len(raw) > MOST_FILE_BYTES:
            left_out.append(f"{name}: larger than {MOST_FILE_BYTES // 2**20} MB.")
        elif raw:
            files.append(File(name, part.get_content_type()[:100], raw))
    return files, left_out[:MOST_FILES]


def _file_name(part: EmailMessage, number: int) -> str:
    try:
        given = part.get_filename() or ""
    except (ValueError, LookupError, AttributeError, IndexError):
        given = ""
    name = _clean(_BAD_IN_NAMES.sub("_", given)).strip(". ")[-150:]
    return name or f"file-{number}"
