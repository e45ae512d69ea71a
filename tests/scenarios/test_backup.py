"""Saved on another real host, brought back, and safe from who stored it."""

import pytest

from erp.base.doors import now
from orchestration.backup import services
from orchestration.backup.models import BackupRepository, Protection, Snapshot
from orchestration.backup.secrets import store_user
from orchestration.nodes.models import ComputeNode
from tests.fleet.fleet import Fleet
from tests.scenarios.saving import (
    a_counter,
    counted,
    host_of,
    is_started,
    machines,  # noqa: F401  (a fixture)
    nodes,  # noqa: F401  (a fixture)
    saved,
    turn,
    turn_until,
)
from tests.scenarios.world import assert_the_laws_hold

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]


def test_a_service_is_saved_on_another_host_and_brought_back(
    machines: Fleet,  # noqa: F811
    nodes: list[ComputeNode],  # noqa: F811
) -> None:
    instance = a_counter()
    turn_until(lambda: is_started(instance))
    turn_until(lambda: saved(instance))
    repository = BackupRepository.objects.get()
    assert repository.store_id != instance.node_id
    snapshot = Snapshot.objects.get()
    assert snapshot.total_bytes > 0
    assert Protection.objects.get().failure == ""
    before = counted(instance)

    row = services.restore(instance, snapshot, at=now(), by="test")
    turn_until(lambda: is_started(instance))
    turn_until(lambda: type(row).objects.get(pk=row.pk).state == "done")
    lines = (
        host_of(machines, instance.node)
        .run("cat /srv/tenantry/partitions/p0/data/count")
        .splitlines()
    )
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == list(range(1, len(numbers) + 1))
    # What was counted between the snapshot and the restore is gone.
    times = [float(line.split()[1]) for line in lines]
    gap = max(range(1, len(times)), key=lambda at: times[at] - times[at - 1])
    assert numbers[gap] <= before
    assert times[gap - 1] <= snapshot.ended_at.timestamp() < times[gap]
    assert_the_laws_hold()


def test_who_stored_it_cannot_take_it_away(
    machines: Fleet,  # noqa: F811
    nodes: list[ComputeNode],  # noqa: F811
) -> None:
    instance = a_counter()
    turn_until(lambda: saved(instance))
    repository = BackupRepository.objects.select_related("store").get()
    host, store = host_of(machines, instance.node), host_of(machines, repository.store)
    kept = f"find /srv/tenantry/store/{repository.reference} -type f | sort | xargs sha256sum"
    before = store.run(kept)
    # The thief is root on the node, and has all that it has.
    ssh = (
        "ssh -F none -i /srv/tenantry/cache/p0/key -o StrictHostKeyChecking=no -o BatchMode=yes "
        f"-l {store_user(repository.store)} {store.address}"
    )
    data = store.run(f"cd /srv/tenantry/store/{repository.reference} && ls -d data/*/* snapshots/*")
    commands = ["ls -1 r/snapshots", *(f"rm r/{name}" for name in data.split())]
    commands += [f"put /etc/hostname r/{name}" for name in data.split()]
    commands += ["rename r/config r/gone", "rm r/config", "get r/../../state/desired.json /tmp/x"]
    commands += ["put /etc/hostname r/../.ssh/authorized_keys", "symlink /etc r/data/link"]
    host.run("printf '%s\\n' " + " ".join(f"'-{one}'" for one in commands) + " > /tmp/batch")
    said = host.run(f"sftp -b /tmp/batch -D '{ssh} -s sftp'", check=False)
    assert Snapshot.objects.get().name in said
    shell = host.run(f"{ssh} 'rm -rf /srv/tenantry/store; id' < /dev/null", check=False)
    assert "uid=" not in shell
    assert host.run("ls /tmp/x", check=False) == ""
    after = store.run(kept)
    assert [line for line in before.splitlines() if "/locks/" not in line] == [
        line for line in after.splitlines() if "/locks/" not in line
    ]

    row = services.restore(instance, Snapshot.objects.get(), at=now(), by="test")
    turn_until(lambda: type(row).objects.get(pk=row.pk).state == "done")
    turn()
    assert is_started(instance)
