"""Instance trees and shared instances really run: ordered, changed and given up on a real host."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from erp.base.doors import now
from orchestration.instances import services as instances
from orchestration.instances import tasks as instance_tasks
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.nodes.models import ComputeNode
from orchestration.releases.services import CATALOGUE, publish
from tests.fleet.fleet import Host
from tests.orchestration.builders import a_customer, a_provider
from tests.scenarios.shopping import ordered, seen, until
from tests.scenarios.world import assert_the_laws_hold, converged, enrolled, wait_for

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]

PLACE = "/srv/tenantry/partitions/p0"


def change(instance: Instance, state: Requested = Requested.STARTED, **parameters: object) -> None:
    instances.request_change(
        instance,
        state=state,
        parameters=instance.parameters | parameters,
        limits=instance.limits,
        at=now(),
    )
    instance.refresh_from_db()


def reason(node: ComputeNode, instance: Instance) -> str:
    converged(node)
    instance.refresh_from_db()
    return instance.state_reason


def visit(url: str, *, post: bool = False) -> str:
    with urlopen(Request(url, method="POST" if post else "GET"), timeout=10) as answer:
        text: str = answer.read().decode()
        return text


@contextmanager
def a_web(directory: Path, address: str) -> Iterator[str]:
    """Serve a directory on the fleet's bridge, where hosts reach it."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(directory))
    server = ThreadingHTTPServer((address, 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://{address}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def packed(path: Path, wheels: Path, *, version: str = "one") -> str:
    """Pack the sample with the driver that it needs; return the checksum of the archive."""
    sample = (CATALOGUE / "wsgi-app" / "sample" / "app.py").read_text()
    (driver,) = wheels.glob("psycopg2_binary-*.whl")
    texts = {
        "app.py": sample.replace('"one"', f'"{version}"').encode(),
        "requirements.txt": b"--no-index\n--find-links wheels\npsycopg2-binary\n",
        f"wheels/{driver.name}": driver.read_bytes(),
    }
    with tarfile.open(path, mode="w:gz") as tar:
        for name, content in texts.items():
            entry = tarfile.TarInfo(f"sample/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_application_runs_from_an_archive_with_a_database_of_its_own(
    host: Host, wheels: Path, tmp_path: Path
) -> None:
    node = enrolled(host)
    publish(CATALOGUE / "postgresql", owner=a_provider(), at=now(), by="test")
    with a_web(tmp_path, host.gateway) as url:
        sha256 = packed(tmp_path / "one.tar.gz", wheels)
        asked: dict[str, Any] = {
            "source": f"{url}/one.tar.gz",
            "sha256": sha256,
            "module": "app:application",
        }
        instance = ordered(CATALOGUE / "wsgi-app", **asked, environment={"GREETING": "hello"})
        assert "waits for its database" in reason(node, instance)
        until(node, instance.children.get(name="database"), "started")
        instance_tasks.sweep_inputs()
        found = until(node, instance, "started")
        assert visit(found["url"]) == "one 0 hello"
        assert visit(found["url"], post=True) == "one 1 hello"

        two = packed(tmp_path / "two.tar.gz", wheels, version="two")
        change(instance, source=f"{url}/two.tar.gz", sha256=two)
        until(node, instance, "started")
        assert visit(found["url"], post=True) == "two 2 hello"

        # One that does not start leaves the one before at work, and says why.
        change(instance, module="app:nothing")
        wait_for(lambda: "goes on" in reason(node, instance), seconds=60)
        assert visit(found["url"]) == "two 2 hello"
    change(instance, Requested.DESTROYED)
    wait_for(lambda: gone(node, instance))
    assert set(Instance.objects.values_list("state", flat=True)) == {"wiped"}
    assert host.run("ls /srv/tenantry/partitions").split() == []
    assert_the_laws_hold()


def gone(node: ComputeNode, instance: Instance) -> bool:
    converged(node)
    return not Instance.objects.filter(line=instance.line).exclude(state="wiped").exists()


def test_sites_of_customers_share_the_front_end_of_their_provider(host: Host) -> None:
    node = enrolled(host)
    networks = [f"{host.address}/32"]
    front = ordered(CATALOGUE / "http-frontend", owner=a_provider(), backend_networks=networks)
    published = until(node, front, "started")
    with urlopen(published["ca"], timeout=10) as answer:
        authority = answer.read().decode()
    host.run("mkdir -p /srv/pages && echo behind > /srv/pages/index.html")
    serve = f"python3 -m http.server 9000 --bind {host.address} --directory /srv/pages"
    host.run(f"setsid {serve} > /dev/null 2>&1 &")
    backend = f"http://{host.address}:9000"
    running = host.run("pgrep -x caddy")

    first = a_site("First", domain="a.example", backend=backend)
    second = a_site("Second", domain="b.example", backend="http://127.0.0.1:9000")
    found = until(node, first, "started")
    assert found["url"].startswith("https://a.example")
    assert "behind" in seen(host, authority, published["https_port"], "a.example")
    wait_for(lambda: "127.0.0.1 is not public" in reason(node, second))
    assert Instance.objects.get(pk=second.pk).state == "failed"

    # A domain is of whom has it first; the other is told so, and served when it is free.
    thief = a_site("Third", domain="a.example", backend=backend)
    wait_for(lambda: "a.example" in reason(node, thief))
    assert Instance.objects.get(pk=first.pk).state == "started"

    change(second, backend=backend)
    wait_for(lambda: reason(node, second) == "")
    assert "behind" in seen(host, authority, published["https_port"], "b.example")
    change(first, Requested.DESTROYED)
    wait_for(lambda: gone(node, first))
    wait_for(lambda: reason(node, thief) == "")
    assert Instance.objects.get(pk=thief.pk).state == "started"
    assert host.run("pgrep -x caddy") == running, "sites come and go without a restart"
    owner, user = host.run(f"stat -c %U {PLACE}; ps -o user:32= -C caddy").split()
    assert (owner, user != "root") == (user, True)
    assert host.run(f"stat -c '%a %U' {PLACE}/shared.json").split() == ["600", owner]
    wait_for(
        lambda: host.run(f"cat {PLACE}/data/counts/{second.reference}.requests || true") == "1"
    )

    # A kill of the program takes the engine with it; both come back with the same authority.
    host.run("pkill -9 -f source/serve.py")
    wait_for(lambda: is_seen(host, authority, published["https_port"], "b.example"))
    assert_the_laws_hold()


def is_seen(host: Host, authority: str, port: str, domain: str) -> bool:
    try:
        return "behind" in seen(host, authority, port, domain)
    except OSError:
        return False


def a_site(customer: str, **parameters: object) -> Instance:
    site = ordered(
        CATALOGUE / "http-frontend", kind="site", owner=a_customer(customer), **parameters
    )
    assert (site.is_shared, site.partition) == (True, None)
    return site
