"""Organisations and people, as the search names them."""

from collections.abc import Sequence

from django.urls import reverse

from erp.base.prefix import begins
from erp.base.tenancy import AnyUser
from erp.customers.models import Member, Organisation
from erp.ports import Subject


class Parties:
    """Answers for organisations by reference and name, and for their members by mail address."""

    def find(self, user: AnyUser, name: str) -> Subject | None:
        """Return the organisation of this reference, if the user sees it."""
        found = Organisation.objects.visible_to(user).filter(reference=name.upper()).first()
        return _subject(found) if found else None

    def search(self, user: AnyUser, words: str, *, limit: int) -> Sequence[Subject]:
        """Return organisations by the beginning of their name, members by that of their mail."""
        seen = Organisation.objects.visible_to(user).filter(begins("search_name", words))
        found = [_subject(one) for one in seen.order_by("search_name", "pk")[:limit]]
        return [*found, *_people(user, words, limit)][:limit]


def _people(user: AnyUser, words: str, limit: int) -> list[Subject]:
    if "@" not in words:
        return []
    seen = Member.objects.visible_to(user).filter(user__username__startswith=words.lower())
    rows = seen.select_related("user", "organisation").order_by("user__username", "pk")
    return [
        Subject(
            "person",
            one.user.email,
            f"{one.user.email}, {one.organisation.name}",
            reverse("organisations:detail", args=[one.organisation.reference]),
            one.organisation_id,
        )
        for one in rows[:limit]
    ]


def _subject(organisation: Organisation) -> Subject:
    path = reverse("organisations:detail", args=[organisation.reference])
    return Subject("organisation", organisation.reference, organisation.name, path, organisation.pk)
