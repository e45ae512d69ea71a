"""Nodes by their name, as tickets and the search name them."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet
from django.urls import reverse

from erp.base.tenancy import AnyUser
from erp.customers.access import memberships_of
from erp.customers.states import Right
from erp.ports import Subject
from orchestration.nodes.models import ComputeNode


class Machines:
    """Answers for nodes by reference or name; customers know of none."""

    def find(self, user: AnyUser, name: str) -> Subject | None:
        """Return the node, for who operates it or answers tickets about it."""
        rights = {Right.OPERATE, Right.ANSWER_TICKETS}
        found = _nodes(user, rights).filter(Q(reference=name.upper()) | Q(name=name)).first()
        return _subject(found) if found else None

    def search(self, user: AnyUser, words: str, *, limit: int) -> Sequence[Subject]:
        """Return the nodes whose name begins with the words, for who may open their pages."""
        found = _nodes(user, {Right.OPERATE}).filter(
            Q(name__istartswith=words) | Q(reference=words.upper())
        )
        return [_subject(one) for one in found.order_by("name", "pk")[:limit]]


def _nodes(user: AnyUser, rights: set[Right]) -> QuerySet[ComputeNode]:
    seen = Q(pk__in=[])
    for member in memberships_of(user):
        if rights & member.rights:
            seen |= Q(organisation__path__startswith=member.organisation.path)
    return ComputeNode.objects.filter(seen)


def _subject(node: ComputeNode) -> Subject:
    path = reverse("nodes:detail", args=[node.reference])
    return Subject("node", node.reference, node.name, path, node.organisation_id)
