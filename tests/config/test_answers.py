"""What an answer carries: the rows of its reader to the last byte, and the browser's rules."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from config.middleware import POLICY
from erp.base import scope
from erp.customers.states import Role
from tests.erp.builders import (
    FakePlaces,
    FakeProducts,
    Tree,
    a_client,
    a_contract,
    a_member,
    a_plan,
    a_price_list,
    a_tree,
)


@pytest.fixture
def tree(db: None, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Tree:
    sources = {settings.PRODUCT_SOURCE: FakeProducts(), settings.PLACEMENT_SOURCE: FakePlaces()}
    monkeypatch.setattr("erp.ports._implementation", sources.__getitem__)
    settings.NUDGES = "tests.billing.conftest.silence"
    return a_tree()


def test_a_stream_is_read_in_the_scope_of_its_reader(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    mine, other = a_contract(tree.customer, plan), a_contract(tree.sibling, plan)
    client = a_client(a_member(tree.customer, Role.OWNER))

    with scope.organisations([]):
        answer = client.get("/services/export.csv")
        text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]

    assert mine.reference in text
    assert other.reference not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/static/one.css", 200), ("/healthz", 200), ("/nothing", 404), ("/services/%00", 400),
     ("/services/", 302), ("/accounts/login/", 200)],
)  # fmt: skip
def test_every_answer_carries_the_rules_for_the_browser(
    db: None, settings: LazySettings, tmp_path: Path, path: str, status: int
) -> None:
    (tmp_path / "one.css").write_text("p {}")
    settings.STATIC_ROOT = tmp_path
    answer = Client().get(path)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_fault_tells_nothing_of_itself(
    db: None, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("canary-7f3a")

    monkeypatch.setattr("config.views.HttpResponse", broken)
    answer = Client(raise_request_exception=False).get("/healthz")
    assert answer.status_code == 500
    assert b"Something broke" in answer.content
    assert b"canary" not in answer.content
    assert answer.headers["Content-Security-Policy"] == POLICY


def test_behind_https_everything_is_secure(db: None, settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
    plain, secure = Client().get("/healthz"), Client().get("/healthz", secure=True)
    assert (plain.status_code, plain.headers["Location"]) == (301, "https://testserver/healthz")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_password_is_guessed_five_times_and_no_more(db: None) -> None:
    cache.clear()
    guess = {"login": "guessed@mail.example", "password": "a guess"}
    client = Client()

    pages = [client.post("/accounts/login/", guess).content.decode() for _ in range(6)]

    cache.clear()
    assert ["Too many failed login attempts" in page for page in pages] == [False] * 5 + [True]


def test_the_session_is_out_of_reach_of_scripts_and_other_sites(db: None, tree: Tree) -> None:
    user = a_member(tree.customer, Role.OWNER)
    user.set_password("a long password")
    user.save()
    typed = {"login": user.email, "password": "a long password"}
    cookie = Client().post("/accounts/login/", typed).cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert Client(enforce_csrf_checks=True).post("/accounts/login/", {}).status_code == 403
