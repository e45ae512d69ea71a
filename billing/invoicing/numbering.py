"""Gapless numbers: one counter per issuer, series and year, locked until the commit."""

from dataclasses import dataclass
from datetime import date

from billing.invoicing.models import Series
from erp.base.errors import DomainError
from erp.customers.models import Organisation


class DateBeforeLast(DomainError):
    """The last number of this series has a later date: numbers rise with the date."""

    code = "date_before_last"


@dataclass(frozen=True, slots=True)
class Number:
    """A taken number: `F-2026-0001`."""

    prefix: str
    year: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year}-{self.sequence:04d}"


def take(issuer: Organisation, *, prefix: str, on: date, count: int) -> list[Number]:
    """Take the next numbers; a rollback gives them back, and the next taker waits for the commit.

    Raises:
        DateBeforeLast: the date is before that of the last number.
    """
    Series.objects.get_or_create(organisation=issuer, prefix=prefix, year=on.year)
    series = Series.objects.select_for_update().get(
        organisation=issuer, prefix=prefix, year=on.year
    )
    if series.last_on and on < series.last_on:
        raise DateBeforeLast(f"{series} has numbers up to {series.last_on}: {on} is too early.")
    first = series.last_number + 1
    last = series.last_number + count
    Series.objects.filter(pk=series.pk).update(last_number=last, last_on=on)
    return [Number(prefix, on.year, sequence) for sequence in range(first, last + 1)]
