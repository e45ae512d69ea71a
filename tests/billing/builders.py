"""Rows that tests of billing start from, and a source of usage that refuses what it should."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.rating import services as rating
from billing.rating.models import RatingRun
from billing.runs import services as runs
from billing.runs.models import BillingRun
from billing.vat import services as vat
from erp.base.periods import Period, merged
from erp.catalogue.models import Offer, Plan
from erp.contracts.models import Contract, ContractLine, LinePrice
from erp.contracts.states import State
from erp.customers.models import Organisation
from erp.ports import Looked, Reading, SampleView, Usage


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOVEMBER = Period(at("2026-11-01"), at("2026-12-01"))
OPENED = at("2026-12-01T06:00")


@dataclass
class FakeUsage:
    """Holds samples and existence; a sample belongs to the period in which it ends."""

    stored: list[tuple[int, SampleView]] = field(default_factory=list)
    existed: dict[int, list[Period]] = field(default_factory=dict)

    def exists(self, line: ContractLine, start: datetime, end: datetime) -> None:
        self.existed.setdefault(line.pk, []).append(Period(start, end))

    def sample(
        self,
        line: ContractLine,
        quantity: str,
        *,
        ends_at: datetime,
        meter: str = "cpu_hours",
        stored_at: datetime | None = None,
    ) -> None:
        starts_at = ends_at.replace(second=0) if ends_at.second else ends_at
        key = f"boot:{len(self.stored)}"
        view = SampleView(
            key, meter, "h", Decimal(quantity), starts_at, ends_at, "node-1", "I-1",
            stored_at or ends_at,
        )  # fmt: skip
        assert view.quantity >= 0, "the real one refuses a negative sample"
        self.stored.append((line.pk, view))

    def _found(
        self, windows: Mapping[int, Period], stored_before: datetime
    ) -> list[tuple[int, SampleView]]:
        assert stored_before.tzinfo is not None
        return [
            (line, one)
            for line, one in self.stored
            if line in windows
            and windows[line].start < one.ends_at <= windows[line].end
            and one.stored_at < stored_before
        ]

    def usage(self, *, windows: Mapping[int, Period], stored_before: datetime) -> Sequence[Usage]:
        groups: dict[tuple[int, str, str], list[SampleView]] = {}
        for line, one in self._found(windows, stored_before):
            groups.setdefault((line, one.meter, one.unit), []).append(one)
        return [
            Usage(
                line, meter, unit, sum((one.quantity for one in ones), Decimal(0)), len(ones),
                min(one.starts_at for one in ones), max(one.ends_at for one in ones),
            )
            for (line, meter, unit), ones in sorted(groups.items())
        ]  # fmt: skip

    def came_late(self, *, looked: Collection[Looked]) -> Collection[Looked]:
        return [
            seen
            for seen in looked
            if any(
                line == seen.line
                and seen.period.start < one.ends_at <= seen.period.end
                and one.stored_at >= seen.stored_before
                for line, one in self.stored
            )
        ]

    def samples(
        self, *, line: int, meter: str, period: Period, stored_before: datetime, limit: int
    ) -> Sequence[SampleView]:
        found = [one for _, one in self._found({line: period}, stored_before) if one.meter == meter]
        return sorted(found, key=lambda one: one.ends_at, reverse=True)[:limit]

    def readings(
        self, *, windows: Mapping[int, Period], meters: Collection[str], stored_before: datetime
    ) -> Sequence[Reading]:
        return [
            Reading(line, one.meter, one.quantity, one.starts_at, one.ends_at, one.instance)
            for line, one in self._found(windows, stored_before)
            if one.meter in meters
        ]

    def converged(self, *, windows: Mapping[int, Period]) -> Mapping[int, Sequence[Period]]:
        found = {
            line: merged(c for one in self.existed.get(line, []) if (c := one.overlap(period)))
            for line, period in windows.items()
        }
        return {line: periods for line, periods in found.items() if periods}


def a_provider(**facts: Any) -> Organisation:
    found = Organisation.objects.filter(kind="provider").first()
    return found or _organisation("provider", None, "Provider", facts)


def a_reseller(name: str = "Reseller", **facts: Any) -> Organisation:
    return _organisation("reseller", a_provider(), name, facts)


def a_customer(
    name: str = "Customer", seller: Organisation | None = None, **facts: Any
) -> Organisation:
    return _organisation("customer", seller or a_provider(), name, facts)


def _organisation(
    kind: str, above: Organisation | None, name: str, facts: dict[str, Any]
) -> Organisation:
    columns = {"country": "FR", "email": "a@b.fr", "created_at": at("2026-01-01")}
    columns |= {"vat_number": "FR44732829320"} if kind != "customer" else {}
    columns |= facts
    one = Organisation(kind=kind, name=name, parent=above, **columns)
    one.path = (above.path if above else "") + one.reference + "/"
    one.save()
    return one


def confirmed(buyer: Organisation) -> Organisation:
    """Return a buyer whose VAT number somebody answered for, long enough for these tests."""
    vat.confirm(buyer, why="a test", at=OPENED, by="test")
    return buyer


def a_contract(
    buyer: Organisation | None = None,
    *,
    starts_at: datetime = NOVEMBER.start,
    prices: Sequence[tuple[str, str, str, str]] = (("recurring", "", "30", "0"),),
    terms: Mapping[str, Any] | None = None,
    currency: str = "EUR",
    **columns: Any,
) -> ContractLine:
    """Return the one line of a new contract. Prices: kind, meter, unit price, included.

    The terms are those of its metered prices.
    """
    buyer = buyer or a_customer()
    provider = a_provider()
    offer = Offer.objects.create(organisation=provider, name="Site", summary="", product="site")
    plan = Plan.objects.create(organisation=provider, offer=offer, code="small", name="Small")
    facts: dict[str, Any] = {"state": State.ACTIVE, "state_since": starts_at} | columns
    contract = Contract.objects.create(
        organisation=buyer, seller=buyer.parent or buyer, name="My site", currency=currency,
        starts_at=starts_at, **facts,
    )  # fmt: skip
    line = ContractLine.objects.create(
        organisation=buyer, contract=contract, name="My site", plan=plan, product="site"
    )
    for kind, meter, unit_price, included in prices:
        LinePrice.objects.create(
            organisation=buyer, line=line, kind=kind, meter=meter, unit="h" if meter else "",
            unit_price=Decimal(unit_price), included_quantity=Decimal(included),
            terms=dict(terms or {}) if meter else {},
        )  # fmt: skip
    return line


def rated(contract: Contract, period: Period = NOVEMBER) -> RatingRun:
    """Return the rating run of one contract, stored."""
    windows = {contract.pk: period}
    found = rating.rate_all([contract], windows, cut_off=OPENED, at=OPENED)[contract.pk]
    assert isinstance(found, rating.Rated), found
    rating.keep([found])
    return found.run


def a_run(
    period: Period = NOVEMBER, *, issuer: Organisation | None = None, opened_at: datetime = OPENED
) -> BillingRun:
    """Return a run of which every contract was looked at."""
    run = runs.open_run(issuer or a_provider(), period, cut_off=opened_at, at=opened_at, by="anna")
    runs.work_through(run, at=opened_at, by="anna")
    return run
