"""The desk of money in, in both themes and widths: nothing overflows, all is accessible."""

import pytest
from django.contrib.auth.models import User

from billing.bank import matching
from billing.bank.models import BankItem
from billing.bank.services import import_file
from billing.dunning.services import set_policy, usual
from billing.payments.models import Receipt
from erp.customers.models import Member
from tests.billing.bank.test_importing import IBAN, _file, _movement
from tests.billing.builders import OPENED, FakeUsage, a_provider
from tests.billing.payments.owed import owed
from tests.browser import Visit, axe, overflows, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_desk_is_readable(usage: FakeUsage, visit: Visit, theme: str, width: int) -> None:
    books = a_provider(iban=IBAN)
    user = User.objects.create_user("anna")
    Member.objects.create(organisation=books, user=user, role="accountant")
    one, two, _ = owed(usage, 3)
    content = _file(
        _movement("36.00", one.number, "1"), _movement("20.00", two.number, "2"),
        _movement("50.00", "hello", "3"), _movement("3.50", "fee", "4", "DBIT"),
    )  # fmt: skip
    file, _ = import_file(books, "december.xml", content, at=OPENED, by="anna")
    paid = BankItem.objects.get(minor=5000)
    matching.accept(paid, one.organisation, {one.pk: 3600}, at=OPENED, by="anna")
    set_policy(books, usual(), at=OPENED, by="anna")
    places = {
        "list": "/bank/?state=all", "file": f"/bank/files/{file.reference}",
        "done": f"/bank/{paid}",
        "open": f"/bank/{BankItem.objects.get(minor=2000)}",
        "receipt": f"/payments/{Receipt.objects.get()}", "payments": "/payments/",
        "dunning": "/dunning/?until=2027-02-01",
    }  # fmt: skip
    for name, place in places.items():
        page = visit(place, theme=theme, width=width, user=user)
        screenshot(page, f"money-{name}-{theme}-{width}")
        assert not overflows(page), name
        assert axe(page) == [], name
