"""What others call: `post` a mail, `emit` an event; both in the transaction of their cause.

A message is a row. When the transaction is rolled back nothing was said; when it is committed the
message leaves soon by a nudge, surely by a sweep.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.db import models, transaction

from erp.base import scope
from erp.base.errors import DomainError
from erp.base.identifiers import reference
from erp.base.journal import record
from erp.base.nudges import announce
from erp.customers.models import Member, Organisation
from erp.outbox import letters, queries, queue
from erp.outbox.models import Delivery, Endpoint, Mail, Preference
from erp.outbox.states import BY_ROLE, EVENTS, OBLIGATORY, TEST_EVENT, State, Topic

MOST_RECIPIENTS = 50


class StillOnItsWay(DomainError):
    """This message has not come to its end: it is sent again by itself."""

    code = "still_on_its_way"


@dataclass(frozen=True, slots=True)
class Letter:
    """What to say: the same key to the same address is the same mail for ever.

    Attributes:
        template: a name under `templates/mail/<language>/`.
        facts: what the template shows; `link` becomes the button. No secrets.
        about: the object that it is about, with a `reference`.
        thread: mails of one thread are shown together by mail programs.
        attachments: names of stored documents (`erp.ports.AttachmentSource`).
    """

    key: str
    topic: Topic
    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    about: models.Model | None = None
    thread: str = ""
    attachments: Sequence[str] = ()


Recipients = Mapping[str, Member | None]


@transaction.atomic
def post(
    organisation: Organisation, letter: Letter, *, at: datetime, to: Recipients | None = None
) -> None:
    """Put a mail into the outbox for each recipient; what is there already stays as it is.

    Args:
        to: addresses, with the member behind each; left out, who gets the topic.
    """
    with scope.everything("the outbox writes to organisations that the asker may not see"):
        reached = recipients(organisation, letter.topic) if to is None else to
        rows = [
            _mail(organisation, letter, address, member, at=at)
            for address, member in list(reached.items())[:MOST_RECIPIENTS]
        ]
        Mail.objects.bulk_create(rows, ignore_conflicts=True)
    if rows:
        announce("mail.posted")


def recipients(organisation: Organisation, topic: str) -> dict[str, Member | None]:
    """Return who gets a topic; the organisation's own address where no role would.

    Invoices also go to the organisation's address, which is kept for them.
    """
    members = queries.members_of(organisation)
    reached: dict[str, Member | None] = {}
    if topic == Topic.INVOICES or not any(one.role in BY_ROLE[topic] for one in members):
        reached[organisation.email.lower()] = None
    for member in queries.wanted(members, topic):
        reached.setdefault(member.user.email.lower(), member)
    return reached


def _mail(
    organisation: Organisation, letter: Letter, recipient: str, member: Member | None, *,
    at: datetime,
) -> Mail:  # fmt: skip
    leave_url = letters.leave_url(member, letter.topic)
    language = organisation.language
    words = letters.write(letter.template, language, letter.facts, leave_url=leave_url)
    row = Mail(
        organisation=organisation,
        reference=reference("M"),
        key=letter.key,
        topic=letter.topic,
        recipient=recipient,
        language=language,
        subject=words.subject,
        text=words.text,
        html=words.html,
        attachments=list(letter.attachments),
    )
    if letter.about is not None:
        row.about_kind = str(letter.about._meta.model_name)
        row.about_reference = letter.about.reference  # type: ignore[attr-defined]
    row.headers = _headers(row.reference, letter.thread, leave_url)
    row.start(at)
    return row


def _headers(name: str, thread: str, leave_url: str) -> dict[str, str]:
    """Return what is the same at every try (RFC 3834, RFC 8058)."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    headers = {"Message-ID": f"<{name}@{domain}>", "Auto-Submitted": "auto-generated"}
    if thread:
        headers["References"] = headers["In-Reply-To"] = f"<{thread}@{domain}>"
    if leave_url:
        headers["List-Unsubscribe"] = f"<{leave_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


@transaction.atomic
def emit(
    organisation: Organisation, event: str, data: Mapping[str, Any], *, key: str, at: datetime
) -> None:
    """Tell the organisation's endpoints of an event, once per key; the data is small, no secrets.

    The payload is what Standard Webhooks recommends: type, timestamp, data.
    """
    assert event in EVENTS, f"{event} is not in erp.outbox.states.EVENTS"
    with scope.everything("an event may be caused by somebody who does not see the endpoints"):
        heard = [one for one in queries.listening(organisation) if event in one.events]
        payload = _payload(event, data, at=at)
        rows = [_delivery(one, event, payload, key=key, at=at) for one in heard]
        Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    for one in heard:
        announce("webhook.posted", endpoint=one.pk)


def _payload(event: str, data: Mapping[str, Any], *, at: datetime) -> str:
    told = {"type": event, "timestamp": at.isoformat(), "data": dict(data)}
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


def _delivery(endpoint: Endpoint, event: str, payload: str, *, key: str, at: datetime) -> Delivery:
    row = Delivery(
        organisation_id=endpoint.organisation_id,
        endpoint=endpoint,
        key=f"{event}:{key}",
        event=event,
        payload=payload,
    )
    row.start(at)
    return row


@transaction.atomic
def emit_test(endpoint: Endpoint, *, key: str, at: datetime) -> None:
    """Send one endpoint an event that means nothing; the same key is the same test."""
    payload = _payload(TEST_EVENT, {"endpoint": endpoint.reference}, at=at)
    row = _delivery(endpoint, TEST_EVENT, payload, key=key, at=at)
    Delivery.objects.bulk_create([row], ignore_conflicts=True)
    announce("webhook.posted", endpoint=endpoint.pk)


@transaction.atomic
def send_again(mail: Mail, *, at: datetime, by: str) -> None:
    """Let a mail leave once more with the same Message-ID, for one that was lost or refused.

    Raises:
        StillOnItsWay: it was neither sent nor given up.
    """
    came_from = mail.state
    if not queue.again(mail, at=at):
        raise StillOnItsWay
    record(mail, "sent_again", at=at, by=by, was=came_from)
    announce("mail.posted")


@transaction.atomic
def replay(delivery: Delivery, *, at: datetime, by: str) -> None:
    """Deliver an event once more, with the same id: the receiver knows what it has seen.

    Raises:
        StillOnItsWay: it was neither delivered nor given up.
    """
    came_from = delivery.state
    if not queue.again(delivery, at=at):
        raise StillOnItsWay
    facts = {"webhook_id": delivery.webhook_id, "was": came_from}
    record(delivery.endpoint, "replayed", at=at, by=by, **facts)
    announce("webhook.posted", endpoint=delivery.endpoint_id)


@transaction.atomic
def prefer(member: Member, topic: str, *, is_wanted: bool) -> None:
    """Keep whether a member wants a topic; what their role says anyway needs no row."""
    if topic in OBLIGATORY:
        return
    mine = Preference.objects.filter(member=member, topic=topic)
    if is_wanted == (member.role in BY_ROLE[topic]):
        mine.delete()
        return
    Preference.objects.update_or_create(
        member=member,
        topic=topic,
        defaults={"is_wanted": is_wanted, "organisation_id": member.organisation_id},
    )


def is_ended(row: Mail | Delivery) -> bool:
    """Return whether a message has come to its end and may be sent once more."""
    return row.state in {State.SENT, State.GIVEN_UP}
