"""What is known of the nodes that could take an instance."""

from collections import defaultdict

from django.db.models import Count, Q

from orchestration.allocation.choose import Candidate
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.states import State


def candidates() -> list[Candidate]:
    """Return every node that is not retired; two statements, however many there are."""
    nodes = ComputeNode.objects.exclude(state=State.RETIRED).annotate(
        free=Count("partitions", filter=Q(partitions__instance=None))
    )
    placed = Instance.objects.filter(partition__isnull=False)
    rows = placed.values_list("node_id", "organisation_id", "reference")
    customers: dict[int, set[int]] = defaultdict(set)
    instances: dict[int, set[str]] = defaultdict(set)
    for node, organisation, reference in rows:
        customers[node or 0].add(organisation)
        instances[node or 0].add(reference)
    return [
        Candidate(
            pk=node.pk,
            reference=node.reference,
            name=node.name,
            region=node.region,
            state=node.state,
            free_partitions=node.free,
            free_memory_bytes=_number(node.facts.get("memory_bytes")),
            is_privileged=bool(node.is_privileged),
            shares_customers=node.shares_customers,
            customers=frozenset(customers[node.pk]),
            instances=frozenset(instances[node.pk]),
        )
        for node in nodes.order_by("pk")
    ]


def _number(fact: object) -> int | None:
    """Return a fact that a node told of itself, if it is what it should be."""
    return fact if isinstance(fact, int) else None
