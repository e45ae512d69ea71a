"""What a check found in a document."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from erp.base.errors import DomainError


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


class Invalid(DomainError):
    """The document breaks a rule: it is neither stored nor sent."""

    code = "invalid_document"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        fatal = [one for one in self.findings if one.severity == Severity.FATAL]
        super().__init__(" ".join(dict.fromkeys(_in_words(one) for one in fatal)))


def refuse_fatal(findings: Sequence[Finding]) -> None:
    """Refuse a document of which a check found something fatal.

    Raises:
        Invalid: names each rule, in words.
    """
    if any(one.severity == Severity.FATAL for one in findings):
        raise Invalid(findings)


def _in_words(finding: Finding) -> str:
    """Return the rule and its words; most rules repeat their name at the start of them."""
    text = finding.text.removeprefix(f"[{finding.rule}]").lstrip("- ")
    return f"{finding.rule}: {text}"
