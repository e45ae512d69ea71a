"""The running parts of what a customer asked for."""

from functools import partial

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import ContractLine
from erp.customers.models import Organisation
from orchestration.instances.states import ARROWS, Requested, State
from orchestration.nodes.models import ComputeNode, ComputePartition
from orchestration.releases.models import SoftwareRelease

_PLACELESS = Q(state__in=[State.WAITING, State.WIPED])


class Instance(Stateful):
    """One running part: (contract line, name) names it for ever, or (parent, name) for a child.

    Every change of what is requested raises `generation`; `observed_generation` is what its node
    last reported. It keeps its partition until the node confirmed that it was wiped. A shared one
    has no partition: it is an entry on its `host`. Secrets and connection parameters are sealed.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "I"))
    line = models.ForeignKey(ContractLine, on_delete=models.PROTECT, related_name="instances")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    is_shared = models.BooleanField(default=False)
    host = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="shared"
    )
    name = models.CharField(max_length=60, default="main")
    release = models.ForeignKey(SoftwareRelease, on_delete=models.PROTECT)
    software_type = models.CharField(max_length=60, default="default")
    parameters = models.JSONField(default=dict)
    limits = models.JSONField(default=dict)
    sla = models.JSONField(default=dict)
    secrets_sealed = models.TextField()
    requested_state = models.CharField(max_length=10, choices=Requested.choices)
    generation = models.PositiveIntegerField(default=1)
    observed_generation = models.PositiveIntegerField(default=0)
    partition = models.OneToOneField(
        ComputePartition, null=True, blank=True, on_delete=models.PROTECT, related_name="instance"
    )
    # Where it is, or was last: samples that arrive late are taken from this node only.
    node = models.ForeignKey(
        ComputeNode, null=True, blank=True, on_delete=models.PROTECT, related_name="instances"
    )
    placement_reasons = models.JSONField(default=list)
    # When the reasons were last worked out: that costs more than looking for a place.
    reasoned_at = models.DateTimeField(null=True)
    connection_sealed = models.TextField(blank=True)
    # Names what its children published when this generation began: see `queries.behind_children`.
    inputs = models.CharField(max_length=32, blank=True)
    promises = models.JSONField(default=list)
    log_tail = models.TextField(blank=True)
    created_at = models.DateTimeField()
    first_started_at = models.DateTimeField(null=True)
    wiped_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Instance"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["line", "name"], condition=Q(parent=None), name="instance_once_per_line"
            ),
            models.UniqueConstraint(fields=["parent", "name"], name="instance_once_per_parent"),
            models.CheckConstraint(
                name="instance_state_is_known", condition=Q(state__in=State.values)
            ),
            models.CheckConstraint(
                name="instance_on_a_node_has_a_partition",
                condition=Q(is_shared=True, partition=None)
                | (Q(is_shared=False) & (_PLACELESS & Q(partition=None)))
                | (Q(is_shared=False) & (~_PLACELESS & Q(partition__isnull=False))),
            ),
            models.CheckConstraint(
                name="instance_shared_has_a_host",
                condition=Q(is_shared=False, host=None)
                | (Q(is_shared=True) & (_PLACELESS & Q(host=None)))
                | (Q(is_shared=True) & (~_PLACELESS & Q(host__isnull=False))),
            ),
        ]

    def __str__(self) -> str:
        return self.reference
