"""Which invoices a movement pays: proposals with a score and reasons. Pure.

The same facts in any order give the same proposals. A proposal names one payer; its shares never
exceed what is open, nor their sum what came in.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from stdnum.exceptions import ValidationError
from stdnum.iso11649 import validate as structured

SURE = 95
MOST_PROPOSALS = 5
_NUMBER = re.compile(r"(?<![A-Z0-9])([A-Z]{1,4})[-/. ]?(20\d\d)[-/. ]?(\d{1,8})(?!\d)")
_STRUCTURED = re.compile(r"(?<![A-Z0-9])RF\d\d(?: ?[A-Z0-9]{1,4}){1,6}")
_LEGAL = {"SARL", "SAS", "SA", "GMBH", "AG", "UG", "LTD", "INC", "BV", "EURL", "SCI", "THE", "ET"}


@dataclass(frozen=True, slots=True)
class Owed:
    """An open invoice as far as matching asks; its fees are paid by what comes on top."""

    pk: int
    number: str
    payer: int
    payer_name: str
    payer_iban: str
    open_minor: int
    due_on: date
    fees_minor: int = 0


@dataclass(frozen=True, slots=True)
class Came:
    """What came in, as far as matching asks."""

    minor: int
    text: str
    name: str
    iban: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Invoices of one payer with what each gets; the rest would be credit."""

    payer: int
    shares: tuple[tuple[int, int], ...]
    credit_minor: int
    score: int
    reasons: tuple[str, ...]

    @property
    def is_sure(self) -> bool:
        """Return whether it may be accepted without a look."""
        return self.score >= SURE


def numbers_in(text: str) -> set[str]:
    """Return the invoice numbers that a text names, also inside a structured reference."""
    upper = text.upper()
    found = {_canonical(*one) for one in _NUMBER.findall(upper)}
    for one in _STRUCTURED.findall(upper):
        try:
            inner = structured(one)[4:]
        except ValidationError:
            continue
        found |= {_canonical(*named) for named in _NUMBER.findall(inner)}
    return found


def _canonical(prefix: str, year: str, sequence: str) -> str:
    return f"{prefix}-{year}-{int(sequence):04d}"


def proposals(came: Came, owed: Sequence[Owed]) -> list[Proposal]:
    """Return what the movement may pay, best first."""
    if came.minor <= 0:
        return []
    payers: dict[int, list[Owed]] = defaultdict(list)
    for one in sorted(owed, key=lambda one: (one.due_on, one.pk)):
        payers[one.payer].append(one)
    named = numbers_in(came.text)
    found = [made for theirs in payers.values() for made in _of_payer(came, theirs, named)]
    best: dict[tuple[int, tuple[tuple[int, int], ...]], Proposal] = {}
    for made in found:
        key = (made.payer, made.shares)
        if key not in best or best[key].score < made.score:
            best[key] = made
    ranked = sorted(best.values(), key=lambda one: (-one.score, one.payer, one.shares))
    return _lone(ranked)[:MOST_PROPOSALS]


def _lone(ranked: list[Proposal]) -> list[Proposal]:
    """Two that are equally good are not sure."""
    if len(ranked) > 1 and ranked[0].score == ranked[1].score >= SURE:
        doubt = "Another proposal is as good."
        return [
            Proposal(one.payer, one.shares, one.credit_minor, SURE - 5, (*one.reasons, doubt))
            if one.score >= SURE else one
            for one in ranked
        ]  # fmt: skip
    return ranked


def _of_payer(came: Came, theirs: list[Owed], named: set[str]) -> Iterator[Proposal]:
    knows, score = _debtor(came, theirs[0])
    mentioned = [one for one in theirs if one.number in named]
    if mentioned:
        yield _by_number(came, mentioned, knows, named)
    exact = [one for one in theirs if one.open_minor == came.minor]
    if exact and score:
        worth = score if len(exact) == 1 else score - 20
        yield _made(came, exact[:1], worth, (*knows, "The amount is exactly what is open."))
    elif len(exact) == 1:
        yield _made(came, exact, 40, ("The amount is exactly what is open.",))
    if score and len(theirs) > 1 and sum(one.open_minor for one in theirs) == came.minor:
        text = f"The amount is the sum of all {len(theirs)} open invoices."
        yield _made(came, theirs, score - 5, (*knows, text))
    elif score >= 80 and not exact:
        yield _made(came, theirs, 50, (*knows, "The oldest are paid first."))


def _debtor(came: Came, one: Owed) -> tuple[tuple[str, ...], int]:
    """Return why the payer is known, and what a match by amount is then worth."""
    if came.iban and one.payer_iban and _plain(came.iban) == _plain(one.payer_iban):
        return (f"It came from the account of {one.payer_name}.",), 90
    words = _words(one.payer_name)
    if words and words <= _words(came.name):
        return (f"The sender is called {one.payer_name}.",), 70
    return (), 0


def _plain(iban: str) -> str:
    return iban.replace(" ", "").upper()


def _words(name: str) -> set[str]:
    return set(re.findall(r"\w{2,}", name.upper())) - _LEGAL


def _by_number(
    came: Came, mentioned: list[Owed], knows: tuple[str, ...], named: set[str]
) -> Proposal:
    is_open = sum(one.open_minor for one in mentioned)
    reasons = (f"It names {', '.join(one.number for one in mentioned)}.", *knows)
    unknown = len(named) > len(mentioned)
    if came.minor == is_open:
        many = "The amount is their sum." if len(mentioned) > 1 else "The amount is what is open."
        return _made(came, mentioned, 90 if unknown else 100, (*reasons, many))
    if came.minor == is_open + sum(one.fees_minor for one in mentioned):
        text = "The amount is what is open with the fees."
        return _made(came, mentioned, 90 if unknown else 100, (*reasons, text))
    if came.minor < is_open:
        return _made(came, mentioned, 80, (*reasons, "It is less than what is open."))
    return _made(came, mentioned, 75, (*reasons, "It is more: the rest becomes credit."))


def _made(came: Came, owed: Sequence[Owed], score: int, reasons: tuple[str, ...]) -> Proposal:
    """Fill the invoices in their order with what came."""
    left, shares = came.minor, []
    for one in owed:
        share = min(left, one.open_minor)
        if share > 0:
            shares.append((one.pk, share))
            left -= share
    return Proposal(owed[0].payer, tuple(shares), left, score, reasons)
