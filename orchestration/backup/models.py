"""Where instances are saved, what was saved, and what was brought back, moved or tried."""

from functools import partial

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import ContractLine
from erp.customers.models import Organisation
from orchestration.backup.states import (
    DRILL_ARROWS,
    DRILL_UNDER_WAY,
    GOING_ARROWS,
    OPEN_ARROWS,
    STORED_ARROWS,
    UNDER_WAY,
    Drilled,
    Going,
    Open,
    SnapshotState,
    Stored,
    Why,
)
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, ComputePartition


class BackupRepository(Stateful):
    """The encrypted store of one contract line on a node of its own key and password.

    `tend_asked` and `tended` number the tidyings: the store removes what is too old by itself.
    """

    arrows = STORED_ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "B"))
    line = models.ForeignKey(ContractLine, on_delete=models.PROTECT, related_name="repositories")
    store = models.ForeignKey(ComputeNode, on_delete=models.PROTECT, related_name="stored")
    public_key = models.TextField()
    private_key_sealed = models.TextField()
    password_sealed = models.TextField()
    stored_bytes = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    tend_asked = models.PositiveIntegerField(default=0)
    tended = models.PositiveIntegerField(default=0)
    # What part of the data the tidying that was asked for reads again, like 3/7; "" for none.
    check_part = models.CharField(max_length=9, blank=True)
    asked_at = models.DateTimeField(null=True)
    tended_at = models.DateTimeField(null=True)
    tend_failure = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["BackupRepository"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["line"], condition=Q(state=Stored.READY), name="repository_one_per_line"
            )
        ]

    def __str__(self) -> str:
        return self.reference


class Protection(models.Model):
    """How one instance is saved: snapshots are asked for by number, and answered."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="protection")
    repository = models.ForeignKey(
        BackupRepository, null=True, on_delete=models.PROTECT, related_name="protections"
    )
    asked = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)
    newest_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    failure = models.TextField(blank=True)
    since = models.DateTimeField()

    objects = TenantQuerySet["Protection"].as_manager()

    def __str__(self) -> str:
        return f"Backup of {self.instance_id}"


class Snapshot(models.Model):
    """One state of an instance's files, kept in a repository."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    repository = models.ForeignKey(
        BackupRepository, on_delete=models.PROTECT, related_name="snapshots"
    )
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="snapshots")
    name = models.CharField(max_length=64)
    number = models.PositiveIntegerField(default=0)
    # What was written before this is in it; by the node's clock, which follows ours.
    taken_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    total_bytes = models.BigIntegerField(default=0)
    added_bytes = models.BigIntegerField(default=0)
    state = models.CharField(
        max_length=10, choices=SnapshotState.choices, default=SnapshotState.GOOD
    )
    # When the store itself said that it has it.
    seen_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Snapshot"].as_manager()

    class Meta:
        ordering = ["-taken_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["repository", "name"], name="snapshot_once"),
            models.CheckConstraint(
                name="snapshot_state_is_known", condition=Q(state__in=SnapshotState.values)
            ),
        ]
        indexes = [models.Index(fields=["instance", "-taken_at"], name="snapshot_newest")]

    def __str__(self) -> str:
        return self.name


class Takeover(Stateful):
    """A node that is given up: its instances come back elsewhere, one by one."""

    arrows = OPEN_ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "T"))
    node = models.ForeignKey(ComputeNode, on_delete=models.PROTECT, related_name="takeovers")
    # Until when the node is known to have worked.
    lost_at = models.DateTimeField()
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["Takeover"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["node"], condition=Q(state=Open.OPEN), name="takeover_one_per_node"
            )
        ]

    def __str__(self) -> str:
        return self.reference


class Relocation(Stateful):
    """One instance that is brought to a snapshot: where it is, or on another partition.

    Its number names the wish on the node: a restore is done once. The partition that it leaves is
    held until its node says that it is wiped.
    """

    arrows = GOING_ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "M"))
    why = models.CharField(max_length=10, choices=Why.choices)
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="relocations")
    takeover = models.ForeignKey(
        Takeover, null=True, on_delete=models.PROTECT, related_name="relocations"
    )
    priority = models.PositiveSmallIntegerField(default=50)
    snapshot = models.ForeignKey(Snapshot, null=True, on_delete=models.PROTECT, related_name="+")
    asked_number = models.PositiveIntegerField(default=0)
    source_node = models.ForeignKey(
        ComputeNode, null=True, on_delete=models.PROTECT, related_name="+"
    )
    source = models.ForeignKey(
        ComputePartition, null=True, on_delete=models.PROTECT, related_name="+"
    )
    target = models.ForeignKey(
        ComputePartition, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # Where it should go; empty: wherever it fits.
    wished_node = models.ForeignKey(
        ComputeNode, null=True, on_delete=models.PROTECT, related_name="+"
    )
    generation = models.PositiveIntegerField(default=0)
    is_prepared = models.BooleanField(default=False)
    # From when to when the service was away.
    away_at = models.DateTimeField(null=True)
    back_at = models.DateTimeField(null=True)
    # How much was lost, at most.
    lost_seconds = models.PositiveIntegerField(null=True)
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["Relocation"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(state__in=UNDER_WAY),
                name="relocation_one_at_a_time",
            ),
            models.CheckConstraint(
                name="relocation_state_is_known", condition=Q(state__in=Going.values)
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Drill(Stateful):
    """A snapshot brought to life beside its instance: to see that it lives, or to be used a while.

    It stands in a spare partition under its own reference, is not metered, and is wiped at its end.
    """

    arrows = DRILL_ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "D"))
    is_copy = models.BooleanField(default=False)
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="drills")
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="drills")
    partition = models.ForeignKey(
        ComputePartition, null=True, on_delete=models.PROTECT, related_name="+"
    )
    node = models.ForeignKey(ComputeNode, null=True, on_delete=models.PROTECT, related_name="+")
    restored_seconds = models.PositiveIntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # How old the data were, and how long it took until they answered.
    rpo_seconds = models.PositiveIntegerField(null=True)
    rto_seconds = models.PositiveIntegerField(null=True)
    promises = models.JSONField(default=list)
    log = models.TextField(blank=True)
    connection_sealed = models.TextField(blank=True)
    until = models.DateTimeField()
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["Drill"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(state__in=DRILL_UNDER_WAY, is_copy=False),
                name="drill_one_at_a_time",
            ),
            models.CheckConstraint(
                name="drill_state_is_known", condition=Q(state__in=Drilled.values)
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Witness(models.Model):
    """A node that tries to reach another one which the Master cannot reach."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.ForeignKey(ComputeNode, on_delete=models.CASCADE, related_name="witnesses")
    witness = models.ForeignKey(ComputeNode, on_delete=models.CASCADE, related_name="witnessing")
    asked_at = models.DateTimeField()
    answers = models.BooleanField(null=True)
    looked_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Witness"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "witness"], name="witness_once")]

    def __str__(self) -> str:
        return f"{self.witness_id} looks at {self.node_id}"
