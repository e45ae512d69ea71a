"""Rows that tests of backups start from: an instance, and its repository on another node."""

from datetime import datetime, timedelta
from typing import Any

from orchestration.allocation import services as allocation
from orchestration.backup import services
from orchestration.backup.models import BackupRepository, Protection, Snapshot
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import NOON, a_line, a_node

HOURLY: dict[str, Any] = {"every_minutes": 60, "keep": {"hourly": 24}}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG"


def a_machine(name: str, **columns: Any) -> ComputeNode:
    return a_node(name, host_key=KEY, last_seen_at=NOON, **columns)


def an_instance(policy: dict[str, Any] | None = None, **sla: Any) -> Instance:
    """An instance that runs on the only node, saved nowhere yet."""
    line = a_line(backup=HOURLY if policy is None else policy, parameters={}, sla=sla)
    instances.follow_contract(line.contract, at=NOON)
    instance = Instance.objects.get(line=line)
    assert allocation.place(instance.pk, at=NOON)
    Instance.objects.filter(pk=instance.pk).update(state="started", observed_generation=1)
    instance.refresh_from_db()
    return instance


def saved_instance(policy: dict[str, Any] | None = None) -> Instance:
    """An instance on `first`, its repository on `second`, and a third node beside."""
    a_machine("first")
    instance = an_instance(policy)
    a_machine("second")
    a_machine("third")
    assert services.protect(instance.line_id, at=NOON)
    return instance


def a_snapshot(
    instance: Instance, name: str = "0123abcd", *, number: int = 0, at: datetime = NOON
) -> Snapshot:
    repository = BackupRepository.objects.get(line=instance.line, state="ready")
    row = Protection.objects.get(instance=instance)
    Protection.objects.filter(pk=row.pk).update(
        answered=max(number, row.answered), newest_at=at, tried_at=at
    )
    return Snapshot.objects.create(
        organisation_id=instance.organisation_id,
        repository=repository,
        instance=instance,
        name=name,
        number=number,
        taken_at=at,
        ended_at=at + timedelta(seconds=5),
        total_bytes=1000,
        added_bytes=100,
    )
