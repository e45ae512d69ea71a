"""Webhooks: signed as the standard says, delivered once, retried, and switched off when gone."""

import json
import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection

from erp.base import scope
from erp.base.journal import JournalLine
from erp.base.secrets import reveal
from erp.customers.states import Role
from erp.outbox import services, webhooks
from erp.outbox.models import Delivery, Endpoint, Mail
from erp.outbox.queries import oldest_due_seconds
from erp.outbox.states import DELIVERY_PAUSES, EndpointState, State
from erp.outbox.tasks import deliver, sweep_deliveries, sweep_old_deliveries
from tests.erp.builders import NOON, Tree, a_member, a_tree
from tests.erp.outbox.servers import Receiver


def an_endpoint(tree: Tree, receiver: Receiver, *events: str) -> Endpoint:
    chosen = events or ("ticket.opened",)
    return webhooks.add(tree.customer, url=receiver.url, events=chosen, at=NOON, by="ann")


def emitted(tree: Tree, key: str = "T-1", event: str = "ticket.opened") -> None:
    services.emit(tree.customer, event, {"ticket": key}, key=key, at=NOON)


def work(endpoint: Endpoint, at: datetime = NOON) -> None:
    webhooks.deliver(endpoint.pk, lambda: at)


def secret_of(endpoint: Endpoint) -> str:
    return reveal(endpoint.secret_sealed, where=f"endpoint:{endpoint.reference}:secret")


def test_the_signature_is_that_of_the_standard() -> None:
    signature = webhooks.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_event_arrives_once_and_signed(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    emitted(tree)
    emitted(tree)

    work(endpoint)
    work(endpoint)

    ((headers, body),) = receiver.calls
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.response_status, delivery.sent_at) == ("sent", 200, NOON)
    assert headers["webhook-id"] == delivery.webhook_id
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert headers["content-type"] == "application/json"
    assert headers["webhook-signature"] == webhooks.sign(
        secret_of(endpoint),
        webhook_id=delivery.webhook_id,
        timestamp=int(NOON.timestamp()),
        body=body,
    )
    assert json.loads(body) == {
        "type": "ticket.opened",
        "timestamp": "2026-11-01T12:00:00+00:00",
        "data": {"ticket": "T-1"},
    }


def test_only_asked_events_of_the_own_organisation_are_told(tree: Tree, receiver: Receiver) -> None:
    an_endpoint(tree, receiver, "ticket.closed")
    emitted(tree)
    services.emit(tree.sibling, "ticket.closed", {}, key="T-2", at=NOON)

    assert not Delivery.objects.exists()


def test_for_a_day_both_secrets_sign(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    old = secret_of(endpoint)
    webhooks.rotate(endpoint, at=NOON, by="ann")
    endpoint.refresh_from_db()
    emitted(tree, "T-1")
    work(endpoint)
    emitted(tree, "T-2")
    work(endpoint, NOON + timedelta(hours=24))

    (first, body), (second, _) = receiver.calls
    signatures = first["webhook-signature"].split(" ")
    facts = {"webhook_id": first["webhook-id"], "timestamp": int(NOON.timestamp()), "body": body}
    assert signatures == [
        webhooks.sign(one, **facts)  # type: ignore[arg-type]
        for one in (secret_of(endpoint), old)
    ]
    assert old != secret_of(endpoint)
    assert len(second["webhook-signature"].split(" ")) == 1


def test_secrets_stand_sealed_and_are_shown_on_record(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)

    shown = webhooks.show_secret(endpoint, at=NOON, by="ann")

    assert shown.startswith("whsec_")
    assert shown not in endpoint.secret_sealed
    assert JournalLine.objects.get(event="secret_shown").by == "ann"
    assert not JournalLine.objects.filter(details__icontains=shown).exists()


def test_a_failure_is_tried_again_with_the_same_bytes(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    receiver.answers = [(500, {})]
    emitted(tree)

    work(endpoint)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.response_status) == (State.FAILED, 500)
    assert delivery.state_reason == "It answered 500 and not 2xx."
    work(endpoint, NOON + timedelta(seconds=3))
    assert len(receiver.calls) == 1

    work(endpoint, NOON + timedelta(seconds=6))
    (first, body), (second, again) = receiver.calls
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert Delivery.objects.get().state == State.SENT
    assert Endpoint.objects.get().failing_since is None


def test_a_receiver_may_ask_for_time(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    receiver.answers = [(429, {"Retry-After": "600"})]
    emitted(tree)

    work(endpoint)

    assert Delivery.objects.get().next_attempt_at == NOON + timedelta(minutes=10)


def test_a_redirect_is_a_failure_with_a_hint(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    receiver.answers = [(301, {"Location": "https://b.example/"})]
    emitted(tree)

    work(endpoint)

    reason = Delivery.objects.get().state_reason
    assert reason == "It answered 301: redirects are not followed, give the final URL."


def test_a_delivery_is_given_up_after_about_a_day(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    receiver.answers = [(500, {})] * 20
    emitted(tree)

    at = NOON
    for _ in range(len(DELIVERY_PAUSES) + 3):
        work(endpoint, at)
        at = max(at, Delivery.objects.get().next_attempt_at)

    assert len(receiver.calls) == len(DELIVERY_PAUSES) + 1
    assert Delivery.objects.get().state == State.GIVEN_UP
    assert timedelta(hours=20) < at - NOON < timedelta(hours=31)
    assert Endpoint.objects.get().state == EndpointState.ACTIVE


def test_who_says_gone_is_not_called_again_and_the_owner_is_told(
    tree: Tree, receiver: Receiver
) -> None:
    owner = a_member(tree.customer, Role.OWNER)
    endpoint = an_endpoint(tree, receiver)
    receiver.answers = [(410, {})]
    emitted(tree, "T-1")
    emitted(tree, "T-2")

    work(endpoint)
    work(endpoint, NOON + timedelta(days=1))
    emitted(tree, "T-3")

    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.state_reason) == ("disabled", "It answered 410: it is gone.")
    assert len(receiver.calls) == 1
    assert Delivery.objects.count() == 2
    mail = Mail.objects.get()
    assert (mail.recipient, mail.subject) == (owner.email, "A webhook was switched off")
    assert receiver.url in mail.text

    webhooks.enable(endpoint, at=NOON, by="ann")
    work(endpoint, NOON + timedelta(days=1))
    assert len(receiver.calls) == 3


def test_after_three_days_without_success_it_is_switched_off(
    tree: Tree, receiver: Receiver
) -> None:
    endpoint = an_endpoint(tree, receiver)
    receiver.answers = [(500, {})] * 3
    emitted(tree, "T-1")
    work(endpoint)
    work(endpoint, NOON + timedelta(days=2))
    assert Endpoint.objects.get().state == EndpointState.ACTIVE

    work(endpoint, NOON + timedelta(days=3))

    endpoint.refresh_from_db()
    assert endpoint.state == EndpointState.DISABLED
    assert endpoint.state_reason.startswith("Nothing arrived since 01 Nov 2026, 12:00 UTC.")
    assert Mail.objects.count() == 1


def test_one_worker_at_a_time_calls_an_endpoint(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    emitted(tree, "T-1")
    emitted(tree, "T-2")
    assert webhooks._claim(endpoint.pk, at=NOON)

    work(endpoint, NOON + timedelta(minutes=4))
    assert receiver.calls == []
    work(endpoint, NOON + timedelta(minutes=5))
    assert len(receiver.calls) == 2


def test_a_delivery_can_be_replayed_when_it_ended(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    emitted(tree)
    delivery = Delivery.objects.get()
    with pytest.raises(services.StillOnItsWay):
        services.replay(delivery, at=NOON, by="ann")
    work(endpoint)
    delivery.refresh_from_db()

    services.replay(delivery, at=NOON, by="ann")
    work(endpoint)

    assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 1
    assert len(receiver.calls) == 2
    assert JournalLine.objects.get(event="replayed").by == "ann"


def test_an_organisation_has_at_most_ten(tree: Tree, receiver: Receiver) -> None:
    made = [an_endpoint(tree, receiver) for _ in range(10)]
    with pytest.raises(webhooks.TooManyEndpoints):
        an_endpoint(tree, receiver)

    webhooks.retire(made[0], at=NOON, by="ann")
    an_endpoint(tree, receiver)


def test_a_test_is_sent_once_per_form(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    webhooks.send_test(endpoint, key="K-1", at=NOON)
    webhooks.send_test(endpoint, key="K-1", at=NOON)

    deliver(endpoint=endpoint.pk)
    deliver(endpoint=endpoint.pk)

    assert [json.loads(body)["type"] for _, body in receiver.calls] == ["endpoint.test"]
    webhooks.disable(endpoint, at=NOON, by="ann")
    with pytest.raises(webhooks.NotActive):
        webhooks.send_test(endpoint, key="K-2", at=NOON)


def test_the_sweep_finds_what_no_nudge_brought(
    tree: Tree, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = an_endpoint(tree, receiver)
    emitted(tree)
    handed: list[int] = []
    monkeypatch.setattr(deliver, "delay", lambda *, endpoint: handed.append(endpoint))

    sweep_deliveries()
    sweep_deliveries()
    assert handed == [endpoint.pk, endpoint.pk]
    work(endpoint)
    sweep_deliveries()
    assert len(handed) == 2


def test_what_is_late_is_counted_for_the_operator(tree: Tree, receiver: Receiver) -> None:
    endpoint = an_endpoint(tree, receiver)
    assert oldest_due_seconds(NOON) == 0
    emitted(tree)

    assert oldest_due_seconds(NOON + timedelta(seconds=90)) == 90
    webhooks.disable(endpoint, at=NOON, by="ann")
    assert oldest_due_seconds(NOON + timedelta(seconds=90)) == 0


def test_old_deliveries_are_forgotten_and_those_on_their_way_are_kept(
    tree: Tree, receiver: Receiver
) -> None:
    endpoint = an_endpoint(tree, receiver)
    emitted(tree, "T-1")
    work(endpoint, NOON)
    emitted(tree, "T-2")
    long_ago = NOON - timedelta(days=90)
    Delivery.objects.update(state_since=long_ago)

    sweep_old_deliveries()
    sweep_old_deliveries()

    assert [one.state for one in Delivery.objects.all()] == [State.WAITING]


@pytest.mark.django_db(transaction=True)
def test_two_workers_deliver_each_event_once(receiver: Receiver) -> None:
    tree = a_tree()
    endpoint = an_endpoint(tree, receiver)
    for number in range(10):
        emitted(tree, f"T-{number}")
    start = threading.Barrier(3)

    def worker() -> None:
        with scope.everything("a test"):
            start.wait()
            try:
                work(endpoint)
            finally:
                connection.close()

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(endpoint)

    ids = [headers["webhook-id"] for headers, _ in receiver.calls]
    assert len(ids) == len(set(ids)) == 10
