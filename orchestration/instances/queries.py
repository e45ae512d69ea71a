"""Which instances exist, and which contract lines have not what they should."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from erp.contracts.models import Contract, ContractLine
from erp.contracts.states import State as Contracted
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State


def out_of_step(now: datetime) -> QuerySet[Contract]:
    """Return contracts whose lines ask for something else than their instances do.

    Ended contracts stay in the list until their retention is over and all is destroyed; their
    number is bounded by the retention.
    """
    of_line = Instance.objects.filter(line=OuterRef("pk"), parent=None)
    wanted = ContractLine.objects.filter(product__gt="", contract__starts_at__lte=now)
    as_agreed = of_line.filter(
        requested_state=Requested.STARTED,
        parameters=OuterRef("parameters"),
        limits=OuterRef("limits"),
    )
    running = wanted.filter(~Exists(as_agreed), contract__state=Contracted.ACTIVE)
    held = wanted.filter(
        Exists(of_line.filter(requested_state=Requested.STARTED)),
        contract__state__in=[Contracted.SUSPENDED, Contracted.ENDED],
    )
    over = wanted.filter(
        Exists(of_line.exclude(requested_state=Requested.DESTROYED)),
        contract__state=Contracted.ENDED,
        contract__state_since__lte=now - F("contract__retention_days") * timedelta(days=1),
    )
    return Contract.objects.filter(
        Q(lines__in=running) | Q(lines__in=held) | Q(lines__in=over)
    ).distinct()


def waiting() -> QuerySet[Instance]:
    """Return the instances without a partition that should have one, oldest first."""
    return Instance.objects.filter(state=State.WAITING, requested_state=Requested.STARTED).order_by(
        "pk"
    )


def on_node(node_pk: int) -> QuerySet[Instance]:
    """Return the instances that hold a partition of the node."""
    return Instance.objects.filter(partition__node_id=node_pk)
