"""Budget, prepaid credit and margin in both themes and widths: readable, nothing overflows."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from billing.payments import prepaid
from billing.payments.services import Money
from billing.reports import margin
from erp.contracts.budgets import Wanted, set_budget
from erp.contracts.models import Contract
from erp.customers.models import Member
from tests.billing.builders import OPENED, FakeUsage
from tests.billing.reports.books import some_books
from tests.billing.reports.test_margin import FakeCosts
from tests.browser import Visit, axe, overflows, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_are_readable(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch, visit: Visit, theme: str, width: int
) -> None:
    monkeypatch.setattr(margin, "cost_source", FakeCosts)
    books = some_books(usage)
    buyer = Contract.objects.order_by("pk")[0].organisation
    until = OPENED + timedelta(days=30)
    prepaid.top_up(buyer, Money("K", 5000, OPENED.date()), expires_at=until, at=OPENED, by="anna")
    set_budget(buyer, Wanted(4000), contract=None, at=OPENED, by="anna")
    accountant, owner = User.objects.create_user("anna"), User.objects.create_user("olga")
    Member.objects.create(organisation=books, user=accountant, role="accountant")
    Member.objects.create(organisation=buyer, user=owner, role="owner")
    places = {
        "margin": ("/reports/margin?from=2026-01-01&to=2026-12-31&by=node", accountant),
        "top-up": (f"/payments/prepaid/{buyer.reference}/new", accountant),
        "prepaid": ("/payments/prepaid", owner),
        "budget": (f"/services/budget/{buyer.reference}", owner),
    }
    for name, (place, user) in places.items():
        page = visit(place, theme=theme, width=width, user=user)
        screenshot(page, f"money-{name}-{theme}-{width}")
        assert not overflows(page), name
        assert axe(page) == [], name
