"""Endpoints of customers: made, changed, called; signed as Standard Webhooks says.

Source: https://github.com/standard-webhooks/standard-webhooks (specification, 1.0.0)
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.nudges import announce
from erp.base.secrets import reveal, seal
from erp.customers.models import Organisation
from erp.outbox import guarded, queue, services
from erp.outbox.letters import address
from erp.outbox.models import Delivery, Endpoint
from erp.outbox.queries import to_deliver
from erp.outbox.states import DELIVERY_PAUSES, EVENTS, EndpointState, State, Topic

MOST_ENDPOINTS = 10
OLD_SECRET_LIVES = timedelta(hours=24)
# After three days without one success an endpoint is switched off by itself.
PATIENCE = timedelta(days=3)
BATCH = 20
# What a receiver may ask for by Retry-After, in seconds.
SHORTEST_WAIT, LONGEST_WAIT = 60, 3600
KEPT = timedelta(days=60)
PRUNED_AT_ONCE = 1000
_PREFIX = "whsec_"
_GONE = 410
BY = "webhooks"

Clock = Callable[[], datetime]


class TooManyEndpoints(DomainError):
    """An organisation has at most ten webhooks: retire one first."""

    code = "too_many_endpoints"


class NoEvents(DomainError):
    """Choose at least one event, each of the list."""

    code = "no_events"
    status = 422


class NotActive(DomainError):
    """This webhook is switched off: switch it on first."""

    code = "not_active"


@transaction.atomic
def add(
    organisation: Organisation, *, url: str, events: Sequence[str], at: datetime, by: str
) -> Endpoint:
    """Add an endpoint with a new secret.

    Raises:
        BadAddress, NoEvents: what is wrong with the wish.
        TooManyEndpoints: there are enough.
    """
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    alive = Endpoint.objects.filter(organisation=organisation).exclude(state=EndpointState.RETIRED)
    if alive.count() >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    guarded.check_url(url)
    endpoint = Endpoint(organisation=organisation, url=url, events=_known(events), created_at=at)
    endpoint.state, endpoint.state_since = EndpointState.ACTIVE, at
    endpoint.secret_sealed = _new_secret(endpoint)
    endpoint.save(force_insert=True)
    record(endpoint, "added", at=at, by=by, url=url, events=endpoint.events)
    return endpoint


def _known(events: Sequence[str]) -> list[str]:
    if not events or set(events) - set(EVENTS):
        raise NoEvents
    return [event for event in EVENTS if event in events]


def _where(endpoint: Endpoint) -> str:
    return f"endpoint:{endpoint.reference}:secret"


def _new_secret(endpoint: Endpoint) -> str:
    made = _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    return seal(made, where=_where(endpoint))


@transaction.atomic
def change(endpoint: Endpoint, *, url: str, events: Sequence[str], at: datetime, by: str) -> None:
    """Send other events, or to another URL; the same again changes nothing.

    Raises:
        BadAddress, NoEvents: what is wrong with the wish.
    """
    guarded.check_url(url)
    stored = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    before, after = (stored.url, stored.events), (url, _known(events))
    if before == after:
        return
    Endpoint.objects.filter(pk=stored.pk).update(url=url, events=after[1], failing_since=None)
    was, now_is = ({"url": one[0], "events": one[1]} for one in (before, after))
    record(stored, "changed", at=at, by=by, before=was, after=now_is)


@transaction.atomic
def rotate(endpoint: Endpoint, *, at: datetime, by: str) -> None:
    """Make a new secret; for a day the old one signs too, so that the receiver can follow."""
    stored = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    Endpoint.objects.filter(pk=stored.pk).update(
        old_secret_sealed=stored.secret_sealed,
        old_secret_until=at + OLD_SECRET_LIVES,
        secret_sealed=_new_secret(stored),
    )
    record(stored, "secret_rotated", at=at, by=by)


def show_secret(endpoint: Endpoint, *, at: datetime, by: str) -> str:
    """Return the newest secret, and write down who looked."""
    record(endpoint, "secret_shown", at=at, by=by)
    return reveal(endpoint.secret_sealed, where=_where(endpoint))


@transaction.atomic
def enable(endpoint: Endpoint, *, at: datetime, by: str) -> None:
    """Switch it on: what waits is delivered."""
    move(endpoint, EndpointState.ACTIVE, at=at, by=by, also={"failing_since": None})
    announce("webhook.posted", endpoint=endpoint.pk)


def disable(endpoint: Endpoint, *, at: datetime, by: str, why: str = "") -> None:
    """Switch it off: what waits is kept until it is switched on."""
    move(endpoint, EndpointState.DISABLED, at=at, by=by, why=why)


def retire(endpoint: Endpoint, *, at: datetime, by: str) -> None:
    """End it for ever; its log stays for a while."""
    move(endpoint, EndpointState.RETIRED, at=at, by=by)


def send_test(endpoint: Endpoint, *, key: str, at: datetime) -> None:
    """Send an event that means nothing.

    Raises:
        NotActive: it is switched off.
    """
    if endpoint.state != EndpointState.ACTIVE:
        raise NotActive
    services.emit_test(endpoint, key=key, at=at)


def sign(secret: str, *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature: HMAC-SHA256 of id, timestamp and body under the secret's bytes."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _headers(delivery: Delivery, body: bytes, *, at: datetime) -> dict[str, str]:
    endpoint, timestamp = delivery.endpoint, int(at.timestamp())
    sealed = [endpoint.secret_sealed]
    if endpoint.old_secret_until and at < endpoint.old_secret_until:
        sealed.append(endpoint.old_secret_sealed)
    facts = {"webhook_id": delivery.webhook_id, "timestamp": timestamp, "body": body}
    signatures = (sign(reveal(one, where=_where(endpoint)), **facts) for one in sealed)  # type: ignore[arg-type]
    return {
        "Content-Type": "application/json",
        "User-Agent": "Tenantry-Webhooks/1",
        "webhook-id": delivery.webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def deliver(endpoint_pk: int, clock: Clock) -> None:
    """Deliver what is due to one endpoint, one after the other; stop at the first failure.

    One worker at a time calls an endpoint, so a slow one holds one worker at most.
    """
    for _ in range(BATCH):
        delivery = _claim(endpoint_pk, at=clock())
        if delivery is None or not _deliver(delivery, clock):
            return


@transaction.atomic
def _claim(endpoint_pk: int, *, at: datetime) -> Delivery | None:
    free = Endpoint.objects.select_for_update(skip_locked=True).filter(pk=endpoint_pk)
    waiting = to_deliver(endpoint_pk).select_related("endpoint", "endpoint__organisation")
    if not free or waiting.filter(state=State.SENDING, next_attempt_at__gt=at).exists():
        return None
    return queue.claim(waiting, at=at)


def _deliver(delivery: Delivery, clock: Clock) -> bool:
    """Call the endpoint once and write down what it said; return whether to go on."""
    if queue.is_hopeless(delivery, at=clock(), pauses=DELIVERY_PAUSES):
        return True
    at, body = clock(), delivery.payload.encode()
    try:
        answer = guarded.post(delivery.endpoint.url, body, _headers(delivery, body, at=at))
    except DomainError as error:
        _failed(delivery, str(error), None, at=clock())
        return False
    if 200 <= answer.status < 300:
        _arrived(delivery, answer, at=clock())
        return True
    _failed(delivery, _said(answer), answer, at=clock())
    return False


def _said(answer: guarded.Answer) -> str:
    if 300 <= answer.status < 400:
        return f"It answered {answer.status}: redirects are not followed, give the final URL."
    return f"It answered {answer.status} and not 2xx."


@transaction.atomic
def _arrived(delivery: Delivery, answer: guarded.Answer, *, at: datetime) -> None:
    facts = {"response_status": answer.status, "response_text": answer.text[:300]}
    if queue.sent(delivery, at=at, **facts):
        failing = Endpoint.objects.filter(pk=delivery.endpoint_id, failing_since__isnull=False)
        failing.update(failing_since=None)


@transaction.atomic
def _failed(delivery: Delivery, why: str, answer: guarded.Answer | None, *, at: datetime) -> None:
    facts: dict[str, Any] = {
        "response_status": answer.status if answer else None,
        "response_text": answer.text[:300] if answer else "",
    }
    if answer and answer.retry_after:
        wait = min(max(answer.retry_after, SHORTEST_WAIT), LONGEST_WAIT)
        facts["next_attempt_at"] = at + timedelta(seconds=wait)
    if not queue.failed(delivery, why, at=at, pauses=DELIVERY_PAUSES, **facts):
        return
    Endpoint.objects.filter(pk=delivery.endpoint_id, failing_since=None).update(failing_since=at)
    endpoint = Endpoint.objects.select_related("organisation").get(pk=delivery.endpoint_id)
    since = endpoint.failing_since or at
    if answer and answer.status == _GONE:
        _switch_off(endpoint, "It answered 410: it is gone.", at=at)
    elif at - since >= PATIENCE:
        _switch_off(endpoint, f"Nothing arrived since {since:%d %b %Y, %H:%M} UTC. {why}", at=at)


def _switch_off(endpoint: Endpoint, why: str, *, at: datetime) -> None:
    """Stop calling an endpoint that is not there any more, and tell its owner."""
    if endpoint.state != EndpointState.ACTIVE:
        return
    disable(endpoint, at=at, by=BY, why=why)
    link = address(f"/webhooks/{endpoint.reference}")
    letter = services.Letter(
        key=f"webhook:{endpoint.reference}:disabled:{at.isoformat()}",
        topic=Topic.ACCOUNT,
        template="webhook_disabled",
        facts={"url": endpoint.url, "why": why, "link": link},
        about=endpoint,
    )
    services.post(endpoint.organisation, letter, at=at)


def prune(*, at: datetime) -> None:
    """Forget deliveries whose end is two months ago, some at a time."""
    ended = Delivery.objects.filter(state__in=[State.SENT, State.GIVEN_UP])
    old = ended.filter(state_since__lt=at - KEPT).order_by("pk").values("pk")[:PRUNED_AT_ONCE]
    Delivery.objects.filter(pk__in=old).delete()
