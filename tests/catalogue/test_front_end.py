"""The front end of the catalogue, as it runs: real sockets, real TLS, real changes under load."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalogue.building import built, wait_for
from tests.catalogue.front import Front, Server, a_certificate, a_server, ask, everything, upgrade


@pytest.fixture(scope="module")
def caddy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("http-frontend", tmp_path_factory.mktemp("built")) / "lib" / "bin" / "caddy"


@pytest.fixture
def front(caddy: Path, tmp_path: Path) -> Iterator[Front]:
    with Front(tmp_path / "partition", caddy) as one:
        yield one


@pytest.fixture
def server() -> Iterator[Server]:
    with a_server() as one:
        yield one


def site(server: Server, domain: str, **changes: object) -> dict[str, object]:
    return {"domain": domain, "backend": server.url, **changes}


def test_each_name_has_a_certificate_of_the_authority_or_its_own(
    front: Front, server: Server
) -> None:
    certificate, key = a_certificate("given.example", "www.given.example")
    given = {"aliases": ["www.given.example"], "certificate": certificate, "private_key": key}
    front.serve(
        I_1=site(server, "made.example"),
        I_2=site(server, "given.example", **given),
    )
    assert front.status() == {
        "I-1": {"generation": 1, "ok": True, "message": ""},
        "I-2": {"generation": 1, "ok": True, "message": ""},
    }
    assert front.get_tls("made.example").status == 200
    for name in ("given.example", "www.given.example"):
        with front.tls(name, authority=certificate) as link:
            assert ask(link, name, "/").status == 200
    with pytest.raises(ssl.SSLError):
        front.tls("nobody.example")
    assert front.look("sites") == (0, "")


def test_who_asks_without_tls_is_sent_to_https_unless_the_site_wants_both(
    front: Front, server: Server
) -> None:
    front.serve(
        I_1=site(server, "only.example", hsts=True),
        I_2=site(server, "both.example", redirect_to_https=False, hsts=True),
    )
    sent = front.get("only.example", "/a?b=c")
    assert (sent.status, sent.headers["Location"]) == (
        308,
        f"https://only.example:{front.https}/a?b=c",
    )
    assert server.asked == []
    plain = front.get("both.example")
    assert (plain.status, plain.headers["Strict-Transport-Security"]) == (200, None)
    secure = front.get_tls("both.example")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_server_is_told_who_asks_and_not_what_a_visitor_makes_up(
    front: Front, server: Server
) -> None:
    front.serve(I_1=site(server, "a.example"))
    made_up = {
        "X_Forwarded_For": "192.0.2.1",
        "X_Forwarded_Proto": "http",
        "X_Forwarded_Host": "other.example",
        "Connection": "close, X-Hop",
        "X_Hop": "by hop",
        "Proxy_Authorization": "Basic eA==",
        "X_Mine": "kept",
    }
    told = dict(json.loads(front.get_tls("a.example", **made_up).text))
    assert told["Host"] == "a.example"
    assert told["X-Forwarded-For"] == "127.0.0.1"
    assert told["X-Forwarded-Proto"] == "https"
    assert told["X-Forwarded-Host"] == "a.example"
    assert told["X-Mine"] == "kept"
    assert {"X-Hop", "Proxy-Authorization", "Connection"} & set(told) == set()


def test_what_is_sent_and_answered_is_passed_on_as_it_comes(front: Front, server: Server) -> None:
    front.serve(I_1=site(server, "a.example"))
    with front.tls("a.example") as link:
        link.sendall(b"POST /up HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
        link.sendall(b"5\r\nfirst\r\n")
        wait_for(lambda: server.pieces == [b"first"])
        link.sendall(b"4\r\nlast\r\n0\r\n\r\n")
        assert link.recv(4096).startswith(b"HTTP/1.1 200")
        assert server.pieces == [b"first", b"last"]

    with front.tls("a.example") as link:
        link.sendall(b"GET /stream HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        found = b""
        while b"first" not in found:
            found += link.recv(4096)
        assert b"last" not in found
        server.gate.set()
        assert b"last" in everything(link)


def test_a_change_of_the_sites_breaks_nothing_that_is_under_way(
    front: Front, server: Server
) -> None:
    front.serve(I_1=site(server, "a.example", redirect_to_https=False))
    stream = front.tls("a.example")
    stream.sendall(b"GET /stream HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
    found = b""
    while b"first" not in found:
        found += stream.recv(4096)
    web = upgrade(front.tls("a.example"), "a.example")
    ended = threading.Event()
    statuses: list[int] = []

    def load() -> None:
        while not ended.is_set():
            statuses.append(asked_again(front, "a.example"))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(4):
        front.serve(**{f"I_{number + 2}": site(server, f"s{number}.example")})
    ended.set()
    for thread in threads:
        thread.join()

    assert set(statuses) == {200}
    assert len(statuses) > 100
    assert front.get_tls("s3.example").status == 200
    web.sendall(b"\x81\x05hello")
    assert web.recv(7) == b"\x81\x05hello"
    server.gate.set()
    assert b"last" in found + everything(stream)
    web.close()
    stream.close()


def asked_again(front: Front, domain: str) -> int:
    """Ask as browsers do: once more when a connection is closed before any answer."""
    try:
        return front.get(domain).status
    except ConnectionError:
        return front.get(domain).status


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nTransfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length: -1",
        "Content-Length : 5",
        "Bad\x00Name: x",
    ],
)
def test_a_request_with_two_ends_reaches_no_server(front: Front, server: Server, head: str) -> None:
    front.serve(I_1=site(server, "a.example", redirect_to_https=False))
    smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"
    said = front.plain(f"POST / HTTP/1.1\r\nHost: a.example\r\n{head}\r\n\r\n{smuggled}".encode())
    assert said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))
    assert (server.asked, server.pieces) == ([], [])


def test_with_both_lengths_only_the_chunks_count(front: Front, server: Server) -> None:
    """As RFC 9112 has it: what follows them is a request of its own, or nothing."""
    front.serve(I_1=site(server, "a.example", redirect_to_https=False))
    both = "Content-Length: 60\r\nTransfer-Encoding: chunked\r\nConnection: close"
    chunks = "1\r\na\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"
    front.plain(f"POST /up HTTP/1.1\r\nHost: a.example\r\n{both}\r\n\r\n{chunks}".encode())
    assert "/smuggled" not in server.asked


def test_headers_and_bodies_have_bounds(front: Front, server: Server) -> None:
    front.serve(I_1=site(server, "a.example", redirect_to_https=False, body_mib=1))
    large = "x" * 40_000
    assert front.plain(
        f"GET / HTTP/1.1\r\nHost: a.example\r\nX-Large: {large}\r\n\r\n".encode()
    ).startswith(b"HTTP/1.1 431")
    head = "POST /up HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: "
    said = front.plain(f"{head}1048577\r\n\r\n".encode() + b"x" * 1_048_577)
    assert said.startswith(b"HTTP/1.1 413")
    assert b"larger than this site takes" in said
    said = front.plain(f"{head}1048576\r\n\r\n".encode() + b"x" * 1_048_576)
    assert said.startswith(b"HTTP/1.1 200")
    assert len(server.pieces[-1]) == 1_048_576


def test_what_cannot_be_answered_is_said_in_plain_words(
    caddy: Path, tmp_path: Path, server: Server
) -> None:
    with a_server() as gone:
        url = gone.url
    with Front(tmp_path / "partition", caddy, connections_per_site=1) as front:
        front.serve(
            I_1={"domain": "gone.example", "backend": url, "redirect_to_https": False},
            I_2=site(server, "busy.example", redirect_to_https=False),
        )
        nobody = front.get("nobody.example")
        assert (nobody.status, "No site here" in nobody.text) == (404, True)
        gone_said = front.get("gone.example")
        assert (gone_said.status, "does not answer" in gone_said.text) == (502, True)
        first = threading.Thread(target=front.get, args=("busy.example", "/waits"))
        first.start()
        wait_for(lambda: server.asked == ["/waits"])
        busy = front.get("busy.example")
        assert (busy.status, "This site is busy" in busy.text) == (503, True)
        server.gate.set()
        first.join()
        assert front.get("busy.example").status == 200


def test_a_name_is_one_sites_and_each_is_told_what_is_wrong_with_it_alone(
    front: Front, server: Server
) -> None:
    other, key = a_certificate("other.example")
    ended = a_certificate("ended.example", days=-1)
    front.serve(
        I_1=site(server, "a.example", redirect_to_https=False),
        I_2=site(server, "b.example", aliases=["A.example."]),
        I_3={"domain": "c.example", "backend": "http://169.254.169.254"},
        I_4={"domain": "d.example", "backend": f"http://127.0.0.1:{front.https}"},
        I_5=site(server, "e.example", certificate=other, private_key=key),
        I_6=site(server, "ended.example", certificate=ended[0], private_key=ended[1]),
        I_7={"domain": "not a name", "backend": "ftp://x"},
    )
    messages = {name: str(one["message"]) for name, one in front.status().items()}
    assert messages["I-1"] == ""
    assert messages["I-2"] == "a.example belongs to another site, which asked for it first"
    assert messages["I-3"] == (
        "the backend cannot be used: 169.254.169.254 is for the machine itself and never for a site"
    )
    assert messages["I-4"] == (
        f"the backend cannot be used: 127.0.0.1 port {front.https} is this front end itself"
    )
    assert messages["I-5"].startswith("the certificate does not fit e.example: Hostname mismatch")
    assert messages["I-6"].startswith("the certificate does not fit ended.example: certificate has")
    assert messages["I-7"] == (
        "'not a name' is no host name; "
        "the backend cannot be used: begin it with http:// or https://"
    )
    assert front.get("a.example").status == 200
    assert front.get_tls("b.example").status == 200
    # With a certificate that fits nobody, the site is served with one of the authority.
    assert front.get_tls("e.example").status == 200
    unfit = front.get_tls("c.example")
    assert (unfit.status, "not set up yet" in unfit.text) == (503, True)
    assert front.look("sites") == (0, "")


def test_a_site_that_brings_a_certificate_shows_this_one_whatever_others_bring(
    front: Front, server: Server
) -> None:
    theirs, key = a_certificate("*.mine.example")
    mine, my_key = a_certificate("*.mine.example")
    front.serve(I_1=site(server, "x.mine.example", certificate=theirs, private_key=key))
    front.serve(I_2=site(server, "www.mine.example", certificate=mine, private_key=my_key))
    front.serve(I_3=site(server, "made.mine.example"))
    assert {name: one["ok"] for name, one in front.status().items()} == dict.fromkeys(
        ("I-1", "I-2", "I-3"), True
    )
    for name, authority in (("x", theirs), ("www", mine), ("made", "")):
        domain = f"{name}.mine.example"
        with front.tls(domain, authority=authority) as link:
            assert ask(link, domain, "/").status == 200


def test_sites_are_served_on_every_address(front: Front, server: Server) -> None:
    front.serve(I_1=site(server, "a.example", redirect_to_https=False))
    with socket.create_connection(("::1", front.http), timeout=10) as link:
        assert ask(link, "a.example", "/").status == 200
    context = ssl.create_default_context(cadata=front.authority())
    with socket.create_connection(("::1", front.https), timeout=10) as plain:
        link = context.wrap_socket(plain, server_hostname="a.example")
        assert ask(link, "a.example", "/").status == 200


def test_a_broken_list_of_sites_changes_nothing_and_is_told(front: Front, server: Server) -> None:
    front.serve(I_1=site(server, "a.example", redirect_to_https=False))
    (front.place / "shared.json").write_text('[{"reference": ')
    wait_for(lambda: front.look("sites")[0] == 1)
    assert front.look("sites")[1].startswith("shared.json cannot be read")
    assert front.get("a.example").status == 200
    front.serve()
    wait_for(lambda: front.look("sites") == (0, ""))


def test_requests_are_counted_for_each_site_over_restarts(front: Front, server: Server) -> None:
    front.serve(
        I_1=site(server, "a.example", redirect_to_https=False),
        I_2=site(server, "b.example", redirect_to_https=False),
    )
    for _ in range(3):
        front.get("a.example")
    front.get_tls("b.example")
    front.get("nobody.example")
    assert front.stop() == 0
    assert (front.count("I-1"), front.count("I-2")) == (3, 1)
    authority = Path(front.place / "data/engine/pki/authorities/local/root.crt").read_text()
    front.start()
    front.get("a.example")
    wait_for(lambda: front.count("I-1") == 4)
    assert (front.place / "data" / "counts" / "requests").read_text() == "5"
    assert front.authority() == authority


def test_connections_to_servers_are_kept(front: Front, server: Server) -> None:
    front.serve(I_1=site(server, "a.example", redirect_to_https=False))
    for _ in range(20):
        assert front.get("a.example").status == 200
    assert server.connections == 1


def test_a_server_with_tls_is_known_by_its_name_and_authority(front: Front, tmp_path: Path) -> None:
    certificate, key = a_certificate("localhost")
    paths = tmp_path / "certificate", tmp_path / "key"
    for path, text in zip(paths, (certificate, key), strict=True):
        path.write_text(text)
    with a_server(tls=paths) as server:
        port = server.server_address[1]
        url = {"backend": f"https://localhost:{port}", "redirect_to_https": False}
        front.serve(
            I_1={"domain": "a.example", "backend_ca": certificate, "host_header": "backend"} | url,
            I_2={"domain": "b.example"} | url,
        )
        answer = front.get("a.example")
        assert (answer.status, dict(json.loads(answer.text))["Host"]) == (200, f"localhost:{port}")
        assert front.get("b.example").status == 502


def test_certificates_are_made_anew_before_they_end(
    caddy: Path, tmp_path: Path, server: Server
) -> None:
    with Front(tmp_path / "partition", caddy, certificate_seconds=15) as front:
        front.serve(I_1=site(server, "a.example"))
        first = serial(front)
        wait_for(lambda: serial(front) != first, seconds=30)


def serial(front: Front) -> object:
    """Return the number of the certificate that a visitor is shown."""
    with front.tls("a.example") as link:
        found = link.getpeercert()
        assert found
        return found["serialNumber"]


def test_the_engine_ends_with_its_program_however_that_ends(front: Front, server: Server) -> None:
    front.serve(I_1=site(server, "a.example", redirect_to_https=False))
    assert front.process is not None
    front.process.kill()
    front.process.wait()

    def is_gone() -> bool:
        try:
            front.get("a.example")
        except OSError:
            return True
        return False

    wait_for(is_gone)
    front.start()
    wait_for(lambda: front.get("a.example").status == 200)


def test_a_domain_stays_with_its_site_whoever_asks_for_it_later(
    front: Front, server: Server
) -> None:
    front.serve(I_9=site(server, "a.example"), I_5=site(server, "b.example"))
    front.serve(I_1=site(server, "a.example"), I_5=site(server, "b.example", aliases=["a.example"]))
    lost = "a.example belongs to another site, which asked for it first"
    messages = {name: one["message"] for name, one in front.status().items()}
    assert messages == {"I-9": "", "I-5": lost, "I-1": lost}
    front.stop()
    front.start()
    wait_for(lambda: front.status()["I-9"]["ok"] is True)
    assert front.status()["I-1"]["message"] == lost
    front.serve(I_9=site(server, "c.example"))
    wait_for(lambda: front.status()["I-5"]["ok"] is True)
    assert front.status()["I-1"]["message"] == lost


def test_a_stopped_site_is_served_nowhere_and_keeps_its_domain(
    front: Front, server: Server
) -> None:
    front.serve(I_1=site(server, "a.example"))
    assert front.get_tls("a.example").status == 200
    front.stopped = {"I-1"}
    front.serve(I_2=site(server, "a.example"))
    lost = "a.example belongs to another site, which asked for it first"
    messages = {name: one["message"] for name, one in front.status().items()}
    assert messages == {"I-1": "", "I-2": lost}
    wait_for(lambda: is_refused(front, "a.example"))
    front.stopped = set()
    front.serve(I_2=site(server, "b.example"))
    wait_for(lambda: front.get_tls("a.example").status == 200)


def is_refused(front: Front, domain: str) -> bool:
    try:
        front.tls(domain).close()
    except ssl.SSLError:
        return True
    return False
