"""All conservation laws of all packages."""

from django.db import connection, transaction

from billing.audit import LAWS as BILLING
from erp.audit import LAWS as ERP
from erp.base import scope
from orchestration.audit import LAWS as ORCHESTRATION


def violations() -> dict[str, list[str]]:
    """Check every law over all organisations; return each with what breaks it."""
    laws = {**ERP, **ORCHESTRATION, **BILLING}
    with scope.everything("the audit of all laws"), transaction.atomic():
        # Laws read whole tables. The planner may know nothing of one that was filled a moment ago,
        # and would go through all of it for every row of another.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_nestloop = off")
        found = {name: laws[name]() for name in sorted(laws, key=_number)}
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_nestloop = DEFAULT")
        return found


def _number(name: str) -> int:
    return int(name.split()[0].removeprefix("L"))
