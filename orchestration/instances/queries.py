"""Which instances exist, and which contract lines have not what they should."""

from datetime import datetime, timedelta

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import MD5, Concat

from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract, ContractLine
from erp.contracts.states import State as Contracted
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State

# As many as a page shows; a release has no more children.
MOST_CHILDREN = 100
MOST_ENTRIES = 50


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


def with_release() -> QuerySet[Instance]:
    """Return instances with their line and release, without the bytes of its archive."""
    return Instance.objects.select_related("release", "line").defer("release__archive")


def waiting() -> QuerySet[Instance]:
    """Return the instances without a partition that should have one, oldest first."""
    return Instance.objects.filter(state=State.WAITING, requested_state=Requested.STARTED).order_by(
        "pk"
    )


def on_node(node_pk: int) -> QuerySet[Instance]:
    """Return the instances that hold a partition of the node."""
    return Instance.objects.filter(partition__node_id=node_pk)


_PUBLISHED = MD5(
    StringAgg(
        Concat("name", Value(":"), "connection_sealed", output_field=TextField()),
        Value(","),
        order_by="name",
    )
)


def published(children: QuerySet[Instance]) -> str:
    """Return what names all that these children publish; "" while they publish nothing."""
    said = children.exclude(connection_sealed="").aggregate(made=_PUBLISHED)
    return said["made"] or ""


def behind_children() -> QuerySet[Instance]:
    """Return the instances whose children publish something else than what they were given."""
    children = Instance.objects.filter(parent=OuterRef("pk")).exclude(connection_sealed="")
    made = children.order_by().values("parent").annotate(made=_PUBLISHED).values("made")
    having = Instance.objects.filter(parent__isnull=False).exclude(connection_sealed="")
    return (
        Instance.objects.filter(pk__in=having.values("parent"), requested_state=Requested.STARTED)
        .annotate(made=Subquery(made))
        .exclude(made=F("inputs"))
    )


def without_host() -> QuerySet[Instance]:
    """Return the shared instances whose host is gone."""
    placed = Instance.objects.filter(is_shared=True, host__isnull=False)
    return placed.filter(host__state=State.WIPED)


def relatives(instance: Instance, user: AnyUser) -> dict[str, object]:
    """Return what an instance belongs to and what belongs to it, as far as the user sees it."""
    seen = Instance.objects.visible_to(user).select_related("release").defer("release__archive")
    return {
        "parent": seen.filter(children=instance).first(),
        "host": seen.filter(shared=instance).first(),
        "children": seen.filter(parent=instance).order_by("name")[:MOST_CHILDREN],
        "entries": seen.filter(host=instance).select_related("organisation")[:MOST_ENTRIES],
        "entry_count": seen.filter(host=instance).count(),
    }
