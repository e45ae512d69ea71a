"""What pricing is told and what it answers: plain facts, nothing of the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from erp.base.periods import Period
from erp.catalogue.terms import Terms


@dataclass(frozen=True, slots=True)
class Tariff:
    """One price as agreed. Recurring: per calendar month. Metered: per unit beyond the included."""

    kind: str
    meter: str
    unit: str
    terms: Terms

    @property
    def unit_price(self) -> Decimal:
        """Return the price of a unit, where the terms have one."""
        return self.terms.unit_price


@dataclass(frozen=True, slots=True)
class Measured:
    """What was used of one meter, and how much evidence there is."""

    quantity: Decimal
    samples: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Service:
    """One contract line over a window.

    Args:
        converged: when the service existed while the contract was in force, inside the window.
        usage: per meter; a meter without samples is absent, which is not zero.
        setup_due: the set-up was never billed.
    """

    line: int
    name: str
    quantity: Decimal
    tariffs: tuple[Tariff, ...]
    converged: tuple[Period, ...]
    usage: Mapping[str, Measured]
    setup_due: bool


@dataclass(frozen=True, slots=True)
class Billed:
    """What was billed of one meter in one window so far, with its corrections.

    Args:
        scale: the months times the quantity of the line that its terms were scaled by.
        pieces: quantity and minor units of each part at each unit price.
    """

    rated_line: int
    contract: int
    line: int
    name: str
    tariff: Tariff
    window: Period
    used: Decimal
    included: Decimal
    scale: Decimal
    pieces: Mapping[tuple[str, Decimal], tuple[Decimal, int]]
    invoice_number: str


@dataclass(frozen=True, slots=True)
class Charge:
    """One priced line with everything that explains it.

    Args:
        part: which line of a metered charge; "" is the first, and bears usage and terms.
        used: the whole usage behind a metered charge; None for the other kinds and parts.
        corrects: the rated line of an earlier invoice that this one adjusts.
    """

    line: int
    kind: str
    meter: str
    unit: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    minor: int
    window: Period
    used: Decimal | None = None
    included: Decimal = Decimal(0)
    corrects: int | None = None
    part: str = ""
    terms: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
