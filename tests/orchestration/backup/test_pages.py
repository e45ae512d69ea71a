"""The pages of backups: what customers and operators see and do, in every look."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from erp.base.doors import now
from erp.base.journal import JournalLine
from erp.customers.states import Role
from orchestration.backup import drills, relocations, services, takeovers
from orchestration.backup.models import Drill, Protection, Relocation, Snapshot, Takeover
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from tests.browser import Visit, axe, overflows, screenshot
from tests.orchestration.backup.saved import HOURLY, a_snapshot, saved_instance
from tests.orchestration.builders import a_provider
from tests.orchestration.nodes import a_user

LOOKS = [("light", 1280), ("dark", 390)]


def a_past() -> Instance:
    """A service with snapshots, a drill that passed, one that failed, and a copy."""
    instance = saved_instance(HOURLY | {"takeover_minutes": 10, "drill_days": 30})
    at = now()
    Protection.objects.update(since=at - timedelta(days=3))
    old = a_snapshot(instance, "aaaaaaaa", at=at - timedelta(hours=2))
    new = a_snapshot(instance, "bbbbbbbb", at=at - timedelta(minutes=20))
    for snapshot, state in ((old, "passed"), (new, "failed")):
        drill = drills.begin(snapshot, at=at - timedelta(minutes=10), by="schedule")
        Drill.objects.filter(pk=drill.pk).update(
            state=state, ended_at=at, rpo_seconds=1800, rto_seconds=21, restored_seconds=4,
            promises=[{"name": "the page answers", "ok": state == "passed", "message": "200"}],
            state_reason="the data are broken" if state == "failed" else "it kept its promises",
        )  # fmt: skip
    drills.begin(new, at=at, by="alice", is_copy=True)
    return instance


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_pages_look_right_in_every_look(visit: Visit) -> None:
    instance = a_past()
    owner = a_user(instance.organisation, Role.OWNER)
    operator = a_user(a_provider(), Role.OPERATOR)
    ComputeNode.objects.filter(name="first").update(
        state="unreachable", failures=3, state_reason="no route to it", last_seen_at=now()
    )
    made = takeovers.declare(ComputeNode.objects.get(name="first"), at=now(), by="anna")
    assert made is not None
    relocations.advance(Relocation.objects.get().pk, at=now())
    drill = Drill.objects.filter(state="failed").get()
    snapshot = Snapshot.objects.first()
    assert snapshot is not None
    pages = {
        "backups": (f"/backups/{instance.reference}", owner),
        "restore": (f"/backups/{instance.reference}/restore/{snapshot.pk}", owner),
        "drill": (f"/backups/drill/{drill.reference}", owner),
        "going": (f"/backups/going/{Relocation.objects.get().reference}", operator),
        "overview": ("/backups/", operator),
        "policy": (f"/backups/policy/{instance.line_id}", operator),
        "takeover": (f"/backups/takeover/{made.reference}", operator),
        "give-up": (f"/backups/give-up/{made.node.reference}", operator),
        "move": (f"/backups/{instance.reference}/move", operator),
        "service": (f"/services/{instance.line.contract.reference}", owner),
    }
    for name, (path, user) in pages.items():
        for theme, width in LOOKS:
            page = visit(path, theme=theme, width=width, user=user)
            expect(page.locator("h1")).to_be_visible()
            screenshot(page, f"backup-{name}-{theme}-{width}")
            assert not overflows(page), (name, theme, width)
            assert axe(page) == [], (name, theme, width)


@pytest.mark.django_db
def test_a_restore_is_typed_and_a_slip_of_the_pen_restores_nothing() -> None:
    instance = a_past()
    client = signed_in(a_user(instance.organisation, Role.OWNER))
    snapshot = Snapshot.objects.get(name="aaaaaaaa")
    path = f"/backups/{instance.reference}/restore/{snapshot.pk}"
    assert client.post(path, {"confirm": "yes"}).status_code == 422
    assert not Relocation.objects.exists()
    assert client.post(path, {"confirm": instance.reference}).status_code == 302
    assert client.post(path, {"confirm": instance.reference}).status_code == 422
    row = Relocation.objects.get()
    assert (row.why, row.snapshot, row.state) == ("restore", snapshot, "starting")


@pytest.mark.django_db
def test_on_which_machine_things_stand_is_told_to_operators_alone() -> None:
    instance = a_past()
    services.snapshot_now(instance, at=now(), by="anna", why="now")
    drill = Drill.objects.get(is_copy=True)
    drills.advance(drill.pk, at=now())
    drill.refresh_from_db()
    assert drill.node is not None
    owner = signed_in(a_user(instance.organisation, Role.OWNER))
    operator = signed_in(a_user(a_provider(), Role.OPERATOR))
    path = f"/backups/drill/{drill.reference}"
    assert f"{drill.node.name}/p0" not in owner.get(path).content.decode()
    assert f"{drill.node.name}/p0" in operator.get(path).content.decode()
    page = owner.get(f"/backups/{instance.reference}").content.decode()
    assert "second" not in page


@pytest.mark.django_db
def test_an_operator_agrees_on_another_policy_and_gives_a_node_up_by_its_name() -> None:
    instance = a_past()
    client = signed_in(a_user(a_provider(), Role.OPERATOR))
    asked = {
        "every_minutes": 30, "hourly": 2, "daily": 3, "weekly": 4, "where": "node",
        "most_gib": 10, "priority": 70,
    }  # fmt: skip
    assert client.post(f"/backups/policy/{instance.line_id}", asked).status_code == 302
    instance.line.refresh_from_db()
    assert instance.line.backup == {
        "every_minutes": 30, "keep": {"hourly": 2, "daily": 3, "weekly": 4}, "where": "node",
        "most_gib": 10, "priority": 70,
    }  # fmt: skip
    node = ComputeNode.objects.get(name="first")
    path = f"/backups/give-up/{node.reference}"
    assert client.post(path, {"confirm": node.name}).status_code == 422
    ComputeNode.objects.filter(pk=node.pk).update(state="unreachable", failures=3)
    assert client.post(path, {"confirm": "other"}).status_code == 422
    assert not Takeover.objects.exists()
    assert client.post(path, {"confirm": node.name}).status_code == 302
    assert Takeover.objects.get().node == node


@pytest.mark.django_db
def test_a_node_keeps_no_new_backups_until_it_is_let_again() -> None:
    saved_instance()
    client = signed_in(a_user(a_provider(), Role.OPERATOR))
    node = ComputeNode.objects.get(name="third")
    for keeps in ("no", "no", "yes"):
        client.post(f"/backups/keep/{node.reference}", {"keeps": keeps})
        node.refresh_from_db()
        assert node.keeps_backups == (keeps == "yes")
        page = client.get("/backups/").content.decode()
        assert ("Keep backups again" in page) == (keeps == "no")
    assert JournalLine.objects.filter(event__startswith="keeps").count() == 2


@pytest.mark.django_db
def test_the_overview_asks_as_often_for_many_as_for_one() -> None:
    instance = a_past()
    client = signed_in(a_user(a_provider(), Role.OPERATOR))
    client.get("/backups/")
    with CaptureQueriesContext(connection) as one:
        client.get("/backups/")
    row = Protection.objects.get()
    for number in range(3):
        copy = Instance.objects.get(pk=instance.pk)
        copy.pk, copy.reference, copy.name = None, f"I-X{number}", f"other{number}"
        copy.partition, copy.state = None, "waiting"
        copy.save()
        Protection.objects.create(
            organisation=row.organisation, instance=copy, repository=row.repository, since=row.since
        )
    with CaptureQueriesContext(connection) as many:
        client.get("/backups/")
    assert len(many) == len(one)
