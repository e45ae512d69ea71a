"""From a balanced entry to DATEV's rows of account, counter-account and gross amount. Pure.

An importing program takes the tax out of what is booked on an automatic account, or with a key
(BU-Schlüssel). So the tax of an entry is put back onto the legs that bear it, and the gross amount
is booked; where an automatic account is booked without tax, key 40 lifts its automatic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

LIFTED = "40"
_KEYS = {"7": "2", "19": "3"}


class NotPaired(ValueError):
    """The entry says more about tax than rows can: two rates, or tax without what bears it."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting as the rows need it.

    Args:
        is_taxable: sales and what is deferred of them.
        computes_tax: the rate that an automatic account takes out by itself.
        tax_rate: of an account of tax, in percent; empty for any other.
    """

    account: str
    minor: int
    is_taxable: bool = False
    computes_tax: str = ""
    tax_rate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Booking:
    """One row: positive, account in debit against counter-account."""

    minor: int
    debit: str
    credit: str
    key: str = ""


def bookings(legs: Sequence[Leg]) -> list[Booking]:
    """Return the rows of an entry; each account moves by exactly what its legs say, tax included.

    Raises:
        NotPaired: see there.
    """
    return _paired([leg for leg in _gross(legs) if leg.minor])


def _gross(legs: Sequence[Leg]) -> list[Leg]:
    taxes = [leg for leg in legs if leg.tax_rate]
    bearers = [leg for leg in legs if leg.is_taxable]
    others = [leg for leg in legs if not leg.tax_rate and not leg.is_taxable]
    if not taxes or not bearers:
        # No tax moves, or nothing that bears it (a payment to the tax office): booked as it is.
        return [replace(leg, key=LIFTED if leg.computes_tax else "") for leg in legs]
    rates, tax = {leg.tax_rate for leg in taxes}, sum(leg.minor for leg in taxes)
    net = sum(leg.minor for leg in bearers)
    if len(rates) > 1 or not net:
        raise NotPaired
    rate = rates.pop()
    given, so_far, gross = 0, 0, []
    for leg in bearers:
        so_far += leg.minor
        until = _rounded(tax * so_far, net)
        gross.append(replace(leg, minor=leg.minor + until - given, key=_key(leg, rate)))
        given = until
    return [*others, *gross]


def _key(leg: Leg, rate: str) -> str:
    if leg.computes_tax == rate:
        return ""
    if rate not in _KEYS:
        raise NotPaired
    return _KEYS[rate]


def _rounded(exact: int, over: int) -> int:
    """Divide and round half away from zero, in whole numbers."""
    sign = -1 if (exact < 0) != (over < 0) else 1
    whole, rest = divmod(abs(exact), abs(over))
    return sign * (whole + (2 * rest >= abs(over)))


def _paired(legs: list[Leg]) -> list[Booking]:
    """Meet debits with credits; each row takes as much as the smaller of the two has left."""
    debits = [leg for leg in legs if leg.minor > 0]
    credits = [leg for leg in legs if leg.minor < 0]
    found = []
    while debits and credits:
        debit, credit = debits[0], credits[0]
        minor = min(debit.minor, -credit.minor)
        if debit.key and credit.key:
            raise NotPaired
        found.append(Booking(minor, debit.account, credit.account, debit.key or credit.key))
        debits[:1] = [replace(debit, minor=debit.minor - minor)] if debit.minor > minor else []
        credits[:1] = [replace(credit, minor=credit.minor + minor)] if -credit.minor > minor else []
    return found
