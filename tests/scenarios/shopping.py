"""Order from the catalogue and use what was ordered, as a customer does."""

import socket
import ssl
import time
from pathlib import Path

from erp.base.doors import now
from erp.contracts.models import ContractLine
from erp.customers.models import Organisation
from orchestration.allocation import services as allocation
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.releases.services import publish
from tests.fleet.fleet import Host
from tests.orchestration.builders import a_customer, a_line, a_provider
from tests.scenarios.world import converged


def ordered(
    directory: Path,
    *,
    kind: str = "default",
    owner: Organisation | None = None,
    **parameters: object,
) -> Instance:
    """What an accepted order leaves: a contract, its instances, and a place for each."""
    release = publish(directory, owner=a_provider(), at=now(), by="test")
    line = a_line(owner or a_customer(release.product), parameters=parameters, software_type=kind)
    ContractLine.objects.filter(pk=line.pk).update(product=release.product)
    instances.follow_contract(line.contract, at=now())
    for one in Instance.objects.filter(line=line).order_by("pk"):
        assert allocation.place(one.pk, at=now())
    return Instance.objects.get(line=line, parent=None)


def until(node: ComputeNode, instance: Instance, state: str) -> dict[str, str]:
    """Converge until the instance is in a state; return what it publishes."""
    end = time.monotonic() + 150
    while True:
        converged(node)
        instance.refresh_from_db()
        if (instance.state, instance.observed_generation) == (state, instance.generation):
            return instances.connection_of(instance)
        said = f"{instance.state}: {instance.state_reason}\n{instance.log_tail}"
        assert instance.state != "failed", said
        assert time.monotonic() < end, said


def seen(host: Host, authority: str, port: str, domain: str) -> str:
    """Ask a site as a visitor does who trusts this authority alone."""
    context = ssl.create_default_context(cadata=authority)
    plain = socket.create_connection((host.address, int(port)), timeout=10)
    with context.wrap_socket(plain, server_hostname=domain) as link:
        link.sendall(f"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: link.recv(65536), b"")).decode()
