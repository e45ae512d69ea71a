"""Where orchestration and billing meet without knowing each other: Protocols and plain facts.

`settings` names who implements a port; `port()` returns it. "No samples" and "zero" are different
answers: a meter without samples is absent from the answer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from erp.base.periods import Period
from erp.base.tenancy import AnyUser


@dataclass(frozen=True, slots=True)
class Usage:
    """What one contract line used of one meter in a period."""

    line: int
    meter: str
    unit: str
    quantity: Decimal
    samples: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class SampleView:
    """One raw sample as evidence: where and when it was measured, and how it came here."""

    key: str
    meter: str
    unit: str
    quantity: Decimal
    starts_at: datetime
    ends_at: datetime
    node: str
    instance: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One raw sample as a level of a meter is computed from it; the subject was measured."""

    line: int
    meter: str
    quantity: Decimal
    starts_at: datetime
    ends_at: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class Looked:
    """A line over a period as somebody looked at it: what was stored before the moment counted."""

    line: int
    period: Period
    stored_before: datetime


class UsageSource(Protocol):
    """Answers for what was used; rating asks it, with as many statements for any number of lines.

    A window is the period of a line: [start, end), and a sample belongs to where it ends.
    """

    def usage(self, *, windows: Mapping[int, Period], stored_before: datetime) -> Sequence[Usage]:
        """Return usage per line and meter of samples that end in the period of their line.

        Only samples stored before the cut-off count, so asking again yields the same answer.
        """
        ...

    def came_late(self, *, looked: Collection[Looked]) -> Collection[Looked]:
        """Return those for which something may have been stored since."""
        ...

    def samples(
        self, *, line: int, meter: str, period: Period, stored_before: datetime, limit: int
    ) -> Sequence[SampleView]:
        """Return the newest raw samples behind one usage, at most `limit`."""
        ...

    def readings(
        self, *, windows: Mapping[int, Period], meters: Collection[str], stored_before: datetime
    ) -> Sequence[Reading]:
        """Return the samples that `usage` adds up, for meters that are not billed by their sum."""
        ...

    def converged(self, *, windows: Mapping[int, Period]) -> Mapping[int, Sequence[Period]]:
        """Return when each line's service existed: first passing promises to confirmed wipe."""
        ...


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What the catalogue must know of a software product."""

    name: str
    version: str
    software_types: Mapping[str, Mapping[str, Any]]
    meters: Mapping[str, str]


class ProductSource(Protocol):
    """Answers for what can be run; orders ask it for the schema of the parameters."""

    def products(self) -> Sequence[ProductFacts]:
        """Return the newest version of every product that can be ordered."""
        ...

    def schema(self, product: str, software_type: str) -> Mapping[str, Any]:
        """Return the JSON Schema of the parameters.

        Raises:
            DomainError: there is no such product or type.
        """
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One wish of the place that a buyer can express.

    Args:
        kind: `one` of the choices, `many` of them, or `flag`: yes or no.
        choices: (value, label).
    """

    name: str
    title: str
    help: str
    kind: str
    choices: Sequence[tuple[str, str]] = ()


class PlacementSource(Protocol):
    """Answers for where things can run; orders ask it before they promise a place."""

    def check(self, sla: Mapping[str, Any], *, buyer: int | None) -> None:
        """Refuse wishes that nobody could ever fulfil.

        Args:
            buyer: whose services may be named; None while nobody buys yet.

        Raises:
            DomainError: names what is known instead.
        """
        ...

    def wishes(self) -> Sequence[tuple[str, str]]:
        """Return every wish that there is: its name in the schema, and its title."""
        ...

    def choices(self, wishes: Collection[str], *, buyer: int) -> Sequence[Choice]:
        """Return what the buyer can choose now of these wishes, in the order of a form.

        A wish with nothing to choose from is left out.
        """
        ...


@dataclass(frozen=True, slots=True)
class Failing:
    """A promise of a service failed over the period, and what it last said."""

    period: Period
    promise: str
    message: str


@dataclass(frozen=True, slots=True)
class Availability:
    """How a service kept its promises: seconds that count, and those in which one failed.

    Only time counts in which the service existed, was agreed to run and could be seen. Time in
    which its node could not be reached is unknown (`unseen_seconds`), suspended time is excluded
    (`stopped_seconds`), and so are the maintenance windows that were announced in time
    (`planned_seconds`); none of them is part of `measured_seconds`.
    """

    measured_seconds: Decimal
    down_seconds: Decimal
    unseen_seconds: Decimal
    stopped_seconds: Decimal
    failing: Sequence[Failing]
    planned_seconds: Decimal = Decimal(0)

    @property
    def share(self) -> Decimal | None:
        """Return the available part, 0 to 1; None when nothing was measured."""
        if not self.measured_seconds:
            return None
        return (self.measured_seconds - self.down_seconds) / self.measured_seconds


class AvailabilitySource(Protocol):
    """Answers for how services kept their promises; credits for missed agreements ask it."""

    def availability(self, *, lines: Collection[int], period: Period) -> Mapping[int, Availability]:
        """Return the availability of each contract line; one that never started is absent.

        The period is over: asking again yields the same answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class MachineCost:
    """What a machine cost its provider over a period, in minor units.

    Args:
        by_line: what of it each contract line bears that ran there; the rest stood idle.
    """

    reference: str
    name: str
    minor: int
    by_line: Mapping[int, int]

    @property
    def idle_minor(self) -> int:
        """Return the cost of what nobody used."""
        return self.minor - sum(self.by_line.values())


class CostSource(Protocol):
    """Answers for what machines cost; the margin report asks it."""

    def costs(self, *, provider: int, period: Period, currency: str) -> Sequence[MachineCost]:
        """Return what each machine of a provider cost, of those whose cost is in the currency."""
        ...


class SettlementSource(Protocol):
    """Answers for what is done with; whoever drops old samples asks it."""

    def settled(self, *, lines: Collection[int]) -> Mapping[int, datetime]:
        """Return up to when each line's usage is billed and is not looked at again.

        A line is absent as long as all of its usage may still be billed or corrected.
        """
        ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored document as a mail carries it."""

    name: str
    content_type: str
    content: bytes


class AttachmentSource(Protocol):
    """Answers for the bytes of stored documents; the outbox asks when it sends."""

    def attachment(self, name: str, *, organisation: int) -> Attachment:
        """Return the document of that name that the organisation may be sent.

        Raises:
            DomainError: it is not stored yet, or is no document for this organisation.
        """
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What a ticket can be about, and where its page is.

    Args:
        kind: `node`, `invoice`, … in one word.
        organisation: whose it is; None for what is the provider's own.
    """

    kind: str
    reference: str
    title: str
    path: str
    organisation: int | None


class SubjectSource(Protocol):
    """Answers for what has a name that people know; tickets and the search ask it."""

    def find(self, user: AnyUser, name: str) -> Subject | None:
        """Return what the user may see under exactly this reference or number."""
        ...

    def search(self, user: AnyUser, words: str, *, limit: int) -> Sequence[Subject]:
        """Return what the user may see whose name begins with these words, the best first."""
        ...


@cache
def _implementation(path: str) -> Any:
    return import_string(path)()


def usage_source() -> UsageSource:
    """Return who answers for usage."""
    return cast(UsageSource, _implementation(settings.USAGE_SOURCE))


def product_source() -> ProductSource:
    """Return who answers for products."""
    return cast(ProductSource, _implementation(settings.PRODUCT_SOURCE))


def placement_source() -> PlacementSource:
    """Return who answers for places."""
    return cast(PlacementSource, _implementation(settings.PLACEMENT_SOURCE))


def availability_source() -> AvailabilitySource:
    """Return who answers for availability."""
    return cast(AvailabilitySource, _implementation(settings.AVAILABILITY_SOURCE))


def cost_source() -> CostSource:
    """Return who answers for what machines cost."""
    return cast(CostSource, _implementation(settings.COST_SOURCE))


def settlement_source() -> SettlementSource:
    """Return who answers for what is billed for good."""
    return cast(SettlementSource, _implementation(settings.SETTLEMENT_SOURCE))


def attachment_source() -> AttachmentSource:
    """Return who answers for stored documents."""
    return cast(AttachmentSource, _implementation(settings.ATTACHMENT_SOURCE))


def subject_sources() -> Sequence[SubjectSource]:
    """Return who answers for what a ticket can be about, in the order of a list of results."""
    return [cast(SubjectSource, _implementation(path)) for path in settings.SUBJECT_SOURCES]
