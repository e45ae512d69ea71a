"""The ⌘K box goes to what has such a name; the search page does without script."""

import pytest

from erp.customers.states import Role
from tests.browser import Visit, axe, overflows, screenshot
from tests.erp.builders import a_member, a_tree

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_name_is_typed_and_the_keyboard_goes_there(visit: Visit) -> None:
    tree = a_tree()
    page = visit("/tickets/", user=a_member(tree.provider, Role.SUPPORT))

    page.keyboard.press("Control+k")
    page.keyboard.type("sibl")
    page.locator("dialog.palette a", has_text="Sibling").wait_for()
    screenshot(page, "palette-light-1280")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/organisations/{tree.sibling.reference}")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_needs_no_script(visit: Visit, theme: str, width: int) -> None:
    tree = a_tree()
    user = a_member(tree.provider, Role.SUPPORT)
    page = visit("/search/?q=cus", user=user, theme=theme, width=width)
    assert axe(page) == []
    assert not overflows(page)
    screenshot(page, f"search-{theme}-{width}")

    page = visit("/search/", user=user, scripts=False)
    page.fill("main [name=q]", "cus")
    page.click("main button:has-text('Search')")
    page.click("main a:has-text('Customer')")

    assert page.url.endswith(f"/organisations/{tree.customer.reference}")
