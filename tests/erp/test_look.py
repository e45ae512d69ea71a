"""The pages of erp in a real browser: both themes, both widths, without script."""

import pytest

from erp.customers.states import Role
from erp.tickets import services as tickets
from tests.browser import Visit, axe, overflows, screenshot
from tests.erp.builders import NOON, a_member, a_plan, a_price_list, a_tree

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_pages_are_accessible_and_never_scroll_sideways(
    visit: Visit, theme: str, width: int
) -> None:
    tree = a_tree()
    plan = a_plan(tree.provider)
    listed = a_price_list(tree.provider, plan)
    ticket = tickets.open_ticket(
        tree.customer, subject="It is slow", body="Since noon.\n\nAll pages.", at=NOON, by="alice"
    )
    tickets.reply(ticket, "Their disk.", at=NOON, by="bob", is_staff=True, is_internal=True)
    support, accountant = (
        a_member(tree.provider, Role.SUPPORT),
        a_member(tree.provider, Role.ACCOUNTANT),
    )
    owner = a_member(tree.customer, Role.OWNER)
    customer = f"/organisations/{tree.customer.reference}"
    pages = [
        ("tickets", "/tickets/", support),
        ("ticket", f"/tickets/{ticket.reference}", support),
        ("ticket-new", "/tickets/new", owner),
        ("organisations", "/organisations/", accountant),
        ("organisation", customer, owner),
        ("organisation-edit", f"{customer}/edit", owner),
        ("organisation-member", f"{customer}/members/new", owner),
        ("price-list", f"/catalogue/price-lists/{listed.reference}", accountant),
        ("offer", f"/catalogue/offers/{plan.offer.reference}", accountant),
        ("catalogue", "/catalogue/", accountant),
    ]
    for name, path, user in pages:
        page = visit(path, theme=theme, width=width, user=user)
        screenshot(page, f"erp-{name}-{theme}-{width}")
        assert not overflows(page), path
        assert axe(page) == [], path


def test_a_ticket_is_opened_and_answered_without_script(visit: Visit) -> None:
    tree = a_tree()
    page = visit("/tickets/new", user=a_member(tree.customer, Role.OWNER), scripts=False)

    page.fill("[name=subject]", "It is slow")
    page.fill("[name=body]", "Since noon.")
    page.click("text=Open the ticket")
    page.fill("[name=body]", "Still.")
    page.click("button:has-text('Send')")

    assert page.locator("article").count() == 2
    assert "Still." in page.content()
