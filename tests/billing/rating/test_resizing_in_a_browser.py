"""The pages that resize a service in both themes and widths, clicked through."""

import pytest
from django.contrib.auth.models import User

from erp.customers.models import Member
from tests.billing.builders import FakeUsage
from tests.billing.rating.test_versions import SMALL, a_resizable_line, resize
from tests.browser import Visit, axe, overflows, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_resizing_is_readable(usage: FakeUsage, visit: Visit, theme: str, width: int) -> None:
    line = a_resizable_line(usage, prices=(SMALL[0], SMALL[2]))
    user = User.objects.create_user("anna")
    Member.objects.create(organisation=line.organisation, user=user, role="owner")
    service, change = (
        f"/services/{line.contract.reference}",
        f"/changes/{line.contract.reference}/1",
    )
    for name, place in {"choose": change, "review": f"{change}?plan=big"}.items():
        page = visit(place, theme=theme, width=width, user=user)
        screenshot(page, f"resize-{name}-{theme}-{width}")
        assert not overflows(page), name
        assert axe(page) == [], name
    resize(line, "small", "2026-11-20T10:00", quantity="2")
    resize(line, "small", "2026-11-20T11:00")
    page = visit(service, theme=theme, width=width, user=user)
    screenshot(page, f"resize-planned-{theme}-{width}")
    assert not overflows(page)
