"""The main job by hand: each persona in a real browser, on the system that `./run` starts."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe, overflows, screenshot
from tests.e2e.conftest import SignIn, System

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PROVISION = 90_000
# Nodes send samples every ten seconds; a window without any is parked, not billed.
TRIES = 40


def looks_right(page: Page, name: str) -> None:
    """Keep a picture; nothing scrolls sideways, and axe finds nothing."""
    page.wait_for_load_state("networkidle")
    screenshot(page, f"e2e-{name}")
    assert not overflows(page), name
    assert axe(page) == [], name


def test_a_customer_orders_follows_the_steps_and_opens_the_site(
    system: System, sign_in: SignIn
) -> None:
    page = sign_in("customer@demo.example")
    page.get_by_role("link", name="Order a service").click()
    looks_right(page, "catalogue")
    page.locator("section", has_text="Static site").get_by_role("link", name="Order").first.click()
    page.get_by_label("Name").fill("Bakery site")
    page.get_by_label("Title").fill("Fresh bread & more")
    looks_right(page, "order")
    page.get_by_role("button", name=re.compile("Order for €4.90")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bakery site")
    address = page.locator(".copy-text a").first
    expect(address).to_be_visible(timeout=PROVISION)
    looks_right(page, "service")
    url = address.get_attribute("href")
    assert url is not None
    site = page.context.new_page()
    site.goto(url)
    expect(site.get_by_role("heading", level=1)).to_have_text("Fresh bread & more")


def test_an_order_with_bad_parameters_keeps_what_was_typed(system: System, sign_in: SignIn) -> None:
    page = sign_in("customer@demo.example", strict=False)
    page.goto(system.url + "/catalogue/")
    page.locator("section", has_text="File storage").get_by_role("link", name="Order").first.click()
    page.get_by_label("User name").fill("Not Allowed!")
    page.get_by_role("button", name=re.compile("Order for")).click()
    expect(page.get_by_role("alert")).to_contain_text("User name")
    expect(page.get_by_label("User name")).to_have_value("Not Allowed!")


def test_a_customer_reads_the_invoice_down_to_the_samples(system: System, sign_in: SignIn) -> None:
    page = sign_in("customer@demo.example", theme="dark")
    page.goto(system.url + system.place("invoices"))
    looks_right(page, "invoice-dark")
    assert page.request.get(page.url + "/pdf").body()[:5] == b"%PDF-"
    assert b"CrossIndustryInvoice" in page.request.get(page.url + "/xml").body()
    page.get_by_role("link", name=re.compile("CPU seconds")).click()
    looks_right(page, "invoice-line-dark")
    expect(page.get_by_role("region", name="Samples").locator("tbody tr").first).to_be_visible()


def test_a_connection_secret_is_shown_when_asked(system: System, sign_in: SignIn) -> None:
    page = sign_in("customer@demo.example")
    page.goto(system.url + "/services/")
    page.get_by_role("link", name="Our files").click()
    page.get_by_role("button", name="Show connection data").click()
    expect(page.get_by_text("martin", exact=True).first).to_be_visible()


def test_an_operator_sees_node_and_instances(system: System, sign_in: SignIn) -> None:
    page = sign_in("operator@demo.example")
    looks_right(page, "nodes")
    page.goto(system.url + system.place("nodes"))
    expect(page.get_by_role("region", name="Partitions")).to_contain_text("Our site")
    looks_right(page, "node")
    page.get_by_role("region", name="Partitions").get_by_role("link", name="Our site").click()
    looks_right(page, "instance")


def test_a_wrong_machine_is_refused_in_words(system: System, sign_in: SignIn) -> None:
    page = sign_in("operator@demo.example")
    page.goto(system.url + "/nodes/add")
    page.get_by_label("Name").fill("nowhere")
    page.get_by_label("Address", exact=True).fill("127.0.0.1")
    page.get_by_label("SSH port").fill("1")
    page.get_by_label("Password").fill("not-the-password")
    page.get_by_role("button", name="Prepare the machine").click()
    expect(page.get_by_text("does not answer").first).to_be_visible(timeout=PROVISION)
    looks_right(page, "node-refused")


def bill_today(page: Page) -> None:
    """Open a run over this month up to now, as an accountant does."""
    page.get_by_role("link", name="Billing runs").first.click()
    page.get_by_role("link", name="Bill a period").first.click()
    page.get_by_label("Issuer").select_option(label="Atelier Web SARL")
    today = page.evaluate("new Date().toISOString().slice(0, 10)")
    page.get_by_label("First day").fill(today[:8] + "01")
    page.get_by_label("Last day").fill(today)
    page.get_by_role("button", name="Make the drafts").click()


def test_an_accountant_bills_and_reads_the_books(system: System, sign_in: SignIn) -> None:
    page = sign_in("accountant@demo.example")
    looks_right(page, "billing-runs")
    issue = page.get_by_role("button", name=re.compile(r"Issue \d+ draft"))
    parked = page.get_by_role("button", name="Try again").first
    for _ in range(TRIES):
        bill_today(page)
        expect(issue.or_(parked).first).to_be_visible(timeout=PROVISION)
        if issue.is_visible():
            break
    else:
        raise AssertionError("every run found services that were not measured since the last one")
    looks_right(page, "billing-run")
    issue.click()
    expect(page.get_by_text(re.compile(r"F-\d{4}-\d{4}")).first).to_be_visible(timeout=PROVISION)
    page.goto(system.url + "/ledger/")
    page.get_by_label("Books of").select_option(label="Atelier Web SARL")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("region", name="Entries")).to_contain_text("Set-up fees")
    looks_right(page, "ledger")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_of_the_flow_fits_a_phone(system: System, sign_in: SignIn, theme: str) -> None:
    places = {
        "customer@demo.example": ["/services/", "/catalogue/", system.place("services")],
        "accountant@demo.example": ["/billing-runs/", "/invoices/", system.place("invoices")],
        "operator@demo.example": ["/nodes/", "/instances/", system.place("nodes")],
    }
    for mail, paths in places.items():
        page = sign_in(mail, theme=theme, width=390)
        for path in paths:
            page.goto(system.url + path)
            looks_right(page, f"phone-{theme}{path.replace('/', '-')[:24]}")
