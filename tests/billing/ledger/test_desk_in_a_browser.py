"""The accountant's desk in both themes and widths: nothing overflows, everything is accessible."""

import pytest
from django.contrib.auth.models import User

from billing.ledger.models import Account
from erp.customers.models import Member
from tests.billing.builders import FakeUsage
from tests.billing.reports.books import some_books
from tests.browser import Visit, axe, overflows, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = [("light", 1280), ("dark", 390)]
PLACES = {
    "entries": "/ledger/",
    "new": "/ledger/new",
    "books": "/ledger/books?prove=1",
    "trial-balance": "/reports/trial-balance?to=2026-12-31",
    "aged": "/reports/aged?to=2027-01-15",
    "account": "/reports/account?account=512&to=2026-12-31",
    "exports": "/reports/exports",
}


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_desk_is_readable(usage: FakeUsage, visit: Visit, theme: str, width: int) -> None:
    books = some_books(usage)
    user = User.objects.create_user("anna")
    Member.objects.create(organisation=books, user=user, role="accountant")
    customer = Account.objects.get(name="Anna", organisation=books)
    for name, place in (PLACES | {"lettering": f"/ledger/accounts/{customer.pk}"}).items():
        page = visit(place, theme=theme, width=width, user=user)
        screenshot(page, f"desk-{name}-{theme}-{width}")
        assert not overflows(page), name
        assert axe(page) == [], name
