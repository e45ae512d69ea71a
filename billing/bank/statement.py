"""What a bank file says, whatever its format: statements with balances and lines. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from hashlib import sha256

from billing.sepa.iso20022 import BadFile as BadFile
from billing.sepa.iso20022 import tidy as tidy
from erp.base.money import Amount, exponent

MOST_BYTES = 5_000_000
MOST_LINES = 20_000
# What banks write where they have no reference of their own.
_NO_REFERENCE = {"", "NONREF", "NOTPROVIDED", "NOTAVAILABLE", "0000000"}


@dataclass(frozen=True, slots=True)
class Line:
    """One movement: what came in is positive.

    Args:
        reference: the bank's own.
        end_to_end: what who sent the payment named it.
        batch: the message of ours that a sum of many payments answers.
        return_code: why a payment came back (ISO 20022, e.g. AC04).
    """

    booked_on: date
    value_on: date
    minor: int
    text: str = ""
    name: str = ""
    iban: str = ""
    reference: str = ""
    end_to_end: str = ""
    batch: str = ""
    return_code: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """The movements of one account over some days.

    Args:
        account: the IBAN, or what the format has instead: bank, branch and number in one.
        opening_minor: None where the format does not say it.
    """

    account: str
    currency: str
    number: str
    opening_minor: int | None
    closing_minor: int | None
    closing_on: date
    lines: Sequence[Line] = field(default_factory=tuple)

    def check(self) -> None:
        """Refuse a statement whose lines do not lead from its first balance to its last.

        Raises:
            BadFile: names the difference.
        """
        if self.opening_minor is None or self.closing_minor is None:
            return
        reached = self.opening_minor + sum(line.minor for line in self.lines)
        if reached != self.closing_minor:
            found, said = (Amount(one, self.currency) for one in (reached, self.closing_minor))
            raise BadFile(
                f"Statement {self.number} of {self.closing_on}: its lines lead to {found}, and it "
                f"ends at {said}. Get the whole file from the bank again."
            )

    def keyed(self) -> Iterator[tuple[str, Line]]:
        """Yield each line with a key that the same line has in every file that holds it.

        It is the bank's own reference with day and amount, or else what the line says. Lines that
        are equal in all of it are counted: two equal payments of one day are two.
        """
        seen: dict[str, int] = {}
        for line in self.lines:
            own = line.reference.upper() not in _NO_REFERENCE
            parts = [self.account, line.booked_on.isoformat(), str(line.minor), self.currency]
            parts += [line.reference] if own else [line.text, line.name, line.iban]
            parts += [line.end_to_end]
            base = sha256("\x1f".join(parts).encode()).hexdigest()
            seen[base] = seen.get(base, 0) + 1
            yield f"{base[:48]}:{seen[base]}", line


def is_account(iban: str, account: str) -> bool:
    """Return whether a file's name of an account is this IBAN, or the inner part of it."""
    mine, its = _plain(iban), _plain(account)
    if not mine or len(its) < 8:
        return False
    return its == mine or mine[4:].startswith(its)


def _plain(account: str) -> str:
    return "".join(sign for sign in account.upper() if sign.isalnum())


def minor_of(text: str, currency: str) -> int:
    """Return an amount as written in a file in minor units.

    Raises:
        BadFile: it is no amount, or has more decimals than the currency.
    """
    try:
        minor = Decimal(text.strip().replace(",", ".")).scaleb(exponent(currency))
    except InvalidOperation as error:
        raise BadFile(f"“{text[:40]}” is no amount.") from error
    if not minor.is_finite() or minor != int(minor) or abs(minor) >= 10**15:
        raise BadFile(f"“{text[:40]}” is no amount in {currency}.")
    return int(minor)


def day_of(year: str, month: str, day: str) -> date:
    """Return a day as written in a file; years of two digits are of this century.

    Raises:
        BadFile: there is no such day.
    """
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))
    except ValueError as error:
        raise BadFile(f"{year}-{month}-{day} is no day.") from error
