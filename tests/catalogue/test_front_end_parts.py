"""What the front end decides before its engine hears of it: addresses, owners, refusals."""

import ipaddress
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.catalogue.building import parts, wait_for
from tests.catalogue.front import a_certificate

SETTINGS = {
    "addresses": "198.51.100.7,2600::7",
    "listens_on": [18000, 18001],
    "backend_networks": ["10.1.0.0/16", "127.0.0.0/8", "fd00:1::/64"],
    "refused_networks": ["10.1.9.0/24", "8.8.4.0/24"],
}


@pytest.fixture
def backends() -> Iterator[ModuleType]:
    with parts("http-frontend", "backends") as (module,):
        yield module


@pytest.fixture
def sites() -> Iterator[ModuleType]:
    with parts("http-frontend", "sites") as (module,):
        yield module


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("8.8.8.8", ""),
        ("2600::1", ""),
        ("10.1.2.3", ""),
        ("127.0.0.5", ""),
        ("fd00:1::5", ""),
        ("10.2.0.1", "is not public"),
        ("192.168.1.1", "is not public"),
        ("100.64.0.1", "is not public"),
        ("::1", "is not public"),
        ("fd00:2::1", "is not public"),
        ("10.1.9.1", "the operator refuses"),
        ("8.8.4.4", "the operator refuses"),
        ("169.254.169.254", "for the machine itself"),
        ("fe80::1", "for the machine itself"),
        ("224.0.0.1", "for the machine itself"),
        ("0.0.0.0", "for the machine itself"),
        ("::", "for the machine itself"),
        ("::ffff:169.254.169.254", "for the machine itself"),
        ("64:ff9b::a9fe:a9fe", "for the machine itself"),
        ("2002:a9fe:a9fe::", "for the machine itself"),
        ("::ffff:192.168.1.1", "is not public"),
    ],
)
def test_a_backend_is_public_or_in_a_network_that_the_operator_opened(
    backends: ModuleType, address: str, why: str
) -> None:
    said = backends.Rules(SETTINGS).refusal(ipaddress.ip_address(address), 80)
    assert (why in said, bool(said)) == (True, bool(why))


def test_what_is_never_allowed_is_not_opened_by_the_operator(backends: ModuleType) -> None:
    rules = backends.Rules(SETTINGS | {"backend_networks": ["0.0.0.0/0", "::/0"]})
    refused = [rules.refusal(ipaddress.ip_address(one), 80) for one in ("169.254.1.1", "fe80::2")]
    assert all("for the machine itself" in said for said in refused)
    own = rules.refusal(ipaddress.ip_address("198.51.100.7"), 18001)
    assert own == "198.51.100.7 port 18001 is this front end itself"
    assert rules.refusal(ipaddress.ip_address("198.51.100.7"), 18002) == ""
    assert rules.refusal(ipaddress.ip_address("2600::7"), 18000) == (
        "2600::7 port 18000 is this front end itself"
    )


class Names:
    """A server of names in memory."""

    def __init__(self, **known: list[str]) -> None:
        self.known = known
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, name: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        self.gate.wait(20)
        if name not in self.known:
            raise OSError("unknown")
        return [(0, 0, 0, "", (address, 0)) for address in self.known[name]]


def test_a_name_that_moves_to_a_forbidden_address_leads_nowhere(
    backends: ModuleType, sites: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "AGAIN_SECONDS", 0)
    names = Names(shop=["8.8.8.8", "169.254.169.254"])
    addresses, rules = backends.Addresses(names), backends.Rules(SETTINGS)
    backend = sites.backend("http://shop:8080")

    def chosen(former: list[str]) -> tuple[list[str], str]:
        addresses.refresh({"shop"})
        found: tuple[list[str], str] = backends.chosen(backend, rules, addresses, former)
        return found

    assert chosen([]) == (["8.8.8.8"], "")
    names.known["shop"] = ["169.254.169.254"]
    wait_for(lambda: chosen(["8.8.8.8"])[0] == [])
    assert "for the machine itself" in chosen([])[1]


def test_addresses_that_change_places_make_no_new_configuration(
    backends: ModuleType, sites: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "AGAIN_SECONDS", 0)
    names = Names(shop=["8.8.8.8"])
    addresses, rules = backends.Addresses(names), backends.Rules(SETTINGS)
    backend = sites.backend("http://shop")
    addresses.refresh({"shop"})
    names.known["shop"] = ["1.1.1.1", "8.8.8.8"]
    wait_for(lambda: addresses.refresh({"shop"}) or len(addresses.known["shop"][0]) == 2)
    assert backends.chosen(backend, rules, addresses, ["8.8.8.8"]) == (["8.8.8.8"], "")
    assert backends.chosen(backend, rules, addresses, []) == (["1.1.1.1", "8.8.8.8"], "")
    # The server of names is away: what was known stays.
    names.known.clear()
    for _ in range(3):
        addresses.refresh({"shop"})
    assert addresses.known["shop"][0] == ["1.1.1.1", "8.8.8.8"]


def test_names_that_take_their_time_hold_up_nobody(
    backends: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "LOOKUP_SECONDS", 0.05)
    names = Names(slow=["8.8.8.8"])
    names.gate.clear()
    addresses = backends.Addresses(names)
    addresses.refresh({"slow"})
    assert addresses.known["slow"] == ([], "its name is still being looked up")
    names.gate.set()
    wait_for(lambda: addresses.refresh({"slow"}) or addresses.known["slow"] == (["8.8.8.8"], ""))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://a.example", "begin it with http"),
        ("http://user:secret@a.example", "a host and a port alone"),
        ("http://a.example/path", "a host and a port alone"),
        ("http://a.example?x", "a host and a port alone"),
        ("http://", "is no host"),
        ("http://a{env.HOME}.example", "is no host"),
        ("http://a.example:22", "port 22 is not for sites"),
        ("http://a.example:70000", "Port out of range"),
    ],
)
def test_what_can_be_no_backend_is_said(sites: ModuleType, url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        sites.backend(url)


def test_a_backend_may_be_a_name_or_an_address_of_either_kind(sites: ModuleType) -> None:
    assert sites.backend("https://a.example/") == sites.Backend("https", "a.example", 443)
    assert sites.backend("http://[2001:db8::7]:8080") == sites.Backend("http", "2001:db8::7", 8080)
    assert sites.backend("http://192.0.2.7") == sites.Backend("http", "192.0.2.7", 80)


OTHERS = {"www.a.example"}


@pytest.mark.parametrize(
    ("names", "strange"),
    [
        (("a.example",), ""),
        (("a.example", "www.a.example", "*.a.example"), ""),
        (("a.example", "*.victim.example"), ""),
        (("a.example", "victim.example"), "victim.example"),
        (("victim.example", "a.example"), "victim.example"),
        (("a.example", "front-end.internal"), "front-end.internal"),
    ],
)
def test_a_certificate_that_speaks_for_a_strangers_name_is_not_taken(
    names: tuple[str, ...], strange: str
) -> None:
    with parts("http-frontend", "certificates") as (certificates,):
        said = certificates.unfit(*a_certificate(*names), ["a.example", *OTHERS & {*names}])
        assert (f"speaks for {strange} too" in said) == bool(strange), said
        assert bool(said) == bool(strange)


def test_the_engine_loses_only_the_sites_that_it_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with parts("http-frontend", "serve", "admin", "sites") as (serve, admin, sites):
        loaded: list[list[str]] = []

        def load(_: str, names: list[str]) -> None:
            if "bad.example" in names:
                raise admin.Refused("it is bad")
            loaded.append(names)

        monkeypatch.setattr(serve, "load", load)
        monkeypatch.setattr(
            serve, "configuration", lambda _, served: [site.domains[0] for site, _, _ in served]
        )
        front = serve.Front.__new__(serve.Front)
        front.settings, front.proven = {"admin": ""}, {}
        names = ["a.example", "b.example", "bad.example", "c.example", "d.example"]
        served: list[Any] = [(sites.Site(name, 1, [name], None, {}), [], False) for name in names]
        front._load(served, names)
        assert loaded[-1] == ["a.example", "b.example", "c.example", "d.example"]
        assert front.refused == {"bad.example": "the engine refuses it: it is bad"}
        front._load(served[:2], names[:2])
        assert (loaded[-1], front.refused) == (["a.example", "b.example"], {})
