"""Calls to addresses that customers typed: only to the open internet, and back in time."""

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import LazySettings

from erp.outbox import guarded
from tests.erp.outbox.servers import Receiver, a_receiver

NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1",
    "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::", "::127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not guarded.is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert guarded.is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/", "ftp://a.example/", "https:///x", "https://me:pw@a.example/", "https://",
        "https://a.example/#x", "https://a.example:99999/", "https://a .example/", "a.example",
        "https://ä.example/", "https://a.example/\r\nHost: b", "https://a.example:0/", "https://[::1",
        "file:///etc/passwd",
    ],
)  # fmt: skip
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(guarded.BadAddress):
        guarded.check_url(url)


def resolver(*addresses: str) -> Any:
    return lambda host, port, *_, **__: [(2, 1, 6, "", (one, port)) for one in addresses]


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("93.184.215.14", "127.0.0.1")])
def test_a_name_that_leads_inside_is_not_called(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    called: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", resolver(*addresses))
    monkeypatch.setattr(socket, "create_connection", lambda *args, **_: called.append(args))

    with pytest.raises(guarded.BadAddress, match="no public address"):
        guarded.post("https://a.example/", b"", {})

    assert called == []


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [resolver("93.184.215.14"), resolver("127.0.0.1")]
    called: list[Any] = []

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        called.append((address, timeout))
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answers.pop(0)(*a, **k))
    monkeypatch.setattr(socket, "create_connection", refuse)

    with pytest.raises(guarded.NotReached, match="refused"):
        guarded.post("https://a.example/", b"", {})

    assert called == [(("93.184.215.14", 443), guarded.CONNECT_SECONDS)]
    assert len(answers) == 1


def test_an_ordinary_call_brings_the_beginning_of_the_answer(receiver: Receiver) -> None:
    answer = guarded.post(receiver.url, b'{"a":1}', {"webhook-id": "msg_1"})

    assert (answer.status, len(answer.text)) == (200, guarded.MOST_ANSWER_BYTES)
    headers, body = receiver.calls[0]
    assert (headers["webhook-id"], body) == ("msg_1", b'{"a":1}')


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [(302, {"Location": receiver.url})]

    assert guarded.post(receiver.url, b"", {}).status == 302
    assert len(receiver.calls) == 1


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert guarded.post(receiver.url, b"", {}).status == 200


def test_a_certificate_that_nobody_vouches_for_is_refused(
    receiver: Receiver, settings: LazySettings
) -> None:
    with pytest.raises(guarded.NotReached, match="certificate"):
        guarded.post(receiver.url.replace("http:", "https:"), b"", {})
    assert receiver.calls == []


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for hooks.example, which this process trusts for the time of a test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    names = x509.SubjectAlternativeName([x509.DNSName("hooks.example")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file, pem = tmp_path / "cert.pem", serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1"))
    return context


def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(
    certified: ssl.SSLContext, settings: LazySettings
) -> None:
    settings.WEBHOOKS_ANYWHERE = True
    with a_receiver(certified) as receiver:
        port = urlsplit(receiver.url).port

        assert guarded.post(f"https://hooks.example:{port}/x", b"1", {}).status == 200
        with pytest.raises(guarded.NotReached, match="no certificate that we trust"):
            guarded.post(f"https://others.example:{port}/x", b"1", {})

    assert [headers["host"] for headers, _ in receiver.calls] == [f"hooks.example:{port}"]


def test_who_drips_is_cut_off_at_the_deadline(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_ANYWHERE = True
    monkeypatch.setattr(guarded, "ALL_SECONDS", 0.5)
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        one, _ = server.accept()
        while not over.wait(0.05):
            try:
                one.sendall(b"H")
            except OSError:
                break
        one.close()

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    with pytest.raises(guarded.NotReached, match="did not answer in time"):
        guarded.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"", {})
    assert time.monotonic() - began < guarded.ANSWER_SECONDS
    over.set()
    thread.join()
    server.close()
