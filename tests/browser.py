"""A real Chromium for tests: pages that fail on console errors and on requests to elsewhere.

Fixtures: `visit(path, theme=…, width=…, user=…)` opens a page of the live server. Functions:
`axe(page)` lists accessibility faults, `screenshot(page, name)` keeps a picture under var/.
Mark tests with `@pytest.mark.browser`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = Path(__file__).resolve().parent.parent / "var" / "screenshots"
TIMEOUT = 15_000

# Playwright's loop makes Django believe that the test is asynchronous; it is not.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the whole run; tests are skipped, loudly, where there is none."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing (Debian's package chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _static_files_without_manifest(settings: LazySettings) -> None:
    """Let `{% static %}` work in every test: there is no collected manifest."""
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": backend}}


@pytest.fixture
def visit(chromium: Browser, live_server: LiveServer) -> Iterator[Visit]:
    """Open pages of the live server; at the end of the test nothing may have gone wrong in them.

    `visit("/services/", theme="dark", width=390, user=alice)` returns a playwright Page. A test
    that provokes an error on purpose says `strict=False`.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def go(
        path: str,
        *,
        theme: str = "light",
        width: int = 1280,
        user: User | None = None,
        strict: bool = True,
        scripts: bool = True,
    ) -> Page:
        context = context_of(chromium, live_server.url, theme, width, scripts)
        contexts.append(context)
        if user is not None:
            sign_in(context, user, live_server.url)
        page = context.new_page()
        guard(page, live_server.url, faults if strict else [])
        page.goto(live_server.url + path)
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def sign_in(context: BrowserContext, user: User, url: str) -> None:
    """Give the context a session of the user, as after a sign-in."""
    client = Client()
    client.force_login(user)
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}]
    )


def axe(page: Page) -> list[str]:
    """Return what axe finds: rule, help, and where; empty when the page is accessible."""
    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{fault['id']}: {fault['help']} at {node['target']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


def screenshot(page: Page, name: str) -> Path:
    """Keep a picture of the whole page under var/screenshots."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    target = PICTURES / f"{name}.png"
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=target, full_page=True)
    return target


def overflows(page: Page) -> bool:
    """Say whether the page scrolls sideways, which no page may."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def context_of(browser: Browser, url: str, theme: str, width: int, scripts: bool) -> BrowserContext:
    """Return a new window: its theme, its width, with or without scripts."""
    height = 844 if width < 600 else 900
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT)
    context.add_cookies([{"name": "theme", "value": theme, "url": url}])
    return context


def guard(page: Page, url: str, faults: list[str]) -> None:
    """Collect console errors, uncaught exceptions and requests that leave this machine."""
    home = urlsplit(url).netloc
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda line: (
            faults.append(f"{page.url}: {line.text}") if line.type in {"error", "warning"} else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            None
            if urlsplit(request.url).netloc in {home, ""}
            else faults.append(f"{page.url}: asked {request.url}")
        ),
    )
