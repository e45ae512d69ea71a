"""What a node costs when nothing changes, and how long a customer waits for the first answer.

The node is a real SSH host. The agent is asked for nothing while its own passes are counted: they
go on without the Master.
"""

import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from erp.base.doors import now
from erp.contracts import services as contracts
from erp.orders.services import Wish
from orchestration.convergence import tasks
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import register
from tests.bench.shop import PARAMETERS, Shop, a_shop
from tests.bench.workers import TICKS, until, workers
from tests.fleet.fleet import Fleet, Host, missing
from tests.scenarios.world import machine_of

INSTANCES, ORDERS = 20, 10
WATCHED_SECONDS, LONGEST_SECONDS = 30.0, 60.0
# The agent's pass follows the one before after this.
BETWEEN_SECONDS = 1.0
QUEUES = ("-Q default -c 2", "-Q converge -P threads -c 8")


def run() -> Iterator[str]:
    """Order sites one after the other, then watch the agent at rest."""
    why = missing()
    if why:
        yield f"NO FLEET: the cost of a node is left out: {why}"
        return
    shop = a_shop()
    with Fleet(1) as fleet, workers(QUEUES):
        host = fleet.hosts[0]
        node = _node(host, shop)
        waits = [_first_answer(shop, number) for number in range(INSTANCES)][1 : ORDERS + 1]
        yield (
            f"from the order to the first answer of a static site that is built, {ORDERS} in "
            f"turn: median {statistics.median(waits):.2f} s, fastest {min(waits):.2f} s, slowest "
            f"{max(waits):.2f} s   aim ≤ 2 s"
        )
        until(lambda: not Instance.objects.exclude(state="started").exists())
        cpu, cpu_of_services = _at_rest(host, node)
        yield (
            f"the agent at rest with {INSTANCES} sites, promises and metering included: "
            f"{1000 * cpu:.1f} ms CPU a pass, and supervisord {1000 * cpu_of_services:.1f} ms   "
            "aim ≤ 50 ms"
        )


def _node(host: Host, shop: Shop) -> ComputeNode:
    """Enrol a host with room for all, through the queue."""
    machine = machine_of(host, partition_count=INSTANCES)
    node = register(shop.provider, machine, at=now(), by="bench")
    until(lambda: ComputeNode.objects.get(pk=node.pk).state == "ready")
    tasks.converge_node.delay(node=node.pk)
    return node


def _first_answer(shop: Shop, number: int) -> float:
    """Return the seconds from the order to the first page; nudges do all between."""
    wish = Wish(key=f"wish-{number}", name=f"Site {number}", plan=shop.plan, parameters=PARAMETERS)
    began = time.perf_counter()
    order = contracts.order(shop.customer, wish, by="bench", at=now())
    mine = Instance.objects.filter(line__contract__order=order, partition__isnull=False)
    mine = mine.select_related("partition")
    url = ""
    while time.perf_counter() - began < LONGEST_SECONDS:
        placed = None if url else mine.first()
        if placed and placed.partition:
            url = f"http://{placed.partition.address}:{placed.partition.port_first}/"
        if url and _answers(url):
            return time.perf_counter() - began
        time.sleep(0.005)
    raise TimeoutError(f"order {order.reference} never answered")


def _at_rest(host: Host, node: ComputeNode) -> tuple[float, float]:
    """Return the CPU seconds of the agent and of supervisord for each of the agent's passes."""
    names = (f"{node.agent_home}/run/agent.lock", f"{node.agent_home}/run/supervisord.pid")
    pids = [host.run(f"cat {name}").strip() for name in names]
    before, began = [_cpu(host, pid) for pid in pids], time.monotonic()
    time.sleep(WATCHED_SECONDS)
    used = [_cpu(host, pid) - one for pid, one in zip(pids, before, strict=True)]
    # A pass takes its CPU, then waits: on a busy machine there are fewer, never more.
    passes = (time.monotonic() - began) / (BETWEEN_SECONDS + used[0] / WATCHED_SECONDS)
    return used[0] / passes, used[1] / passes


def _cpu(host: Host, pid: str) -> float:
    """Return the CPU seconds that a process on the host used, with its children."""
    fields = host.run(f"cat /proc/{pid}/stat").rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
