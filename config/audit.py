"""All conservation laws of all packages."""

from billing.audit import LAWS as BILLING
from erp.audit import LAWS as ERP
from erp.base import scope
from orchestration.audit import LAWS as ORCHESTRATION


def violations() -> dict[str, list[str]]:
    """Check every law over all organisations; return each with what breaks it."""
    laws = {**ERP, **ORCHESTRATION, **BILLING}
    with scope.everything("the audit of all laws"):
        return {name: laws[name]() for name in sorted(laws, key=_number)}


def _number(name: str) -> int:
    return int(name.split()[0].removeprefix("L"))
