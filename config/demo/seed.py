"""The people and prices of the demo: made once, found again."""

from datetime import datetime, timedelta
from decimal import Decimal

from erp.catalogue.models import Offer, Plan, PriceKind, PriceList
from erp.catalogue.services import add_offer, add_plan, add_price_list, set_price
from erp.customers.models import Member, Organisation
from erp.customers.services import add_customer, add_member, add_reseller, found_provider
from erp.customers.states import Kind, Role
from orchestration.releases.services import publish_catalogue

BY = "demo"
PASSWORD = "tenantry-demo-2026"  # noqa: S105  (printed for whoever tries the demo)
CURRENCY = "EUR"

PROVIDER = {
    "name": "Nordlicht Hosting SAS",
    "legal_id": "732829320",
    "vat_number": "FR44732829320",
    "street": "12 rue de la Paix",
    "postcode": "59000",
    "city": "Lille",
    "country": "FR",
    "email": "billing@nordlicht.example",
    "iban": "FR7630006000011234567890189",
    "bic": "AGRIFRPPXXX",
}
RESELLER = {
    "name": "Atelier Web SARL",
    "legal_id": "552100554",
    "vat_number": "FR96552100554",
    "street": "3 place du Marché",
    "postcode": "69002",
    "city": "Lyon",
    "country": "FR",
    "email": "factures@atelier.example",
    "iban": "FR1420041010050500013M02606",
    "bic": "PSSTFRPPLYO",
}
CUSTOMER = {
    "name": "Boulangerie Martin SAS",
    "legal_id": "443061841",
    "vat_number": "FR64443061841",
    "street": "8 avenue Jean Jaurès",
    "postcode": "31000",
    "city": "Toulouse",
    "country": "FR",
    "email": "martin@boulangerie.example",
}
PEOPLE = {
    "owner@demo.example": ("provider", Role.OWNER),
    "operator@demo.example": ("provider", Role.OPERATOR),
    "accountant@demo.example": ("provider", Role.ACCOUNTANT),
    "reseller@demo.example": ("reseller", Role.RESELLER_MANAGER),
    "customer@demo.example": ("customer", Role.OWNER),
}
# (name, summary, product, software type, icon), (set-up, monthly price); what is used is metered.
OFFERS = (
    (("Static site", "One page on the web, online in seconds.", "static-site", "default",
      "globe-alt"), ("5.00", "4.90")),
    (("File storage", "WebDAV storage that every desktop mounts.", "webdav", "default", "folder"),
     ("10.00", "9.90")),
    (("Calendar", "Appointments and contacts on every device.", "calendar", "default",
      "calendar-days"), ("0.00", "2.90")),
    (("Database", "PostgreSQL 18 with a database of your own.", "postgresql", "default",
      "circle-stack"), ("10.00", "14.90")),
    (("Web application", "Your Python application from its source, with its own database.",
      "wsgi-app", "default", "code-bracket"), ("15.00", "24.90")),
    (("Front end", "Names and TLS before servers that run anywhere.", "http-frontend", "default",
      "arrows-right-left"), ("20.00", "19.90")),
    (("Site on our front end", "Your own name with TLS before a server that you have.",
      "http-frontend", "site", "link"), ("0.00", "1.90")),
)  # fmt: skip
METERS = (
    ("cpu_seconds", "s", "0.000110000", "0"),
    ("memory_gib_hours", "GiB.h", "0.008000000", "0"),
    ("disk_gib_hours", "GiB.h", "0.000200000", "0"),
)


def seed(*, at: datetime) -> dict[str, Organisation]:
    """Return provider, reseller and customer, with people, offers and prices."""
    known = {one.kind: one for one in Organisation.objects.filter(email__in=_mails())}
    provider = known.get(Kind.PROVIDER) or found_provider(at=at, by=BY, **PROVIDER)
    reseller = known.get(Kind.RESELLER) or add_reseller(provider, at=at, by=BY, **RESELLER)
    customer = known.get(Kind.CUSTOMER) or add_customer(reseller, at=at, by=BY, **CUSTOMER)
    organisations = {"provider": provider, "reseller": reseller, "customer": customer}
    for mail, (kind, role) in PEOPLE.items():
        if not Member.objects.filter(user__email=mail).exists():
            add_member(organisations[kind], email=mail, role=role, password=PASSWORD, at=at, by=BY)
    publish_catalogue(owner=provider, at=at, by=BY)
    plans = [(_plan(provider, offer, at=at), prices) for offer, prices in OFFERS]
    for seller in (provider, reseller):
        _prices(seller, plans, at=at)
    return organisations


def _mails() -> list[str]:
    return [PROVIDER["email"], RESELLER["email"], CUSTOMER["email"]]


def _plan(provider: Organisation, offer: tuple[str, ...], *, at: datetime) -> Plan:
    name, summary, product, software_type, icon = offer
    sold = {"product": product, "software_type": software_type}
    found = Offer.objects.filter(organisation=provider, **sold).first()
    if found is None:
        found = add_offer(provider, name=name, summary=summary, icon=icon, at=at, by=BY, **sold)
        add_plan(found, code="small", name="Small", summary="For one page or a small team")
    return found.plans.get(code="small")


def _prices(
    seller: Organisation, plans: list[tuple[Plan, tuple[str, str]]], *, at: datetime
) -> None:
    if PriceList.objects.filter(organisation=seller).exists():
        return
    starts_at = at - timedelta(days=1)
    listed = add_price_list(
        seller, name=f"Prices {at:%Y}", currency=CURRENCY, starts_at=starts_at, at=at, by=BY
    )
    for plan, (setup, monthly) in plans:
        set_price(listed, plan, kind=PriceKind.SETUP, unit_price=Decimal(setup))
        set_price(listed, plan, kind=PriceKind.RECURRING, unit_price=Decimal(monthly), unit="month")
        for meter, unit, unit_price, included in METERS:
            set_price(
                listed,
                plan,
                kind=PriceKind.METERED,
                meter=meter,
                unit=unit,
                unit_price=Decimal(unit_price),
                included_quantity=Decimal(included),
            )
