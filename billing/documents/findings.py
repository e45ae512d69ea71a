"""What a check found in a document."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """A fatal finding makes the document invalid."""

    FATAL = "fatal"
    WARNING = "warning"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: the rule's name, how bad it is, in words, and where (XPath or object)."""

    rule: str
    severity: Severity
    text: str
    location: str = ""
