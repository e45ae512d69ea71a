"""What a chart of accounts is: accounts with names and kinds, and which one plays a part. Pure.

A part is a word such as `bank` or `revenue.metered`; the more exact part wins, so that a chart
which books all sales on one account names `revenue` alone. An account that is kept per customer or
per tax is written with what it is kept for behind a dot: `411.O-7K2M9QXA`, `44571.FR.20.00`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from erp.base.errors import DomainError


class UnknownAccount(DomainError):
    """There is no such account in the chart of these books."""

    code = "unknown_account"
    status = 422


class Nature(StrEnum):
    """Where an account stands in balance sheet and income."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"


class Part(StrEnum):
    """What an account may be used for by the system."""

    RECEIVABLE = "receivable"
    CREDIT_BALANCE = "credit_balance"
    BANK = "bank"
    REVENUE = "revenue"
    TAX = "tax"
    DEFERRED = "deferred"
    WRITE_OFF = "write_off"
    BANK_CHARGES = "bank_charges"
    EXCHANGE_GAIN = "exchange_gain"
    EXCHANGE_LOSS = "exchange_loss"
    OPENING = "opening"
    TRANSIT = "transit"
    FEE = "fee"
    EXPIRED = "expired"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Heading:
    """One account of a chart.

    Args:
        computes_tax: the rate in percent that an importing program takes out of what is booked
            here by itself (German "Automatikkonto").
    """

    code: str
    name: str
    nature: Nature
    part: str = ""
    computes_tax: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of accounts: `parts` names the account of each part."""

    key: str
    name: str
    headings: Mapping[str, Heading]
    parts: Mapping[str, str]

    def code_for(self, *parts: str) -> str:
        """Return the account of the first of these parts that the chart names."""
        return next(self.parts[part] for part in parts if part in self.parts)

    @property
    def bank(self) -> str:
        """Return where money comes in."""
        return self.code_for(Part.BANK)

    @property
    def deferred(self) -> str:
        """Return where revenue waits for the month that earns it."""
        return self.code_for(Part.DEFERRED)

    @property
    def opening(self) -> str:
        """Return the counterpart of balances that are brought in."""
        return self.code_for(Part.OPENING)

    def result(self, minor: int) -> str:
        """Return where the result of a year goes: a credit is a profit, a debit a loss."""
        return (
            self.code_for("result.loss", Part.RESULT) if minor > 0 else self.code_for(Part.RESULT)
        )

    def receivable(self, party: str) -> str:
        """Return the auxiliary account of one customer, by its reference."""
        return f"{self.code_for(Part.RECEIVABLE)}.{party}"

    def revenue(self, kind: str, *, category: str, rate: str) -> str:
        """Return the account of sales of one kind, in one tax category at one rate."""
        exact = f"revenue.{category}"
        return self.code_for(f"{exact}.{rate}", exact, f"revenue.{kind}", Part.REVENUE)

    def tax(self, country: str, rate: str) -> str:
        """Return the account of the tax collected for one country at one rate."""
        exact = f"tax.{country}.{rate}"
        return self.parts.get(exact) or f"{self.code_for(Part.TAX)}.{country}.{rate}"

    def heading(self, code: str) -> Heading:
        """Return what an account is, also one that is kept per customer or per tax.

        Raises:
            UnknownAccount: neither it nor the account before its dot is in the chart.
        """
        base, _, kept_for = code.partition(".")
        found = self.headings.get(code) or self.headings.get(base)
        if found is None:
            raise UnknownAccount(
                f"Account {code} is not in the chart “{self.name}”: "
                "take one of its accounts, or map a part to this one first."
            )
        if not kept_for or found.code == code:
            return found
        name = f"{found.name}, {kept_for.replace('.', ' ', 1)}"
        return replace(found, code=code, name=f"{name} %" if found.part == Part.TAX else name)

    def mapped(self, changes: Iterable[tuple[str, str, str]]) -> "Chart":
        """Return the chart with some parts on other accounts: part, code and name of each."""
        headings, parts = dict(self.headings), dict(self.parts)
        for part, code, name in changes:
            usual = self.headings[self.parts[part]]
            headings.setdefault(code, Heading(code, name, usual.nature, usual.part))
            parts[part] = code
        return replace(self, headings=headings, parts=parts)


def chart(key: str, name: str, *rows: tuple[str, str, Nature, str]) -> Chart:
    """Build a chart from rows of code, name, nature and parts; `19%` marks an automatic account."""
    headings: dict[str, Heading] = {}
    parts: dict[str, str] = {}
    for code, title, nature, words in rows:
        named = words.split()
        rate = next((word[:-1] for word in named if word.endswith("%")), "")
        roles = [word for word in named if not word.endswith("%")]
        part = roles[0].partition(".")[0] if roles else ""
        headings[code] = Heading(code, title, nature, part, rate)
        parts |= dict.fromkeys(roles, code)
    return Chart(key, name, headings, parts)
