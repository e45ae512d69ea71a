"""Takeover of many instances, a restore against bare restic, and how long a move keeps one away.

Three real SSH hosts; all is driven from one process, turn by turn, as two workers would at most.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.request import urlopen

from erp.base.doors import now
from erp.contracts.models import ContractLine
from orchestration.allocation import services as allocation
from orchestration.backup import relocations, services, takeovers
from orchestration.backup.models import BackupRepository, Protection, Relocation, Snapshot
from orchestration.backup.secrets import password_of
from orchestration.convergence import enrolment
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import register
from orchestration.releases.services import publish
from tests.bench.timing import Result
from tests.fleet import fleet as fleets
from tests.fleet.fleet import Fleet, Host, missing
from tests.orchestration.builders import a_customer, a_line, a_provider
from tests.scenarios.saving import COUNTER, HOURLY, turn
from tests.scenarios.world import machine_of

COUNT = int(os.environ.get("TENANTRY_BENCH_TAKEOVER", "20"))
MIB = int(os.environ.get("TENANTRY_BENCH_RESTORE_MIB", "1024"))
EACH_MIB, MOVED_MIB = 50, 500
DISK = "6g"
PATIENCE = 1200.0
# Where the bare restic keeps its things on a test host.
PEER = "/srv/peer"


def run() -> Iterator[Result | str]:
    """Save, lose, restore and move; each with real data on real hosts."""
    why = missing()
    if why:
        yield f"NO FLEET: backups over real hosts are left out: {why}"
        return
    fleets.DISK = DISK
    with Fleet(3) as fleet:
        for host in fleet.hosts:
            _enrol(host)
        yield from _restore(fleet)
        yield _move(fleet)
        yield _takeover(fleet)


def _enrol(host: Host) -> None:
    node = register(a_provider(), machine_of(host, partition_count=COUNT + 2), at=now(), by="bench")
    assert enrolment.enrol(node.pk, clock=now)


def _until(look: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end, "it did not happen in time"
        turn()


def _services(fleet: Fleet, count: int, mib: int) -> list[Instance]:
    """Return services on the first host that hold so much data that no two pieces are alike."""
    release = publish(COUNTER, owner=a_provider(), at=now(), by="bench")
    customer = a_customer("Saver")
    node = ComputeNode.objects.get(host=fleet.hosts[0].address)
    made = []
    for _ in range(count):
        line = a_line(customer, parameters={}, sla={"node": node.name})
        ContractLine.objects.filter(pk=line.pk).update(product=release.product)
        instances.follow_contract(line.contract, at=now())
        instance = Instance.objects.get(line=line)
        assert allocation.place(instance.pk, at=now())
        made.append(instance)
    pks = [one.pk for one in made]
    started = Instance.objects.filter(pk__in=pks, state="started")
    _until(lambda: started.count() == count)
    for one in started.select_related("partition"):
        assert one.partition
        place = f"/srv/tenantry/partitions/{one.partition.name}/data"
        fleet.hosts[0].run(
            f"head -c {mib}M /dev/urandom > {place}/bulk && chown --reference={place} {place}/bulk"
        )
    Instance.objects.filter(pk__in=pks).update(sla={})
    ContractLine.objects.filter(instances__in=pks).update(sla={}, backup=HOURLY)
    _until(
        lambda: (
            Protection.objects.filter(instance__in=pks, answered__gte=0)
            .exclude(newest_at=None)
            .count()
            == count
        )
    )
    return list(started.select_related("node", "partition").order_by("pk"))


def _host(fleet: Fleet, node: ComputeNode | None) -> Host:
    (host,) = [one for one in fleet.hosts if node and one.address == node.host]
    return host


def _restore(fleet: Fleet) -> Iterator[Result | str]:
    (instance,) = _services(fleet, 1, MIB)
    snapshot = Snapshot.objects.filter(instance=instance).latest("pk")
    row = services.restore(instance, snapshot, at=now(), by="bench")
    _until(lambda: Relocation.objects.get(pk=row.pk).state == "done")
    node = ComputeNode.objects.get(pk=instance.node_id or 0)
    said = _host(fleet, node).run("cat /srv/tenantry/state/restored.json")
    ours = max(one["seconds"] for one in json.loads(said).values())
    repository = BackupRepository.objects.select_related("store").get(pk=snapshot.repository_id)
    bare = _bare(fleet, _host(fleet, node), repository, snapshot.name)
    yield Result(
        f"a restore of {MIB} MiB through our store", ours, bare, "restic over OpenSSH's sftp",
        "≥ 0.83 ×",
    )  # fmt: skip
    relocated = Relocation.objects.get(pk=row.pk)
    assert relocated.back_at
    whole = (relocated.back_at - relocated.created_at).total_seconds()
    yield f"from asking for the restore of {MIB} MiB to the answer: {whole:.1f} s"
    _end(instance)


def _bare(fleet: Fleet, host: Host, repository: BackupRepository, name: str) -> float:
    """Return how long restic takes by itself: the same files, OpenSSH's own server."""
    store = _host(fleet, repository.store)
    key = host.run(
        f"rm -rf {PEER}; mkdir -m 700 {PEER}; "
        f"ssh-keygen -q -t ed25519 -N '' -f {PEER}/k; cat {PEER}/k.pub"
    )
    store.run(f"mkdir -p ~/.ssh && echo '{key.strip()}' >> ~/.ssh/authorized_keys")
    ssh = f"ssh -F none -i {PEER}/k -o StrictHostKeyChecking=no -l root {store.address} -s sftp"
    place = f"/srv/tenantry/store/{repository.reference}"
    script = (
        f"export RESTIC_PASSWORD='{password_of(repository)}'\nrm -rf /srv/bare\n"
        "began=$(date +%s.%N)\n"
        f"restic -r sftp:x:{place} -o sftp.command='{ssh}' --cache-dir {PEER}/cache "
        f"restore --no-lock {name} --target /srv/bare > {PEER}/bare.log 2>&1\n"
        f"echo $? $began $(date +%s.%N) > {PEER}/bare.done; rm -rf /srv/bare\n"
    )
    host.run(f"rm -f {PEER}/bare.done; cat > {PEER}/bare.sh <<'END'\n{script}END")
    host.run(f"setsid sh {PEER}/bare.sh > /dev/null 2>&1 &")
    end = time.monotonic() + PATIENCE
    while not (said := host.run(f"cat {PEER}/bare.done", check=False).split()):
        assert time.monotonic() < end
        time.sleep(0.5)
    assert said[0] == "0", host.run(f"tail -5 {PEER}/bare.log")
    return float(said[2]) - float(said[1])


def _move(fleet: Fleet) -> str:
    (instance,) = _services(fleet, 1, MOVED_MIB)
    row = relocations.ask_move(instance, at=now(), by="bench")
    _until(lambda: Relocation.objects.get(pk=row.pk).state == "done")
    moved = Relocation.objects.get(pk=row.pk)
    assert moved.back_at
    assert moved.away_at
    away = (moved.back_at - moved.away_at).total_seconds()
    whole = (moved.back_at - moved.created_at).total_seconds()
    _end(instance)
    return f"a move of {MOVED_MIB} MiB: away for {away:.1f} s (aim ≤ 5 s), {whole:.1f} s in all"


def _takeover(fleet: Fleet) -> str:
    made = _services(fleet, COUNT, EACH_MIB)
    node = ComputeNode.objects.get(pk=made[0].node_id or 0)
    fleet.hosts[0].power_cut()
    ComputeNode.objects.filter(pk=node.pk).update(
        state="unreachable", failures=3, next_attempt_at=now() + timedelta(hours=1)
    )
    began = now()
    takeover = takeovers.declare(node, at=began, by="bench")
    assert takeover
    done = takeover.relocations.filter(state="done")
    _until(lambda: done.count() == COUNT)
    times = sorted((one.back_at - began).total_seconds() for one in done if one.back_at)
    for one in Instance.objects.filter(pk__in=[one.pk for one in made]):
        with urlopen(instances.connection_of(one)["url"], timeout=10) as answer:
            assert int(answer.read()) > 0
    return (
        f"takeover of {COUNT} instances of {EACH_MIB} MiB: the first answers after "
        f"{times[0]:.1f} s, the last after {times[-1]:.1f} s"
    )


def _end(instance: Instance) -> None:
    """Give the room back."""
    ContractLine.objects.filter(pk=instance.line_id).update(backup={})
    contract = instance.line.contract
    type(contract).objects.filter(pk=contract.pk).update(
        state="ended", state_since=now() - timedelta(days=400), retention_days=0
    )
    instances.follow_contract(type(contract).objects.get(pk=contract.pk), at=now())
    _until(lambda: Instance.objects.get(pk=instance.pk).state == "wiped")
