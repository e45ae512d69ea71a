"""What a mail quotes is folded away: the parts of a message, each said now or quoted.

Pure: text in, parts out; nothing is lost, joined they are the text again.
"""

import re
from dataclasses import dataclass

# A line after which everything is what was written before, in the languages of our customers.
_INTRODUCTIONS = re.compile(
    r"(?:On\b.{4,200}\bwrote:|Am\b.{4,200}\bschrieb\b.{0,120}:|Le\b.{4,200}\ba écrit\s?:"
    r"|-{2,}\s?(?:Original Message|Ursprüngliche Nachricht|Message d'origine)\s?-{2,}|_{10,})\s*"
)
# Mail programs break a long introduction: it is looked for in so many lines joined.
_BROKEN_OVER = 3
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines, said now or quoted."""

    text: str
    is_quote: bool


def parts_of(text: str) -> list[Part]:
    """Return the parts in their order; a message that is nothing but a quote is shown whole."""
    marks = _marks(text.splitlines())
    parts: list[Part] = []
    for line, is_quote in marks:
        if parts and parts[-1].is_quote == is_quote:
            parts[-1] = Part(f"{parts[-1].text}\n{line}", is_quote)
        else:
            parts.append(Part(line, is_quote))
    shown = [one for one in parts if one.text.strip()]
    return shown if any(not one.is_quote for one in shown) else [Part(text, is_quote=False)]


def _marks(lines: list[str]) -> list[tuple[str, bool]]:
    marks: list[tuple[str, bool]] = []
    for number, line in enumerate(lines):
        if _introduces(lines, number):
            return [*marks, *((rest, True) for rest in lines[number:])]
        marks.append((line, line.lstrip().startswith(">")))
    return marks


def _introduces(lines: list[str], number: int) -> bool:
    """Return whether all that follows is the old mail: who answers between its lines is read."""
    for count in range(1, _BROKEN_OVER + 1):
        joined = " ".join(line.strip() for line in lines[number : number + count])
        if _INTRODUCTIONS.fullmatch(joined[:_LONGEST_LINE]):
            rest = [line.lstrip() for line in lines[number + count :] if line.strip()]
            quoted = [line.startswith(">") for line in rest]
            return all(quoted) or not any(quoted)
    return False
