"""What a release declares is measured on a real host, and every request counts once."""

import shutil
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.db.models import Sum

from erp.base.doors import now
from erp.base.periods import Period
from orchestration.convergence import connections
from orchestration.instances.models import Instance
from orchestration.instances.services import connection_of
from orchestration.metering.models import Sample
from orchestration.metering.source import StoredUsage
from orchestration.releases.services import CATALOGUE
from tests.fleet.fleet import Fleet, Host, missing
from tests.scenarios.world import a_service, assert_the_laws_hold, converged, enrolled, refreshed

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]
SERVER = "pgrep -f source/serve.py || true"


@pytest.fixture
def host() -> Iterator[Host]:
    why = missing()
    if why:
        pytest.skip(f"NO FLEET: tests on real SSH hosts are left out: {why}")
    with Fleet(1) as running:
        yield running.hosts[0]
        for _, link, _ in list(connections._open.values()):
            link.close()
        connections._open.clear()


def wait_for(holds: Callable[[], bool], *, seconds: int = 90) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def requests() -> Decimal:
    found: Decimal | None = Sample.objects.filter(meter="requests").aggregate(sum=Sum("quantity"))[
        "sum"
    ]
    return Decimal(-1) if found is None else found


def answers(instance: Instance) -> bool:
    """Ask once; return whether there was an answer: what was not answered was not counted."""
    try:
        with urlopen(connection_of(instance)["url"], timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_requests_are_counted_once_through_restarts_of_service_and_agent(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promises ask all the time, and nobody pays for that."""
    monkeypatch.setattr("orchestration.convergence.documents.METERING_SECONDS", 1)
    quick = Path(shutil.copytree(CATALOGUE / "static-site", tmp_path / "static-site"))
    toml = quick / "software.toml"
    toml.write_text(toml.read_text().replace('"counter"', '"counter"\nperiod_seconds = 1'))
    node = enrolled(host)
    instance = a_service(directory=quick)

    def counted(total: int) -> Callable[[], bool]:
        def is_so() -> bool:
            converged(node)
            return requests() >= total

        return is_so

    wait_for(counted(0))
    instance.refresh_from_db()
    assert [answers(instance) for _ in range(5)] == [True] * 5
    wait_for(counted(5))

    first = host.run(SERVER).split()
    host.run(f"kill -TERM {first[0]}")
    wait_for(lambda: host.run(SERVER).split() not in ([], first))
    wait_for(lambda: answers(instance))
    host.run("kill -9 $(cat /srv/tenantry/run/agent.lock)")
    assert answers(instance)
    wait_for(counted(7))

    converged(node)
    assert requests() == 7
    found = StoredUsage().usage(
        windows={instance.line_id: Period(instance.created_at, now())},
        stored_before=now(),
    )
    assert {one.meter: one.unit for one in found}["requests"] == "requests"
    assert {one.meter: one.quantity for one in found}["requests"] == 7
    assert_the_laws_hold()


SITE = "/srv/tenantry/partitions/p0/site"


def traffic() -> dict[str, Decimal]:
    """Return the mebibytes received and sent so far, once the node has told of both."""
    sums = Sample.objects.filter(meter__startswith="network_").values_list("meter")
    return {meter: total * 1024 for meter, total in sums.annotate(total=Sum("quantity"))}


def test_traffic_over_the_network_is_counted_and_what_stays_on_the_machine_is_not(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.convergence.documents.METERING_SECONDS", 1)
    node = enrolled(host)
    instance = a_service()

    def sent(least: int) -> Callable[[], bool]:
        def is_so() -> bool:
            converged(node)
            return traffic().get("network_out_gib", Decimal(-1)) >= least

        return is_so

    wait_for(sent(0))
    assert refreshed(node).facts["network_counted"] == "nftables"
    host.run(f"head -c {4 * 2**20} /dev/urandom > {SITE}/large")
    instance.refresh_from_db()
    url = connection_of(instance)["url"] + "large"
    for _ in range(3):
        with urlopen(url, timeout=10) as answer:
            assert len(answer.read()) == 4 * 2**20
    host.run(f"curl --silent --fail --output /dev/null {url}")
    wait_for(sent(12))
    # The agent is killed, what its successor finds was counted all the same.
    host.run("kill -9 $(cat /srv/tenantry/run/agent.lock)")
    with urlopen(url, timeout=10) as answer:
        assert len(answer.read()) == 4 * 2**20
    wait_for(sent(16))
    found = traffic()
    assert 16 <= found["network_out_gib"] < Decimal("16.8")
    assert 0 < found["network_in_gib"] < Decimal("0.8")
    assert_the_laws_hold()
