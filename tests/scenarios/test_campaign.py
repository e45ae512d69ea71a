"""On a real host: a good release comes everywhere, a bad one stops at the canary and goes back."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from erp.base.doors import now
from orchestration.campaigns import services, waves
from orchestration.campaigns.models import Campaign
from orchestration.campaigns.services import Plan
from orchestration.convergence import services as convergence
from orchestration.instances.models import Instance
from orchestration.instances.services import change_release, connection_of
from orchestration.nodes.models import ComputeNode
from orchestration.releases.models import SoftwareRelease
from orchestration.releases.services import CATALOGUE, publish
from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)
from tests.fleet.fleet import Host
from tests.orchestration.builders import a_provider
from tests.scenarios.test_fleet_nodes import host  # noqa: F401  (a fixture)
from tests.scenarios.world import a_service, assert_the_laws_hold, converged, enrolled, wait_for

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]
# A minute of the campaign passes between two looks: its waits are minutes, the host is quick.
LOOK = timedelta(minutes=1)


class Killed(BaseException):
    """The worker is gone."""


def another(place: Path, version: str, file: str, old: str, new: str) -> SoftwareRelease:
    """The static site in a version of its own, with one text of one file changed."""
    directory = place / "static-site"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(CATALOGUE / "static-site", directory)
    profile = (directory / "software.toml").read_text()
    was = SoftwareRelease.objects.get(source="catalogue:static-site").version
    assert f'"{was}"' in profile
    (directory / "software.toml").write_text(profile.replace(f'"{was}"', f'"{version}"', 1))
    text = (directory / file).read_text()
    assert old in text
    (directory / file).write_text(text.replace(old, new, 1))
    return publish(directory, owner=a_provider(), at=now(), by="test")


def body(instance: Instance) -> str:
    instance.refresh_from_db()
    with urlopen(connection_of(instance)["url"], timeout=5) as answer:
        return str(answer.read().decode())


def is_started(instance: Instance) -> bool:
    instance.refresh_from_db()
    return instance.state == "started" and instance.observed_generation == instance.generation


def drive(
    campaign: Campaign, node: ComputeNode, at: datetime, *, until: str, killed: bool = False
) -> datetime:
    """Visit the node and take the steps that are due, until the campaign is there."""
    for _ in range(400):
        converged(node)
        at += LOOK
        waves.advance(campaign.pk, at=at)
        campaign.refresh_from_db()
        moving = campaign.items.filter(state__in=["failed", "returning", "changing"]).exists()
        if campaign.state == until and not moving:
            return at
    raise AssertionError(list(campaign.items.values_list("state", "state_reason")))


def test_a_good_release_comes_everywhere_and_a_bad_one_stops_at_the_canary(
    host: Host,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A service that never comes up must not hold each visit for its whole budget.
    monkeypatch.setattr(convergence, "BUDGET", 1.0)
    node = enrolled(host)
    first, second = a_service("Bonjour"), a_service("Salut")
    wait_for(lambda: bool(converged(node)) and is_started(first) and is_started(second))
    plan = Plan(
        now(), without_snapshot=True, pause_minutes=0, patience_minutes=8, watch_minutes=1,
    )  # fmt: skip

    good = another(tmp_path, "9.0.0", "index.html.in", "</body>", "<p>renewed</p></body>")
    campaign = services.start(a_provider(), good, plan, at=now(), by="ops")
    at = drive(campaign, node, now(), until="done")
    assert [item.state for item in campaign.items.all()] == ["done", "done"]
    for instance, title in ((first, "Bonjour"), (second, "Salut")):
        page = body(instance)
        assert title in page
        assert "renewed" in page

    bad = another(tmp_path, "9.1.0", "serve.py", "import ", "raise SystemExit(3)\nimport ")
    campaign = services.start(a_provider(), bad, plan, at=at, by="ops")
    moves: list[int] = []

    def then_killed(*args: object, **kwargs: object) -> int:
        moves.append(change_release(*args, **kwargs))  # type: ignore[arg-type]
        raise Killed

    for _ in range(2):
        # Killed as it asks for the change, and as it asks for the way back.
        with monkeypatch.context() as patched:
            patched.setattr("orchestration.campaigns.waves.change_release", then_killed)
            with pytest.raises(Killed):
                at = drive(campaign, node, at, until="stopped")
        waves.advance(campaign.pk, at=at)
    drive(campaign, node, at, until="stopped")

    assert [item.state for item in campaign.items.all()] == ["returned", "waiting"]
    wait_for(lambda: bool(converged(node)) and is_started(first) and is_started(second))
    for instance, generation in ((first, 4), (second, 2)):
        assert "renewed" in body(instance)
        assert (instance.release, instance.generation) == (good, generation)
    services.cancel(campaign, at=now(), by="ops", why="the release is bad")
    assert_the_laws_hold()
