"""The gallery in a real browser: every component, both themes, desk and phone."""

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from playwright.sync_api import Route

from config.ui.navigation import Entry
from tests.browser import Visit, axe, overflows, screenshot

pytestmark = [pytest.mark.browser]


@pytest.fixture(autouse=True)
def _shown(settings: LazySettings) -> None:
    settings.DEBUG = True


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_gallery_is_accessible_and_keeps_to_its_width(
    visit: Visit, theme: str, width: int
) -> None:
    page = visit("/ui/gallery?messages", theme=theme, width=width)

    page.locator("relative-time").first.wait_for()
    screenshot(page, f"gallery-{theme}-{width}")

    assert axe(page) == []
    assert not overflows(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sign_in_page_is_accessible(visit: Visit, theme: str) -> None:
    page = visit("/accounts/login/", theme=theme, width=390)
    screenshot(page, f"sign-in-{theme}-390")

    assert axe(page) == []


def test_a_second_click_sends_nothing(visit: Visit) -> None:
    page = visit("/ui/gallery")
    sent: list[str] = []

    def count(route: Route) -> None:
        sent.append(route.request.method)
        route.fulfill(status=204)

    page.route("**/ui/gallery*", count)
    page.evaluate(
        """() => {
          const form = document.querySelector("form.form[method=post]");
          form.noValidate = true;
          form.action = "/ui/gallery";
          const button = form.querySelector("button.primary");
          button.type = "submit";
          button.id = "send";
        }"""
    )

    page.evaluate(
        "document.querySelector('#send').click(); document.querySelector('#send').click()"
    )
    page.wait_for_function("document.querySelector('#send').disabled")

    assert sent == ["POST"]


def test_a_typed_name_opens_the_button(visit: Visit) -> None:
    page = visit("/ui/gallery")
    page.locator("details.confirm > summary").click()
    button = page.get_by_role("button", name="Destroy S-000012")

    assert button.is_disabled()
    page.locator("[data-confirm]").fill("S-000012")
    assert button.is_enabled()


def test_ctrl_k_goes_to_a_page(visit: Visit) -> None:
    page = visit("/ui/gallery")
    page.keyboard.press("Control+k")
    page.keyboard.type("file")

    page.keyboard.press("Enter")

    page.wait_for_url("**#S-000013")


def test_the_theme_changes_without_reload_and_stays(visit: Visit) -> None:
    page = visit("/accounts/login/", theme="light")
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"

    page.reload()

    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_the_crosshair_reads_the_values_with_the_keyboard(visit: Visit) -> None:
    page = visit("/ui/gallery")
    plot = page.locator(".chart-plot").first
    plot.focus()

    plot.press("ArrowRight")

    assert page.locator(".chart-readout").first.text_content() == "01 Nov: 3.75"


def test_the_phone_menu_and_the_secret_open_without_script(visit: Visit) -> None:
    page = visit("/ui/gallery", width=390, scripts=False)

    page.locator(".nav-menu > summary").click()
    page.locator("details.secret > summary").click()

    assert page.get_by_text("correct-horse-battery").is_visible()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_shell_of_a_signed_in_reader_is_accessible(
    visit: Visit, settings: LazySettings, theme: str, width: int
) -> None:
    settings.NAVIGATION = [
        Entry(label, "ui:gallery", icon, frozenset(), group)
        for group, label, icon in [
            ("", "Services", "cube"),
            ("Money", "Invoices", "document-text"),
            ("Machines", "Nodes", "server-stack"),
        ]
    ]
    user = User.objects.create_user("agnes@example.org", "agnes@example.org")
    page = visit("/accounts/2fa/", theme=theme, width=width, user=user)

    page.locator("details.menu > summary:visible").last.click()
    if width == 390:
        page.locator(".nav-menu > summary").click()
    screenshot(page, f"account-{theme}-{width}")

    assert axe(page) == []
    assert not overflows(page)
