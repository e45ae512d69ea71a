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
from erp.base.inserts import insert_missing
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
        reply_to: where an answer goes, when it is not to the sender.
    """

    key: str
    topic: Topic
    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    about: models.Model | None = None
    thread: str = ""
    attachments: Sequence[str] = ()
    reply_to: str = ""


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
        _put([(organisation, letter, reached)], at=at)


@transaction.atomic
def post_all(letters: Sequence[tuple[Organisation, Letter]], *, at: datetime) -> None:
    """Put many mails of one topic into the outbox, each as `post` does, in as many statements."""
    if not letters:
        return
    (topic,) = {letter.topic for _, letter in letters}
    with scope.everything("the outbox writes to organisations that the asker may not see"):
        reached = _recipients({one.pk: one for one, _ in letters}, topic)
        _put([(one, letter, reached[one.pk]) for one, letter in letters], at=at)


def _put(letters: Sequence[tuple[Organisation, Letter, Recipients]], *, at: datetime) -> None:
    rows = [
        _mail(organisation, letter, address, member, at=at)
        for organisation, letter, reached in letters
        for address, member in list(reached.items())[:MOST_RECIPIENTS]
    ]
    insert_missing(rows)
    if rows:
        announce("mail.posted")


def recipients(organisation: Organisation, topic: str) -> dict[str, Member | None]:
    """Return who gets a topic; the organisation's own address where no role would.

    Invoices also go to the organisation's address, which is kept for them.
    """
    return _recipients({organisation.pk: organisation}, topic)[organisation.pk]


def _recipients(
    organisations: Mapping[int, Organisation], topic: str
) -> dict[int, dict[str, Member | None]]:
    members: dict[int, list[Member]] = {pk: [] for pk in organisations}
    everybody = queries.members_of(organisations.values())
    for one in everybody:
        members[one.organisation_id].append(one)
    found: dict[int, dict[str, Member | None]] = {pk: {} for pk in organisations}
    for pk, its in members.items():
        if topic == Topic.INVOICES or not any(one.role in BY_ROLE[topic] for one in its):
            found[pk][organisations[pk].email.lower()] = None
    for member in queries.wanted(everybody, topic):
        found[member.organisation_id].setdefault(member.user.email.lower(), member)
    return found


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
    row.headers = _headers(row.reference, letter, leave_url)
    row.start(at)
    return row


def our_domain() -> str:
    """Return the domain in the Message-IDs of our mails."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"


def _headers(name: str, letter: Letter, leave_url: str) -> dict[str, str]:
    """Return what is the same at every try (RFC 3834, RFC 8058)."""
    domain = our_domain()
    headers = {"Message-ID": f"<{name}@{domain}>", "Auto-Submitted": "auto-generated"}
    if letter.thread:
        headers["References"] = headers["In-Reply-To"] = f"<{letter.thread}@{domain}>"
    if letter.reply_to:
        headers["Reply-To"] = letter.reply_to
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
    emit_all(event, [(organisation, key, data)], at=at)


@transaction.atomic
def emit_all(
    event: str, facts: Sequence[tuple[Organisation, str, Mapping[str, Any]]], *, at: datetime
) -> None:
    """Tell endpoints of an event that happened many times: to whom, with its key and data."""
    assert event in EVENTS, f"{event} is not in erp.outbox.states.EVENTS"
    with scope.everything("an event may be caused by somebody who does not see the endpoints"):
        heard: dict[int, list[Endpoint]] = {}
        for endpoint in queries.listening({one.pk for one, _, _ in facts}):
            if event in endpoint.events:
                heard.setdefault(endpoint.organisation_id, []).append(endpoint)
        rows = [
            _delivery(endpoint, event, _payload(event, data, at=at), key=key, at=at)
            for organisation, key, data in facts
            for endpoint in heard.get(organisation.pk, ())
        ]
        insert_missing(rows)
    for pk in sorted({one.endpoint_id for one in rows}):
        announce("webhook.posted", endpoint=pk)


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
