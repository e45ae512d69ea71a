"""Support's main flow in a real browser: the inbox, a ticket, an answer; in every look."""

import pytest
from django.contrib.auth.models import User

from erp.customers.states import Role
from erp.desk.models import CannedAnswer
from erp.desk.states import Priority
from erp.tickets import services, working
from erp.tickets.models import Message, Ticket
from erp.tickets.services import File, Wish
from tests.browser import Visit, axe, overflows, screenshot
from tests.erp.builders import NOON, a_contract, a_member, a_plan, a_price_list, a_tree
from tests.erp.desk.builders import a_calendar, a_queue

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
QUOTE = "It is every page.\n\nOn Mon, 2 Nov 2026 at 09:12, Bob wrote:\n> Which page?"
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]


@pytest.fixture
def desk(db: None) -> tuple[User, Ticket]:
    """An agent, and a ticket that is overdue, with what an agent meets in one."""
    tree = a_tree()
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)
    agent, ann = a_member(tree.reseller, Role.SUPPORT), a_member(tree.customer, Role.OWNER)
    a_queue(tree.reseller, calendar=a_calendar(tree.reseller))
    CannedAnswer.objects.create(
        organisation=tree.reseller, name="Which page?", body="Hello {person}, which page is it?"
    )
    facts = {"at": NOON, "by": ann.username, "body": "Since noon."}
    ticket = services.open_ticket(tree.customer, subject="It is slow", contract=contract, **facts)  # type: ignore[arg-type]
    services.open_ticket(
        tree.customer, subject="A question about the invoice of last month and the one before it",
        wish=Wish(priority=Priority.LOW), **facts,  # type: ignore[arg-type]
    )  # fmt: skip
    services.reply(
        ticket, "Their disk is full.", at=NOON, by=agent.username, is_staff=True, is_internal=True
    )
    files = [File("screenshot.png", "image/png", b"png")]
    services.reply(ticket, QUOTE, at=NOON, by=ann.username, files=files)
    working.did(ticket, "Started Our site: disk was full", at=NOON, by=agent.username)
    return agent, ticket


def test_an_agent_answers_in_two_clicks(desk: tuple[User, Ticket], visit: Visit) -> None:
    agent, ticket = desk
    page = visit("/tickets/inbox", user=agent)
    assert page.locator("tbody tr").first.inner_text().count("Overdue") == 1

    page.get_by_role("link", name="It is slow").click()
    assert page.get_by_text("> Which page?").is_hidden()
    page.get_by_text("Quoted text").click()
    assert page.get_by_text("> Which page?").is_visible()
    page.get_by_role("button", name="Insert").click()
    body = page.get_by_label("Your message")
    assert body.input_value().endswith(", which page is it?")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(f"**/tickets/{ticket.reference}")

    said = Message.objects.order_by("-pk")[0]
    assert said.body.startswith("Hello owner-")
    assert (said.author, Ticket.objects.get(pk=ticket.pk).state) == (agent.username, "waiting")


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_pages_of_support_are_whole(
    desk: tuple[User, Ticket], visit: Visit, theme: str, width: int
) -> None:
    agent, ticket = desk
    customer = ticket.organisation.reference
    pages = {
        "inbox": "/tickets/inbox",
        "ticket": f"/tickets/{ticket.reference}",
        "customer": f"/tickets/customer/{customer}",
        "desk": "/desk/",
        "queue": f"/desk/queue/{ticket.queue.reference if ticket.queue else ''}",
    }
    for name, path in pages.items():
        page = visit(path, user=agent, theme=theme, width=width)
        page.wait_for_load_state("networkidle")
        assert axe(page) == [], name
        assert not overflows(page), name
        screenshot(page, f"support-{name}-{theme}-{width}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_viewer_is_told_so_on_every_page(
    desk: tuple[User, Ticket], visit: Visit, theme: str
) -> None:
    agent, ticket = desk
    page = visit(f"/tickets/customer/{ticket.organisation.reference}", user=agent, theme=theme)
    page.get_by_label("Reason").fill("They asked why.")
    page.get_by_role("button", name="View as Customer").click()

    page.get_by_role("link", name="Services").first.click()
    assert page.get_by_text("You view this as Customer").is_visible()
    assert axe(page) == []
    screenshot(page, f"support-viewing-{theme}")
    page.get_by_role("button", name="Leave the view").click()
    assert page.get_by_text("You view this as").count() == 0
