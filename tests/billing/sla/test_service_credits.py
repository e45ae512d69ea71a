"""Service credits: computed of kept history, drafted once, decided by a person, explained."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from billing.documents.formats import Formats
from billing.invoicing import credits
from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.invoicing.wording import name_of
from billing.sla import services
from billing.sla.models import ServiceCredit
from billing.sla.tasks import draft_credit, sweep_service_credits
from erp.base.lifecycle import IllegalMove
from erp.base.periods import Period
from erp.catalogue.service_levels import BadLevel, Step, missed, read
from erp.contracts.models import ContractLine
from erp.ports import Availability, Failing
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    a_reseller,
    a_run,
    at,
)
from tests.billing.runs.test_wholesale import asked_of_resellers
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
D = Decimal
LEVEL = [["99.9", "10"], ["99", "25"]]
SECONDS = D(30 * 86400)


@dataclass
class FakeHistory(FakeUsage):
    """Remembers failing intervals too."""

    failing: dict[int, list[Failing]] = field(default_factory=dict)

    def fails(
        self, line: ContractLine, start: str, hours: float, message: str = "no answer"
    ) -> None:
        period = Period(at(start), at(start) + timedelta(hours=hours))
        self.failing.setdefault(line.pk, []).append(Failing(period, "port-answers", message))

    def availability(self, *, lines: Collection[int], period: Period) -> Mapping[int, Availability]:
        found = {}
        for line in set(lines) & set(self.existed):
            its = self.failing.get(line, [])
            down = sum((one.period.seconds for one in its), D(0))
            found[line] = Availability(SECONDS, down, D(0), D(0), its)
        return found


@pytest.fixture
def history(usage: FakeUsage, monkeypatch: pytest.MonkeyPatch) -> FakeHistory:
    source = FakeHistory()
    monkeypatch.setattr("erp.ports._implementation", lambda path: source)
    return source


def a_promised_line(history: FakeHistory, name: str = "Customer", **facts: object) -> ContractLine:
    buyer = a_customer(name, **facts)  # type: ignore[arg-type]
    line = a_contract(buyer, prices=(("recurring", "", "33.33", "0"),))
    ContractLine.objects.filter(pk=line.pk).update(service_level=LEVEL)
    history.exists(line, NOVEMBER.start, NOVEMBER.end)
    return line


def billed(line: ContractLine) -> Invoice:
    a_run(issuer=line.contract.seller)
    invoice = Invoice.objects.get(contract=line.contract)
    return invoicing.issue(invoice, at=OPENED, by="anna")


def drafted(invoice: Invoice) -> ServiceCredit:
    return services.draft(invoice, NOVEMBER, at=OPENED, by="test")


@pytest.mark.parametrize(
    ("hours", "minor"),
    [
        (0, 0),
        # 0.1 % of 720 hours is 0.72: at the bound nothing is missed.
        (0.72, 0),
        (0.73, 333),
        (7.2, 333),
        (7.3, 833),
    ],
)
def test_each_step_gives_back_its_part_of_the_base_price(
    history: FakeHistory, hours: float, minor: int
) -> None:
    line = a_promised_line(history)
    if hours:
        history.fails(line, "2026-11-03T10:00", hours)

    credit = drafted(billed(line))

    assert (credit.net_minor, credit.state) == (minor, "drafted" if minor else "kept")


def test_it_is_drafted_once_and_approved_once(history: FakeHistory) -> None:
    line = a_promised_line(history)
    history.fails(line, "2026-11-03T10:00", 2)
    invoice = billed(line)

    first, again = drafted(invoice), drafted(invoice)
    note = services.approve(first, at=OPENED, by="anna")

    assert first == again
    assert services.approve(again, at=OPENED, by="bob") == note
    assert (note.kind, note.net_minor, note.corrects) == ("credit_note", 333, invoice)
    assert note.tax_minor == 67
    (printed,) = note.lines.all()
    assert printed.quantity * printed.unit_price == D("3.33")
    assert printed.description == (
        "My site: base price, November 2026, 10 % for 99.722 % availability, 99.9 % agreed; "
        "03.11. 10:00–12:00 UTC"
    )
    assert name_of(printed, Formats("de", "EUR", 2)) == (
        "My site: Grundpreis, November 2026, 10 % für 99.722 % Verfügbarkeit, 99.9 % vereinbart; "
        "03.11. 10:00–12:00 UTC"
    )
    assert note.reason == f"Availability of November 2026 below what was agreed ({first.reference})"
    with pytest.raises(IllegalMove):
        services.refuse(ServiceCredit.objects.get(), at=OPENED, by="anna", why="no")


def test_what_is_credited_already_is_not_given_back_again(history: FakeHistory) -> None:
    line = a_promised_line(history)
    history.fails(line, "2026-11-03T10:00", 10)
    invoice = billed(line)
    credit = drafted(invoice)
    credits.credit(invoice, credits.Wish("K", "goodwill", [credits.Part(1, net_minor=3000)]),
                   at=OPENED, by="anna")  # fmt: skip

    with pytest.raises(credits.MoreThanLeft):
        services.approve(credit, at=OPENED, by="anna")

    assert ServiceCredit.objects.get().state == "drafted"
    services.refuse(credit, at=OPENED, by="anna", why="credited by hand")


def test_the_month_must_be_over(history: FakeHistory) -> None:
    invoice = billed(a_promised_line(history))
    with pytest.raises(services.NotOver):
        services.draft(invoice, NOVEMBER, at=NOVEMBER.end - timedelta(seconds=1), by="test")


@time_machine.travel(OPENED, tick=False)
def test_the_sweep_looks_at_every_invoice_once(
    history: FakeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed_it, kept_it = (a_promised_line(history, name) for name in ("Ann", "Bob"))
    plain = a_contract(a_customer("Cid"))
    history.exists(plain, NOVEMBER.start, NOVEMBER.end)
    history.fails(missed_it, "2026-11-03T10:00", 2)
    for line in (missed_it, kept_it, plain):
        billed(line)
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(draft_credit, "delay", lambda **keys: asked.append(keys))

    sweep_service_credits()
    for keys in asked:
        draft_credit(**keys)
        draft_credit(**keys)
    asked.clear()
    sweep_service_credits()

    assert asked == []
    states = ServiceCredit.objects.order_by("pk").values_list("contract", "state")
    assert list(states) == [(missed_it.contract_id, "drafted"), (kept_it.contract_id, "kept")]


def test_the_provider_gives_its_reseller_back_what_the_reseller_gives_its_customer(
    history: FakeHistory,
) -> None:
    reseller = a_reseller()
    line = a_promised_line(history, seller=reseller)
    asked_of_resellers(line, (("recurring", "", "20", "0"),))
    history.fails(line, "2026-11-03T10:00", 2)
    retail = billed(line)
    wholesale = Invoice.objects.get(organisation=reseller)
    invoicing.issue(wholesale, at=OPENED, by="anna")

    assert [drafted(one).net_minor for one in (retail, wholesale)] == [333, 200]


@time_machine.travel(OPENED, tick=False)
def test_the_pages_show_the_intervals_and_only_the_seller_decides(history: FakeHistory) -> None:
    line = a_promised_line(history)
    history.fails(line, "2026-11-03T10:00", 2, "connection refused")
    credit = drafted(billed(line))
    accountant, owner = signed_in(a_provider(), "accountant"), signed_in(line.organisation, "owner")
    page = f"/service-credits/{credit.reference}"

    text = accountant.get(page).content.decode()
    assert "connection refused" in text
    assert "€3.33" in text
    assert owner.get(page).status_code == 404
    assert owner.post(f"{page}/approve").status_code == 404
    assert accountant.post(f"{page}/approve").status_code == 302
    assert "connection refused" in owner.get(page).content.decode()
    assert owner.post(f"{page}/refuse", {"why": "x"}).status_code == 403
    assert credit.contract.name in owner.get("/service-credits/").content.decode()
    assert signed_in(a_customer("Other"), "owner").get(page).status_code == 404


@pytest.mark.parametrize(
    "written",
    [
        [["99", "25"], ["99.9", "10"]],
        [["99.9", "25"], ["99", "10"]],
        [["101", "10"]],
        [["99", "0"]],
        [["99"]],
        [["99", "NaN"]],
        [["x", "10"]],
    ],
)
def test_steps_that_contradict_themselves_are_refused(written: list[list[str]]) -> None:
    with pytest.raises(BadLevel):
        read(written)


def test_the_lowest_step_that_is_missed_counts() -> None:
    steps = read(LEVEL)
    assert missed(steps, D("0.999")) is None
    assert missed(steps, D("0.99899")) == Step(D("99.9"), D(10))
    assert missed(steps, D("0.5")) == Step(D(99), D(25))
