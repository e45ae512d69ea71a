"""The status page and a service's availability, in both themes and widths."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from erp.base.doors import now
from erp.customers.states import Role
from orchestration.instances.models import Instance
from orchestration.monitoring.tasks import sweep_incidents
from tests.browser import Visit, axe, overflows, screenshot
from tests.orchestration.builders import a_node
from tests.orchestration.monitoring.watched import a_running_instance, broken, kept, see
from tests.orchestration.nodes import a_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]


def a_service_with_a_past() -> Instance:
    start = now() - timedelta(days=10)
    instance = a_running_instance(a_node(region="lille"), first_started_at=start)
    a_node("other", region="paris", state="unreachable")
    see(instance, broken(), at=start + timedelta(hours=2))
    sweep_incidents()
    see(instance, kept(), at=start + timedelta(hours=3))
    long = "connection refused by 127.0.0.1 port 21000 after a second try"
    see(instance, kept(), broken("mail leaves", long), at=now() - timedelta(minutes=20))
    Instance.objects.update(promises=[kept(), broken("mail leaves", long)])
    return instance


def test_everybody_reads_the_status_page_in_every_look(visit: Visit) -> None:
    a_service_with_a_past()
    for theme, width in LOOKS:
        page = visit("/status/", theme=theme, width=width)
        expect(page.get_by_role("heading", name="Status")).to_be_visible()
        screenshot(page, f"status-{theme}-{width}")
        assert not overflows(page), (theme, width)
        assert axe(page) == [], (theme, width)


def test_a_customer_reads_the_availability_of_a_service_in_every_look(visit: Visit) -> None:
    instance = a_service_with_a_past()
    owner = a_user(instance.organisation, Role.OWNER)
    path = f"/services/{instance.line.contract.reference}"
    for theme, width in LOOKS:
        page = visit(path, theme=theme, width=width, user=owner)
        expect(page.get_by_text("Still fails")).to_be_visible()
        screenshot(page, f"availability-{theme}-{width}")
        assert not overflows(page), (theme, width)
        assert axe(page) == [], (theme, width)


def test_without_scripts_the_availability_is_a_link_away(visit: Visit) -> None:
    instance = a_service_with_a_past()
    owner = a_user(instance.organisation, Role.OWNER)
    path = f"/services/{instance.line.contract.reference}"
    page = visit(path, user=owner, scripts=False, strict=False)
    page.get_by_role("link", name="Availability").click()
    expect(page.get_by_text("Still fails")).to_be_visible()
