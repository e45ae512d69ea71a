"""Machines, the slots on them, how they are reached, and who may drive them now."""

from functools import partial

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation
from orchestration.nodes.states import ARROWS, Carrier, ClosedFor, State


class ComputeNode(Stateful):
    """A machine of the provider: reached over SSH at a pinned host key, or calling over HTTPS.

    The one-time credential is sealed and removed when the node's own key stands behind the forced
    command. `desired_sealed` is the precomputed document, with the secrets of all that runs there;
    `desired_revision` is the hash of its content, `applied_revision` what the node last reported.
    """

    arrows = ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "N"))
    name = models.CharField(max_length=60)
    region = models.CharField(max_length=40, default="main")
    country = models.CharField(max_length=2, blank=True)
    network = models.CharField(max_length=40, blank=True)
    labels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    # It takes only what belongs to this organisation and to those below it.
    dedicated_to = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_for = models.CharField(max_length=12, choices=ClosedFor.choices, blank=True)
    # Everything on it is stopped while somebody works on the machine, whatever is requested.
    is_held = models.BooleanField(default=False)
    carrier = models.CharField(max_length=5, choices=Carrier, default=Carrier.SSH)
    # Empty where the node calls us.
    host = models.CharField(max_length=255, blank=True)
    port = models.PositiveIntegerField(default=22)
    ssh_user = models.CharField(max_length=32, default="root")
    host_key = models.TextField(blank=True)
    credential_kind = models.CharField(max_length=10, blank=True)
    credential_sealed = models.TextField(blank=True)
    private_key_sealed = models.TextField(blank=True)
    public_key = models.TextField(blank=True)
    # When the node's own key was made; the next one while it is being changed.
    key_made_at = models.DateTimeField(null=True)
    next_key_sealed = models.TextField(blank=True)
    next_public_key = models.TextField(blank=True)
    agent_home = models.CharField(max_length=200, default="/srv/tenantry")
    authorized_keys_path = models.CharField(max_length=200, blank=True)
    # Not known before the first call of a node that calls us, unless the operator said it.
    service_address = models.GenericIPAddressField(null=True)
    service_address6 = models.GenericIPAddressField(null=True, blank=True, protocol="IPv6")
    partition_count = models.PositiveSmallIntegerField(default=10)
    port_first = models.PositiveIntegerField(default=21000)
    ports_per_partition = models.PositiveSmallIntegerField(default=10)
    shares_customers = models.BooleanField(default=False)
    is_privileged = models.BooleanField(null=True)
    agent_version = models.CharField(max_length=64, blank=True)
    # The version that the node put back because this Master did not hear it in time, and why.
    agent_refused = models.CharField(max_length=64, blank=True)
    agent_refusal = models.TextField(blank=True)
    # A campaign decides when this node is offered another agent.
    agent_held = models.BooleanField(default=False)
    facts = models.JSONField(default=dict)
    # How far its clock is ahead of the Master's, as measured by the last pass.
    clock_offset_ms = models.BigIntegerField(null=True)
    # Promises of the node that fail: {name: {message, since, told}}.
    failing = models.JSONField(default=dict)
    desired_sealed = models.TextField(blank=True)
    desired_revision = models.CharField(max_length=64, blank=True)
    desired_since = models.DateTimeField(null=True)
    # Names the rows from which the document was made: when it differs, it is made again.
    desired_source = models.CharField(max_length=32, blank=True)
    applied_revision = models.CharField(max_length=64, blank=True)
    # Rises when something in the document changes that is no instance: backups, drills, moves.
    document_extras = models.PositiveIntegerField(default=0)
    # Whether other nodes may keep their backups here.
    keeps_backups = models.BooleanField(default=True)
    # Names what the node last reported, so that it need not say the same again.
    report_hash = models.CharField(max_length=64, blank=True)
    # Since a restore of the Master: it is looked at before anything on it is changed, and this is
    # what it has that the Master does not know.
    compare_since = models.DateTimeField(null=True)
    differences = models.JSONField(default=list)
    spool_epoch = models.CharField(max_length=64, blank=True)
    spool_position = models.BigIntegerField(default=0)
    last_seen_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    failures = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["ComputeNode"].as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="node_name_once"),
            models.UniqueConstraint(
                fields=["host", "port", "agent_home"],
                condition=~Q(state=State.RETIRED) & Q(carrier=Carrier.SSH),
                name="node_enrolled_once",
            ),
            models.CheckConstraint(name="node_state_is_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="node_closed_for_when_closed",
                condition=Q(closed_for="") | Q(state=State.CLOSED, closed_for__in=ClosedFor.values),
            ),
        ]
        indexes = [models.Index(fields=["region", "state"], name="node_of_region")]

    def __str__(self) -> str:
        return self.name


class NodeCost(models.Model):
    """What a machine costs its provider in a month, from a moment until the next one is set."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.ForeignKey(ComputeNode, on_delete=models.PROTECT, related_name="costs")
    monthly_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    starts_at = models.DateTimeField()
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=150)

    objects = TenantQuerySet["NodeCost"].as_manager()

    class Meta:
        ordering = ["node", "starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["node", "starts_at"], name="nodecost_once_per_moment"),
            models.CheckConstraint(name="nodecost_not_negative", condition=Q(monthly_minor__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} from {self.starts_at:%Y-%m-%d}"


class ComputePartition(models.Model):
    """A slot on a node: its own Unix user, directory, addresses and ports."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.ForeignKey(ComputeNode, on_delete=models.PROTECT, related_name="partitions")
    name = models.CharField(max_length=20)
    user = models.CharField(max_length=32)
    address = models.GenericIPAddressField()
    address6 = models.GenericIPAddressField(null=True, protocol="IPv6")
    port_first = models.PositiveIntegerField()
    port_count = models.PositiveSmallIntegerField()
    # It is nobody's and not free: reserved, or not yet known to be wiped of what this names.
    held_for = models.CharField(max_length=12, blank=True)

    objects = TenantQuerySet["ComputePartition"].as_manager()

    class Meta:
        ordering = ["node", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["node", "name"], name="partition_name_once"),
            models.UniqueConstraint(fields=["node", "port_first"], name="partition_ports_once"),
        ]

    def __str__(self) -> str:
        return f"{self.node.name}/{self.name}"

    @property
    def places(self) -> list[str]:
        """Return where its services listen, as URLs write it: addresses with the first port."""
        addresses = dict.fromkeys(one for one in (self.address, self.address6) if one)
        written = [f"[{one}]" if ":" in one else one for one in addresses]
        return [f"{one}:{self.port_first}" for one in written]


class NodeRoom(models.Model):
    """What is free on a node and what is promised of it: counted by a trigger of the database.

    Allocation reads ten thousand of these in a millisecond; counting partitions takes a hundred.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.OneToOneField(ComputeNode, on_delete=models.CASCADE, related_name="room")
    free_partitions = models.PositiveIntegerField(default=0)
    reserved_memory_bytes = models.BigIntegerField(default=0)
    reserved_disk_bytes = models.BigIntegerField(default=0)

    objects = TenantQuerySet["NodeRoom"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["-free_partitions", "node"], name="noderoom_emptiest")]

    def __str__(self) -> str:
        return f"{self.node.name}: {self.free_partitions} free"


class EnrolmentStep(models.Model):
    """One named step of preparing a machine: shown live, resumed when it failed."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.ForeignKey(ComputeNode, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=60)
    state = models.CharField(max_length=10, default="waiting")
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["EnrolmentStep"].as_manager()

    class Meta:
        ordering = ["node", "position"]
        constraints = [
            models.UniqueConstraint(fields=["node", "name"], name="enrolmentstep_once"),
            models.CheckConstraint(
                name="enrolmentstep_state_is_known",
                condition=Q(state__in=["waiting", "running", "done", "failed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node.name}: {self.name}"


class NodeLease(models.Model):
    """One worker at a time drives a node; the agent refuses an older fence."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.OneToOneField(ComputeNode, on_delete=models.CASCADE, related_name="lease")
    owner = models.CharField(max_length=100, blank=True)
    until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)

    objects = TenantQuerySet["NodeLease"].as_manager()

    def __str__(self) -> str:
        return f"{self.node.name}: {self.owner or 'free'}"


class NodeAuthority(models.Model):
    """Signs the certificates of nodes that call us, and of the door that they call: one for ever.

    A door says every few seconds that it is open; while none is, no node is called silent.
    """

    organisation = models.OneToOneField(Organisation, on_delete=models.PROTECT)
    certificate = models.TextField()
    key_sealed = models.TextField()
    open_since = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    told_closed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["NodeAuthority"].as_manager()

    def __str__(self) -> str:
        return f"Authority of {self.organisation.name}"


class NodeCaller(models.Model):
    """How a node that calls us shows who it is.

    The one-time token is kept as its hash, and once used belongs to one key: a repeat after a lost
    answer gets the same certificate. After a renewal the former certificate is good until the new
    one was seen.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    node = models.OneToOneField(ComputeNode, on_delete=models.CASCADE, related_name="caller")
    token_hash = models.CharField(max_length=64, blank=True)
    token_until = models.DateTimeField(null=True)
    token_key_hash = models.CharField(max_length=64, blank=True)
    certificate = models.TextField(blank=True)
    certificate_hash = models.CharField(max_length=64, blank=True)
    certificate_until = models.DateTimeField(null=True)
    former_hash = models.CharField(max_length=64, blank=True)

    objects = TenantQuerySet["NodeCaller"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["token_hash"], condition=~Q(token_hash=""), name="node_token_once"
            ),
            models.UniqueConstraint(
                fields=["certificate_hash"],
                condition=~Q(certificate_hash=""),
                name="node_certificate_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node.name} calls"
