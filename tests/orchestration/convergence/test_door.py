"""Who may pass the node door, and what a node that calls can do there: for itself, in bounds."""

# mypy: disable-error-code="no-untyped-call"

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from erp.base.doors import now
from erp.tickets.models import Ticket
from orchestration.convergence import door as doors
from orchestration.convergence import tasks
from orchestration.convergence.calls import say_open
from orchestration.instances.models import Instance
from orchestration.metering.models import Sample
from orchestration.node_agent import calls
from orchestration.node_agent.bundle import bundle, version
from orchestration.nodes import authority, callers
from orchestration.nodes.callers import new_command, withdraw
from orchestration.nodes.models import ComputeNode, NodeAuthority, NodeCaller, NodeLease
from tests.orchestration.builders import a_provider
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.convergence.reports import a_report
from tests.orchestration.convergence.test_tasks import FakeNode
from tests.orchestration.door import Caller, RunningDoor, a_calling_node, enrolled_caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def door(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningDoor]:
    a_provider()
    monkeypatch.setattr(doors, "REFUSAL_SECONDS", 0.01)
    running = RunningDoor("127.0.0.1")
    settings.NODE_DOOR = f"127.0.0.1:{running.port}"
    yield running
    running.close()


def command(node: ComputeNode) -> str:
    return new_command(node, at=now(), by="test")


# Joining.


def test_a_machine_joins_step_by_step_and_its_token_is_forgotten(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    caller = Caller(tmp_path, command(node))
    assert caller.agent == version()
    caller.prepares(but="Create users and partitions")
    states = dict(node.steps.values_list("name", "state"))
    assert states["Wait for the machine's call"] == "done"
    assert states["Create users and partitions"] == "failed"
    assert states["Install the agent"] == "waiting"
    caller.prepares()
    questions = caller.talks(lambda question: {"op": "report", "report": {}})
    assert [question["op"] for question in questions] == ["poll"]
    node.refresh_from_db()
    assert (node.state, node.service_address, node.facts) == ("ready", "127.0.0.1", {"cpus": 4})
    assert {step.state for step in node.steps.all()} == {"done"}
    assert node.partitions.count() == 2
    assert NodeCaller.objects.get().token_hash == ""
    with pytest.raises(calls.DoorRefused, match="wrong, used or too old"):
        caller.master.ask(op="begin")


def test_a_token_is_stored_as_its_hash_and_good_for_one_key(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    given = command(node)
    first, second = Caller(tmp_path / "1", given), Caller(tmp_path / "2", given)
    assert first.token not in str(NodeCaller.objects.values())
    first.is_certified()
    kept = NodeCaller.objects.get().certificate
    with pytest.raises(calls.DoorRefused, match="wrong, used or too old"):
        second.is_certified()
    assert NodeCaller.objects.get().certificate == kept


def test_a_lost_certificate_is_given_again_to_the_same_key(
    door: RunningDoor, tmp_path: Path
) -> None:
    caller = Caller(tmp_path, command(a_calling_node()))
    asked = {"op": "certify", "request": calls.request(caller.home), "address": "192.0.2.7"}
    assert caller.master.ask(**asked) == caller.master.ask(**asked)


def test_a_token_is_too_old_after_an_hour_and_ended_by_a_new_one(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    old = Caller(tmp_path / "1", new_command(node, at=now() - timedelta(hours=1), by="test"))
    with pytest.raises(calls.DoorRefused, match="too old"):
        old.master.ask(op="begin")
    former = Caller(tmp_path / "2", command(node))
    command(node)
    with pytest.raises(calls.DoorRefused):
        former.master.ask(op="begin")


@pytest.mark.parametrize(
    "request_text", ["", "none", "-----BEGIN CERTIFICATE REQUEST-----", "x" * 9000]
)
def test_what_is_no_request_gets_no_certificate(
    door: RunningDoor, tmp_path: Path, request_text: str
) -> None:
    caller = Caller(tmp_path, command(a_calling_node()))
    with pytest.raises(calls.DoorRefused, match="no certificate request"):
        caller.master.ask(op="certify", request=request_text, address="192.0.2.7")
    assert NodeCaller.objects.get().certificate == ""


def test_another_authority_than_the_pinned_is_not_talked_to(
    door: RunningDoor, tmp_path: Path
) -> None:
    given = command(a_calling_node())
    pin = authority.authority_of(a_provider(), at=now()).pin
    with pytest.raises(calls.DoorRefused, match="another authority"):
        Caller(tmp_path, given.replace(pin, "0" * 64))


def test_the_command_runs_the_agent_that_was_promised_only(door: RunningDoor) -> None:
    given = command(a_calling_node())
    wrong = given.replace(version(), "0" * 64)
    done = subprocess.run(["sh", "-c", wrong], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "not the agent that was promised\n")
    assert len(bundle()) < 1 << 25


def test_a_certificate_of_a_node_does_not_pass_for_the_door(
    door: RunningDoor, tmp_path: Path
) -> None:
    """Or one node could play the Master to the others."""
    caller = enrolled_caller(tmp_path, a_calling_node())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(str(calls.pair_file(caller.home)))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def play() -> None:
            line, _ = listening.accept()
            with pytest.raises(OSError), server.wrap_socket(line, server_side=True) as inside:
                inside.recv(1)

        playing = threading.Thread(target=play)
        playing.start()
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        connection = calls.Connection(place, calls.context_for(caller.master.authority))
        with pytest.raises(ssl.SSLCertVerificationError):
            connection.connect()
        playing.join()


# Calling.


def test_a_node_is_driven_as_over_ssh(door: RunningDoor, tmp_path: Path) -> None:
    node = a_calling_node()
    caller, far = enrolled_caller(tmp_path, node), FakeNode()
    instance = an_instance_on(node)
    tasks.converge_node(node=node.pk)
    questions = caller.talks(far.ask)
    assert [question["op"] for question in questions] == ["poll", "desired", "poll"]
    instance.refresh_from_db()
    assert (instance.state, instance.observed_generation) == ("started", 1)
    node.refresh_from_db()
    assert node.applied_revision == node.desired_revision != ""


def test_a_waiting_call_is_answered_as_soon_as_something_changed(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    caller, far = enrolled_caller(tmp_path, node), FakeNode()
    caller.talks(far.ask)
    ComputeNode.objects.filter(pk=node.pk).update(next_attempt_at=now() + timedelta(hours=1))
    heard: list[float] = []

    def call() -> None:
        caller.talks(far.ask)
        heard.append(time.monotonic())

    calling = threading.Thread(target=call)
    calling.start()
    wait_until_it_waits(door, node)
    assert heard == []
    began = time.monotonic()
    tasks.converge_node(node=node.pk)
    calling.join(10)
    assert heard[0] - began < 2


def wait_until_it_waits(door: RunningDoor, node: ComputeNode) -> None:
    until = time.monotonic() + 10
    while node.pk not in door.door._waiting:
        assert time.monotonic() < until, "the node does not wait"
        time.sleep(0.01)


def test_a_report_of_another_node_is_refused_and_nothing_is_stored(
    door: RunningDoor, tmp_path: Path
) -> None:
    node, other = a_calling_node(), a_calling_node("shop-2")
    caller = enrolled_caller(tmp_path, node)

    def lie(question: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"op": "report", "report": a_report(node=other.reference)}

    caller.talks(lie)
    node.refresh_from_db()
    assert node.last_error == "The report is of another node."
    assert (node.failures, node.report_hash) == (1, "")
    other.refresh_from_db()
    assert (other.state, other.last_seen_at) == ("enrolling", None)


def test_an_answer_beyond_its_bound_ends_the_call(
    door: RunningDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = a_calling_node()
    caller = enrolled_caller(tmp_path, node)
    monkeypatch.setattr(doors, "LONGEST_ANSWER", 1000)
    with pytest.raises((OSError, HTTPException)):
        caller.talks(lambda question: {"op": "report", "report": "x" * 2000})
    until = time.monotonic() + 10
    while not node.failures:
        assert time.monotonic() < until
        node.refresh_from_db()
    assert "too long" in node.last_error


def test_samples_that_come_twice_are_stored_once(door: RunningDoor, tmp_path: Path) -> None:
    node = a_calling_node()
    caller, far = enrolled_caller(tmp_path, node), FakeNode()
    instance = an_instance_on(node)
    caller.talks(far.ask)
    at = now().replace(microsecond=0)
    sample = {
        "seq": 1,
        "partition": "p0",
        "instance_uid": instance.reference,
        "meter": "cpu_seconds",
        "unit": "s",
        "value": "0.5",
        "accuracy": "cgroup v2",
        "from": (at - timedelta(seconds=10)).isoformat(),
        "to": at.isoformat(),
    }
    report = far._report() | {"state_hash": "new", "samples": [sample], "position": 1}
    for _ in range(2):
        ComputeNode.objects.filter(pk=node.pk).update(next_attempt_at=now())
        questions = caller.talks(lambda question: {"op": "report", "report": report})
    assert questions[0]["acked"] == {"epoch": "e", "seq": 1}
    assert Sample.objects.count() == 1


def test_two_calls_of_one_node_are_one_pass_at_a_time(door: RunningDoor, tmp_path: Path) -> None:
    node = a_calling_node()
    caller, far = enrolled_caller(tmp_path, node), FakeNode()
    caller.talks(far.ask)
    ComputeNode.objects.filter(pk=node.pk).update(next_attempt_at=now() + timedelta(hours=1))
    first = caller.dials()
    broken: list[Exception] = []

    def call() -> None:
        try:
            caller.talks(far.ask, first)
        except (OSError, HTTPException) as error:
            broken.append(error)

    calling = threading.Thread(target=call)
    calling.start()
    wait_until_it_waits(door, node)
    tasks.converge_node(node=node.pk)
    ComputeNode.objects.filter(pk=node.pk).update(next_attempt_at=now() + timedelta(hours=1))
    second = caller.dials()
    second.request("POST", "/talk", body=b"{}")
    calling.join(10)
    assert not calling.is_alive()
    second.close()


# Bounds: one node, or one network, leaves room for the others.


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_who_holds_a_network_counts_once(host: str, place: str) -> None:
    assert doors.network_of(host) == place


def test_one_node_cannot_take_all_connections(
    door: RunningDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, other = a_calling_node(), a_calling_node("shop-2")
    caller, far = enrolled_caller(tmp_path / "1", node), FakeNode()
    fine = enrolled_caller(tmp_path / "2", other)
    monkeypatch.setattr(doors, "MOST_OF_ONE", 3)
    until = time.monotonic() + 10
    while len(door.door._lines):
        assert time.monotonic() < until
        time.sleep(0.01)
    held = [caller.dials() for _ in range(3)]
    for connection in held:
        connection.connect()
    with pytest.raises((OSError, HTTPException)):
        caller.talks(far.ask)
    ComputeNode.objects.filter(pk=other.pk).update(next_attempt_at=now())
    assert fine.talks(lambda question: {"op": "report", "report": {}})
    for connection in held:
        connection.close()


def test_strangers_leave_room_for_nodes(
    door: RunningDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, far = enrolled_caller(tmp_path, a_calling_node()), FakeNode()
    monkeypatch.setattr(doors, "MOST_STRANGERS", 0)
    with pytest.raises((OSError, HTTPException)):
        calls.pinned_authority(caller.door, caller.pin)
    ComputeNode.objects.update(next_attempt_at=now())
    assert caller.talks(far.ask)


def test_an_answer_that_comes_byte_by_byte_ends_the_call(
    door: RunningDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = a_calling_node()
    caller = enrolled_caller(tmp_path, node)
    monkeypatch.setattr("orchestration.convergence.http.BODY_SECONDS", 0.3)
    connection = caller.dials()
    while json.loads(connection.send_line("/talk", b"{}"))["op"] == "wait":
        continue
    connection.putrequest("POST", "/talk")
    connection.putheader("Content-Length", "100000")
    connection.endheaders()
    with pytest.raises(OSError):
        for _ in range(1000):
            connection.send(b"x")
            time.sleep(0.02)
    node.refresh_from_db()
    assert node.last_error.startswith("The node's call broke off: TimeoutError")


def test_a_node_is_visited_once_at_a_time_though_its_lease_is_over(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    caller, far = enrolled_caller(tmp_path, node), FakeNode()
    asked, go_on = threading.Event(), threading.Event()

    def slow(question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.set()
        assert go_on.wait(20)
        return far.ask(dict(question))

    first = threading.Thread(target=lambda: caller.talks(slow))
    first.start()
    assert asked.wait(10)
    NodeLease.objects.update(until=now() - timedelta(seconds=1))
    second = threading.Thread(target=lambda: caller.talks(far.ask, caller.dials()))
    second.start()
    wait_until_it_waits(door, node)
    door.run(door.door._look())
    assert not door.door._waiting[node.pk].turn.is_set()
    go_on.set()
    for thread in (first, second):
        ComputeNode.objects.update(next_attempt_at=now())
        thread.join(10)
        assert not thread.is_alive()


# Certificates.


def refused(caller: Caller) -> str:
    with pytest.raises(calls.DoorRefused) as refusal:
        caller.talks(lambda question: {"op": "same"})
    return str(refusal.value)


def test_a_withdrawn_certificate_ends_even_a_waiting_call(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    caller, far = enrolled_caller(tmp_path, node), FakeNode()
    caller.talks(far.ask)
    ComputeNode.objects.filter(pk=node.pk).update(next_attempt_at=now() + timedelta(hours=1))
    said: list[str] = []
    calling = threading.Thread(target=lambda: said.append(refused(caller)))
    calling.start()
    wait_until_it_waits(door, node)
    withdraw(node, at=now(), by="test")
    calling.join(10)
    assert "not, or no more, a node's own" in said[0]
    assert "not, or no more, a node's own" in refused(caller)


def test_a_retired_node_and_one_without_a_certificate_are_refused(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    caller = enrolled_caller(tmp_path, node)
    ComputeNode.objects.filter(pk=node.pk).update(state="retired")
    assert "no more" in refused(caller)
    stranger = calls.Connection(caller.door, caller.master.context)
    with pytest.raises(calls.DoorRefused, match="not, or no more, a node's own"):
        stranger.send_line("/talk", b"{}")


def test_a_certificate_of_another_authority_is_refused(door: RunningDoor, tmp_path: Path) -> None:
    caller = enrolled_caller(tmp_path, a_calling_node())
    NodeAuthority.objects.all().delete()
    other = authority.authority_of(a_provider(), at=now())
    signed = authority.sign_node(other, calls.request(caller.home), name="N-1", at=now())
    calls.take(caller.home, signed.certificate)
    with pytest.raises((OSError, HTTPException)):
        caller.talks(lambda question: {"op": "same"})


def test_a_certificate_is_renewed_long_before_it_ends(door: RunningDoor, tmp_path: Path) -> None:
    node = a_calling_node()
    caller, far = enrolled_caller(tmp_path, node), FakeNode()
    NodeCaller.objects.update(certificate_until=now() + timedelta(days=44))
    former = NodeCaller.objects.get()

    def reply(question: Mapping[str, Any]) -> Mapping[str, Any]:
        if question["op"] == "renew":
            return {"op": "request", "request": calls.request(caller.home)}
        if question["op"] == "certificate":
            calls.take(caller.home, question["certificate"])
            return {"op": "accepted"}
        return far.ask(dict(question))

    connection, old = caller.dials(), calls.pair_file(caller.home).read_bytes()
    questions = caller.talks(reply, connection)
    assert [one["op"] for one in questions][-2:] == ["renew", "certificate"]
    row = NodeCaller.objects.get()
    assert row.former_hash == former.certificate_hash != row.certificate_hash
    assert row.certificate_until is not None
    assert row.certificate_until > now() + timedelta(days=89)
    # The former is good until the new one is seen, and not afterwards.
    assert callers.recognised(row.former_hash, at=now()) == node
    ComputeNode.objects.update(next_attempt_at=now())
    caller.talks(reply)
    assert NodeCaller.objects.get().former_hash == ""
    calls.pair_file(caller.home).write_bytes(old)
    assert "no more" in refused(caller)


def test_a_renewal_that_was_lost_on_the_way_is_made_again(
    door: RunningDoor, tmp_path: Path
) -> None:
    caller, far = enrolled_caller(tmp_path, a_calling_node()), FakeNode()
    caller.talks(far.ask)
    lost = NodeCaller.objects.get()
    request = calls.request(caller.home)
    callers.renew(lost.node, request, at=now())
    ComputeNode.objects.update(next_attempt_at=now())

    def reply(question: Mapping[str, Any]) -> Mapping[str, Any]:
        if question["op"] == "renew":
            return {"op": "request", "request": calls.request(caller.home)}
        if question["op"] == "certificate":
            calls.take(caller.home, question["certificate"])
            return {"op": "accepted"}
        return far.ask(dict(question))

    assert [one["op"] for one in caller.talks(reply)] == ["poll", "renew", "certificate"]
    ComputeNode.objects.update(next_attempt_at=now())
    assert [one["op"] for one in caller.talks(reply)] == ["poll"]
    assert NodeCaller.objects.get().former_hash == ""


def test_a_clock_that_is_wrong_by_years_does_not_lock_a_node_out(
    door: RunningDoor, tmp_path: Path
) -> None:
    caller = enrolled_caller(tmp_path, a_calling_node())
    context = calls.context_for(caller.master.authority)
    ours = authority.authority_of(a_provider(), at=now())
    certificate, key = authority.door_pair(ours, at=now() - timedelta(days=1000))
    pair = tmp_path / "pair.pem"
    pair.write_text(certificate + key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(str(pair))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            line, _ = listening.accept()
            with server.wrap_socket(line, server_side=True) as inside:
                heard = b""
                while not heard.endswith(b"{}"):
                    heard += inside.recv(1000)
                inside.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        answering = threading.Thread(target=answer)
        answering.start()
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        assert calls.Connection(place, context).send_line("/talk", b"{}") == b"{}"
        answering.join()


# Silence.


def test_a_node_that_calls_no_more_is_one_incident_that_its_next_call_ends(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    caller, far = enrolled_caller(tmp_path, node), FakeNode()
    caller.talks(far.ask)
    long_ago = now() - timedelta(seconds=61)
    ComputeNode.objects.filter(pk=node.pk).update(last_seen_at=long_ago)
    tasks.sweep_silent()
    node.refresh_from_db()
    assert node.state == "ready", "the door is not open for long enough to know"
    NodeAuthority.objects.update(open_since=long_ago, seen_at=now())
    tasks.sweep_silent()
    tasks.sweep_silent()
    node.refresh_from_db()
    assert node.state == "unreachable"
    assert node.state_reason == f"It has not called since {long_ago:%Y-%m-%d %H:%M:%S} UTC."
    assert Ticket.objects.get().subject == "Node shop-1 cannot be reached"
    ComputeNode.objects.filter(pk=node.pk).update(next_attempt_at=now())
    caller.talks(far.ask)
    node.refresh_from_db()
    assert (node.state, Ticket.objects.get().state) == ("ready", "closed")


def test_a_closed_door_is_one_incident_and_no_node_is_called_silent(
    door: RunningDoor, tmp_path: Path
) -> None:
    node = a_calling_node()
    enrolled_caller(tmp_path, node)
    door.close()
    door.close = lambda: None  # type: ignore[method-assign]
    long_ago = now() - timedelta(seconds=61)
    ComputeNode.objects.update(last_seen_at=long_ago)
    NodeAuthority.objects.update(open_since=long_ago, seen_at=now() - timedelta(seconds=31))
    tasks.sweep_silent()
    tasks.sweep_silent()
    node.refresh_from_db()
    assert node.state == "ready"
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.messages.count()) == ("The node door is closed", 1)
    say_open(at=now())
    tasks.sweep_silent()
    assert Ticket.objects.get().state == "closed"


# What is no agent.


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"POST /talk HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /talk HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /enrol HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
        b"GET /agent.zip HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"\x00" * 20 + b"\r\n\r\n",
    ],
)
def test_what_no_agent_says_ends_the_connection(door: RunningDoor, sent: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", door.port), timeout=10) as line,
        context.wrap_socket(line) as inside,
    ):
        inside.sendall(sent)
        try:
            assert inside.recv(100) == b""
        except OSError as error:
            assert "timed out" not in str(error)


def test_more_strangers_than_may_be_open_from_one_address_are_sent_away(
    door: RunningDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "MOST_STRANGERS", 2)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    place = f"127.0.0.1:{door.port}"
    kept = [calls.Connection(place, context) for _ in range(2)]
    for one in kept:
        one.request("GET", "/authority.pem")
        assert one.getresponse().read().startswith(b"-----BEGIN")
    with pytest.raises((OSError, HTTPException)):
        calls.Connection(place, context).send_line("/talk", b"{}")
    for one in kept:
        one.close()


def test_a_token_that_is_no_text_is_refused_in_words(door: RunningDoor, tmp_path: Path) -> None:
    caller = Caller(tmp_path, command(a_calling_node()))
    asked: object
    for asked in ({"token": 3}, [], {"token": caller.token, "op": "read"}):
        connection = calls.Connection(caller.door, caller.master.context)
        with pytest.raises(calls.DoorRefused, match="There is no"):
            connection.send_line("/enrol", json.dumps(asked).encode())
    assert callers.node_of_token(caller.token, at=now()).state == "enrolling"
    assert not Instance.objects.exists()
