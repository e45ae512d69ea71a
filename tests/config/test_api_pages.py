"""The API as people read it: every resource has its page, and nothing comes from elsewhere."""

import pytest
from django.test import Client

from config.api import RESOURCES
from config.api_pages import resources
from tests.browser import Visit, axe, overflows, screenshot

LOOKS = [("light", 1280), ("dark", 390)]


@pytest.mark.django_db
def test_every_resource_has_its_page_and_every_call_its_curl(client: Client) -> None:
    found = resources()

    assert set(found) == {"me", *RESOURCES}
    index = client.get("/api/").content.decode()
    for name, calls in found.items():
        page = client.get(f"/api/reference/{name}")
        assert (page.status_code, f"/api/reference/{name}" in index) == (200, True)
        assert all(call.path in page.content.decode() for call in calls)
        assert len(page.content) <= 120_000, name
    (order,) = [call for call in found["orders"] if call.path == "/api/v1/orders" and call.sent]
    assert order.curl == (
        'curl -H "Authorization: Bearer $TENANTRY_TOKEN" -X POST '
        '-H "Idempotency-Key: $(uuidgen)" -H "Content-Type: application/json" -d @body.json '
        '"$TENANTRY_URL/api/v1/orders"'
    )
    assert {field.name for field in order.sent if field.is_required} == {
        "organisation", "offer", "plan", "name",
    }  # fmt: skip


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_pages_are_readable(visit: Visit, theme: str, width: int) -> None:
    for name, place in (("index", "/api/"), ("orders", "/api/reference/orders")):
        page = visit(place, theme=theme, width=width)
        screenshot(page, f"api-{name}-{theme}-{width}")
        assert not overflows(page), name
        assert axe(page) == [], name
