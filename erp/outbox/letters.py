"""From a template and facts to subject, text and HTML, in the language of the recipient.

A template is `templates/mail/<language>/<name>.txt`: its first line is the subject, the rest the
words. What people typed is only ever a fact, never a template.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import signing
from django.template import Context, TemplateDoesNotExist, engines
from django.template.loader import render_to_string

from erp.customers.models import Member
from erp.outbox.states import OBLIGATORY

FALLBACK = "en"
LONGEST_SUBJECT = 250
LONGEST_TEXT = 30_000
_SALT = "erp.outbox.unsubscribe"


@dataclass(frozen=True, slots=True)
class Words:
    """What a mail says."""

    subject: str
    text: str
    html: str


def write(template: str, language: str, facts: Mapping[str, Any], *, leave_url: str = "") -> Words:
    """Return the words; a language in which a template does not exist falls back to English."""
    written = _render(template, language, facts).strip()
    subject, _, body = written.partition("\n")
    shown: dict[str, Any] = {
        "body": body.strip()[:LONGEST_TEXT],
        "link": facts.get("link", ""),
        "leave_url": leave_url,
    }
    html = render_to_string([f"mail/{one}/layout.html" for one in _tried(language)], shown)
    text = _render("layout", language, shown).strip() + "\n"
    return Words(" ".join(subject.split())[:LONGEST_SUBJECT], text, html)


def _tried(language: str) -> list[str]:
    return list(dict.fromkeys([language, language[:2], FALLBACK]))


def _render(name: str, language: str, facts: Mapping[str, Any]) -> str:
    """Render plain text: nothing is escaped, because nothing of it is markup."""
    engine = engines["django"].engine  # type: ignore[attr-defined]
    for one in _tried(language):
        try:
            template = engine.get_template(f"mail/{one}/{name}.txt")
        except TemplateDoesNotExist:
            continue
        return str(template.render(Context(dict(facts), autoescape=False)))
    raise TemplateDoesNotExist(f"mail/{FALLBACK}/{name}.txt")


def address(path: str) -> str:
    """Return the full address of a page of the portal."""
    return f"{settings.PORTAL.rstrip('/')}{path}"


def leave_url(member: Member | None, topic: str) -> str:
    """Return where a member leaves a topic without signing in; nothing where nobody may."""
    if member is None or topic in OBLIGATORY:
        return ""
    token = signing.dumps([member.pk, topic], salt=_SALT, compress=True)
    return address(f"/mails/leave?token={token}")


def read_token(token: str) -> tuple[int, str]:
    """Return the member and the topic of a link.

    Raises:
        signing.BadSignature: it is not one of ours.
    """
    member, topic = signing.loads(token, salt=_SALT)
    return int(member), str(topic)
