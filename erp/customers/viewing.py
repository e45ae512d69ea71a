"""View as: those who serve a customer see what it sees, for a while, and can change nothing.

Read-only three times over: the viewer acts under one membership that only reads, any method that
changes is refused before a view is called, and PostgreSQL runs the request in a transaction that
refuses to write.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from erp.base.journal import record
from erp.base.tenancy import AnyUser
from erp.customers.access import memberships_of, remember, rights_of
from erp.customers.models import Member, Organisation
from erp.customers.states import Right, Role

LASTS = timedelta(minutes=30)
KEY = "view_as"
_SEEN = frozenset({Right.SEE, Right.SEE_INVOICES})


@dataclass(frozen=True, slots=True)
class Viewing:
    """Whose pages somebody looks at, and how long."""

    organisation: Organisation
    until: datetime


def may_view_as(user: AnyUser, organisation: Organisation) -> bool:
    """Return whether the user answers the tickets of an organisation from above it."""
    return any(
        Right.ANSWER_TICKETS in member.rights
        and organisation.path.startswith(member.organisation.path)
        and member.organisation_id != organisation.pk
        for member in memberships_of(user)
    )


@transaction.atomic
def begin(organisation: Organisation, *, at: datetime, by: str, why: str) -> dict[str, Any]:
    """Write into the customer's history that somebody looks; return what the session keeps."""
    record(organisation, "viewed_as", at=at, by=by, why=why)
    return {"organisation": organisation.pk, "until": (at + LASTS).isoformat()}


@transaction.atomic
def leave(organisation: Organisation, *, at: datetime, by: str) -> None:
    """Write into the customer's history that the viewer went."""
    record(organisation, "view_left", at=at, by=by)


def current(user: AnyUser, kept: Any, *, at: datetime) -> Viewing | None:
    """Return the view that a session keeps, while it lasts and its viewer may still look."""
    if not isinstance(kept, dict):
        return None
    until = datetime.fromisoformat(kept["until"])
    organisation = Organisation.objects.filter(pk=kept["organisation"]).first()
    if organisation is None or until <= at or not may_view_as(user, organisation):
        return None
    return Viewing(organisation, until)


def look_through(user: User, viewing: Viewing) -> None:
    """Have this user object act as one who only reads there, with no right it did not have."""
    organisation = viewing.organisation
    seen = _SEEN & rights_of(user, organisation)
    # No row: key 0 is nobody's, so that nothing of another member is found by it.
    member = Member(pk=0, organisation=organisation, user=user, role=Role.READ_ONLY)
    member.limited_to = seen
    remember(user, [member])
