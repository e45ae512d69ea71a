"""The pages of a reseller in both themes on a telephone, under its own brand."""

import io
from collections.abc import Collection, Mapping
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from PIL import Image, ImageDraw

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.sla import services as sla
from erp.base.periods import Period
from erp.catalogue.markup import Markup
from erp.catalogue.models import PriceList
from erp.catalogue.services import ListWish, publish
from erp.contracts.models import ContractLine
from erp.customers.branding import Look, set_brand
from erp.customers.models import Member, Organisation
from erp.ports import Availability, Failing
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_reseller, a_run, at
from tests.billing.runs.test_wholesale import a_sold_line, asked_of_resellers
from tests.browser import Visit, axe, overflows, screenshot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SECONDS = Decimal(30 * 86400)


class _History(FakeUsage):
    def availability(self, *, lines: Collection[int], period: Period) -> Mapping[int, Availability]:
        failing = [
            Failing(Period(at(start), at(end)), "port-answers", "connection refused")
            for start, end in (
                ("2026-11-03T10:00", "2026-11-03T12:30"),
                ("2026-11-17T23:15", "2026-11-18T01:00"),
            )
        ]
        down = sum((one.period.seconds for one in failing), Decimal(0))
        return {
            line: Availability(SECONDS, down, Decimal(0), Decimal(0), failing) for line in lines
        }


def a_logo() -> io.BytesIO:
    target, picture = io.BytesIO(), Image.new("RGBA", (480, 120), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((0, 0, 120, 120), fill="#0a7a5c")
    draw.text((140, 20), "Cloudy", fill="#0a7a5c", font_size=72)
    picture.save(target, "PNG")
    target.seek(0)
    return target


def a_world(usage: FakeUsage) -> tuple[Organisation, User]:
    reseller = a_reseller("Cloudy Hosting")
    for name in ("Anna Bäckerei GmbH & Söhne", "Bob"):
        line = a_sold_line(usage, reseller, name)
        ContractLine.objects.filter(pk=line.pk).update(service_level=[["99.9", "10"]])
        listed = asked_of_resellers(line)
    a_sold_line(usage, reseller, "Cid")
    a_run(issuer=reseller)
    for draft in Invoice.objects.order_by("pk"):
        sla.draft(invoicing.issue(draft, at=OPENED, by="anna"), NOVEMBER, at=OPENED, by="t")
    publish(
        reseller, ListWish(listed, Markup(Decimal("12.5"))), at=OPENED, by="t",
        name="Mine", starts_at=at("2026-12-01"),
    )  # fmt: skip
    look = Look("Cloudy", "#0a7a5c", "help@cloudy.test", "Pay within the month.")
    set_brand(reseller, look, at=OPENED, by="t", logo=a_logo())
    user = User.objects.create_user("manager")
    Member.objects.create(organisation=reseller, user=user, role="reseller_manager")
    return reseller, user


def test_the_pages_of_a_reseller_fit_a_telephone_in_both_themes(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, usage: FakeUsage
) -> None:
    source = _History()
    monkeypatch.setattr("erp.ports._implementation", lambda path: source)
    reseller, user = a_world(source)
    credit = reseller.given_service_credits.get(state="drafted", organisation__name="Bob")
    mine = PriceList.objects.get(organisation=reseller)
    days = "from=2026-11-01&to=2026-11-30"
    pages = {
        "sold-and-bought": f"/reports/resale?books={reseller.reference}&{days}",
        "proof": f"/reports/proof?books={reseller.reference}&start=2026-11-01&end=2026-12-31",
        "service-credits": "/service-credits/",
        "service-credit": f"/service-credits/{credit.reference}",
        "price-list": f"/catalogue/price-lists/{mine.reference}",
        "new-list": f"/catalogue/price-lists/new?base={mine.reference}",
        "brand": f"/organisations/{reseller.reference}/brand",
    }
    faults = {}
    for name, path in pages.items():
        for theme in ("light", "dark"):
            page = visit(path, theme=theme, width=390, user=user)
            screenshot(page, f"resell-{name}-{theme}")
            found = axe(page) + (["it scrolls sideways"] if overflows(page) else [])
            if found:
                faults[f"{name} {theme}"] = found
    assert faults == {}
