"""Every page of every persona in a real browser: accessible, fitting its width, without faults.

A screen is a URL that answers with a whole page. Each is opened once, by the first role that may,
in one of the four looks in turn; `make screenshots` opens each in all four and keeps the pictures.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from erp.customers.models import Organisation
from erp.customers.states import ROLES
from tests.access import rows
from tests.access.test_every_url import OURS, URLS
from tests.browser import axe, context_of, guard, overflows, screenshot, sign_in
from tests.erp.builders import Tree, a_member, a_plan, a_price_list, a_tree

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(1500),
    pytest.mark.django_db(transaction=True),
]

LOOKS = [("light", 1280), ("dark", 390), ("dark", 1280), ("light", 390)]
ALL_LOOKS = bool(os.environ.get("TENANTRY_SCREENSHOTS"))
LARGEST_PAGE = 60 * 1024
# What a browser would store, or what is shown to programs.
NO_SCREENS = ("api:", "metrics", "healthy")


@dataclass(frozen=True)
class Screen:
    """A page, and who opens it."""

    name: str
    path: str
    user: User
    size: int


def test_every_screen_is_sound(
    transactional_db: None, live_server: LiveServer, chromium: Browser
) -> None:
    faults: dict[str, list[str]] = {}
    seen = 0
    for number, screen in enumerate(_screens(a_tree())):
        for theme, width in LOOKS if ALL_LOOKS else [LOOKS[number % len(LOOKS)]]:
            found = _faults(screen, chromium, live_server.url, theme, width)
            if found:
                faults[f"{screen.name} {theme} {width}"] = found
            seen += 1
    assert faults == {}
    assert seen > 60


def _screens(tree: Tree) -> Iterator[Screen]:
    """Yield every URL that answers somebody with a page, for the first who may open it."""
    plan = a_plan(tree.provider)
    for seller in (tree.provider, tree.reseller):
        a_price_list(seller, plan)
    owners = (tree.customer, tree.reseller, tree.provider)
    people: list[tuple[User, Client]] = []
    for organisation in owners:
        for role in sorted(ROLES[organisation.kind]):
            people.append((a_member(organisation, role), Client(raise_request_exception=False)))
            people[-1][1].force_login(people[-1][0])
    for name in OURS:
        if not name.startswith(NO_SCREENS):
            screen = _screen(name, owners, people)
            if screen:
                yield screen


def _screen(
    name: str, owners: Sequence[Organisation], people: Sequence[tuple[User, Client]]
) -> Screen | None:
    for owner in owners:
        kwargs = rows.ROWS[name](owner) if URLS[name] else {}
        if kwargs is None:
            continue
        path = reverse(name, kwargs=kwargs)
        for user, client in people:
            answer = client.get(path)
            is_page = answer.headers.get("Content-Type", "").startswith("text/html")
            if answer.status_code == 200 and is_page and b"<html" in answer.content:
                return Screen(name, path, user, len(answer.content))
    return None


def _faults(screen: Screen, chromium: Browser, url: str, theme: str, width: int) -> list[str]:
    """Open a screen; return what is wrong with it."""
    found: list[str] = []
    if screen.size > LARGEST_PAGE:
        found.append(f"it has {screen.size} bytes, {LARGEST_PAGE} are the most")
    context = context_of(chromium, url, theme, width, True)
    try:
        sign_in(context, screen.user, url)
        page: Page = context.new_page()
        guard(page, url, found)
        page.goto(url + screen.path)
        found += axe(page)
        if overflows(page):
            found.append(f"it scrolls sideways at {width} px")
        if ALL_LOOKS:
            screenshot(page, f"{screen.name.replace(':', '-')}-{theme}-{width}")
    finally:
        context.close()
    return found
