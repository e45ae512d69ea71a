"""The shell, the account pages and the error pages, without a browser."""

import re
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from config.ui.context import shell
from config.ui.navigation import Entry, groups_for

BASE = Path(__file__).resolve().parents[2]
INLINE = re.compile(r"\son\w+=|\sstyle=|<style|<script(?![^>]*(src=|application/json))")


@pytest.fixture
def signed_in(db: None) -> Client:
    address, password = "agnes@example.org", "a-long-password-1"
    User.objects.create_user(address, address, password)
    client = Client()
    client.post("/accounts/login/", {"login": address, "password": password})
    client.post("/accounts/reauthenticate/", {"password": password})
    return client


@pytest.mark.parametrize(
    "path",
    ["login/", "signup/", "password/reset/", "password/reset/done/", "password/reset/key/done/"],
)
def test_entrance_pages_stand_in_our_shell(db: None, path: str) -> None:
    page = Client().get(f"/accounts/{path}").content.decode()

    assert 'class="entrance-card"' in page
    assert not INLINE.search(page)


@pytest.mark.parametrize(
    "path",
    ["logout/", "reauthenticate/", "email/", "password/change/", "2fa/", "2fa/totp/activate/"],
)
def test_account_pages_stand_in_our_shell(signed_in: Client, path: str) -> None:
    answer = signed_in.get(f"/accounts/{path}")
    page = answer.content.decode()

    assert answer.status_code == 200
    assert "css/tokens.css" in page
    assert not INLINE.search(page)


def test_the_gallery_is_hidden_from_everybody_in_production(db: None) -> None:
    assert Client().get("/ui/gallery").status_code == 404


def test_the_gallery_fits_the_budget_of_a_page(db: None, settings: LazySettings) -> None:
    settings.DEBUG = True
    page = Client().get("/ui/gallery").content

    assert len(page) <= 60 * 1024
    assert not INLINE.search(page.decode())


def test_styles_and_scripts_fit_their_budgets() -> None:
    css = sum(f.stat().st_size for f in (BASE / "static/css").glob("*.css"))
    scripts = b"".join(f.read_bytes() for f in (BASE / "static/js").glob("*.js"))

    assert css <= 36 * 1024
    assert len(zlib.compress(scripts)) <= 40 * 1024


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_is_remembered_without_script(db: None, theme: str) -> None:
    client = Client()

    answer = client.post("/ui/theme", {"theme": theme, "next": "/accounts/login/"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login/")
    assert f'data-theme="{theme}"' in client.get("/accounts/login/").content.decode()


def test_choosing_a_theme_never_leads_elsewhere(db: None) -> None:
    answer = Client().post("/ui/theme", {"theme": "dark", "next": "https://example.com/"})

    assert answer.headers["Location"] == "/"


def test_an_odd_theme_cookie_follows_the_system() -> None:
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = '"><script>'

    assert shell(request)["shell"].theme == ""


def test_navigation_hides_what_one_may_not_open_and_what_does_not_exist(
    settings: LazySettings,
) -> None:
    settings.NAVIGATION = [
        Entry("Gallery", "ui:gallery", "cube", frozenset({"see"})),
        Entry("Forbidden", "ui:gallery", "cube", frozenset({"operate"})),
        Entry("Missing", "nowhere:list", "cube", frozenset({"see"})),
    ]

    (group,) = groups_for(frozenset({"see"}), "/ui/gallery/3")

    assert [(link.label, link.current) for link in group.links] == [("Gallery", True)]


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "409", "500"])
def test_error_pages_need_no_session_and_no_database(name: str) -> None:
    page = render_to_string(f"{name}.html", {"error": "It is gone"})

    assert "<h1>" in page
    assert not INLINE.search(page)


def test_a_refusal_is_escaped() -> None:
    assert "&lt;b&gt;" in render_to_string("components/refusal.html", {"error": "<b>"})


def test_a_sort_link_keeps_the_filters_and_turns_round() -> None:
    request = RequestFactory().get("/?state=open&sort=name&cursor=9")
    head = Template('{% th "Name" sort="name" %}').render(Context({"request": request}))

    assert 'aria-sort="ascending"' in head
    assert 'href="?state=open&amp;sort=-name"' in head


def test_a_state_says_why_and_since_when() -> None:
    row = SimpleNamespace(state="suspended", state_reason="Unpaid <3>", state_since=None)
    shown = Template("{% state row %}").render(Context({"row": row}))

    assert "badge warn" in shown
    assert "Suspended" in shown
    assert "Unpaid &lt;3&gt;" in shown
