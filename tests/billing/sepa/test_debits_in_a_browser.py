"""Direct debits, fees and statements in both themes and widths: nothing overflows."""

import pytest
from django.contrib.auth.models import User

from billing.payments.fees import Claim, claim
from billing.payments.models import FeeKind
from billing.payments.services import Money, Payment, receive
from billing.sepa import runs
from erp.customers.models import Member
from tests.billing.builders import OPENED, FakeUsage, a_customer
from tests.billing.payments.owed import owed
from tests.billing.sepa.debtors import THEIRS, prepared, to_collect
from tests.browser import Visit, axe, overflows, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_direct_debits_are_readable(usage: FakeUsage, visit: Visit, theme: str, width: int) -> None:
    (invoice,) = to_collect(usage)
    seller, debtor = invoice.issuer, invoice.organisation
    accountant, owner = (User.objects.create_user(name, f"{name}@a.fr") for name in ("anna", "bob"))
    Member.objects.create(organisation=seller, user=accountant, role="accountant")
    Member.objects.create(organisation=debtor, user=owner, role="owner")
    run = prepared(seller)
    runs.send(run, at=OPENED, by="anna")
    owed(usage, 2, buyer=debtor)
    claim(invoice, Claim("K", FeeKind.REMINDER, 500), at=OPENED, by="anna")
    payer = a_customer("Payer", iban=THEIRS)
    receive(Payment(seller, payer, "EUR", Money("K", 900, OPENED.date())), at=OPENED, by="anna")
    days = "from=2026-01-01&to=2026-12-31&currency=EUR"
    places = {
        "list": ("/sepa/", accountant), "run": (f"/sepa/{run}", accountant),
        "debits": ("/sepa/debits?on=2026-12-31&scheme=CORE", accountant),
        "transfers": ("/sepa/transfers", accountant), "books": ("/ledger/books", accountant),
        "fees": (f"/invoices/{invoice.reference}", accountant),
        "mandates": (f"/organisations/{debtor.reference}", owner),
        "statement": (f"/statements/{debtor.reference}?{days}", owner),
    }  # fmt: skip
    for name, (place, user) in places.items():
        page = visit(place, theme=theme, width=width, user=user)
        page.wait_for_load_state("networkidle")
        screenshot(page, f"sepa-{name}-{theme}-{width}")
        assert not overflows(page), name
        assert axe(page) == [], name
