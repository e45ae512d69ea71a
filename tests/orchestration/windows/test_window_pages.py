"""Operators plan windows on pages; customers see what concerns them and move theirs."""

from datetime import timedelta

import pytest
from django.test import Client

from erp.base.doors import now
from erp.customers.states import Role
from orchestration.instances.models import Instance
from orchestration.monitoring.regions import regions
from orchestration.windows import services
from orchestration.windows.models import MaintenanceWindow, Occurrence
from orchestration.windows.services import Scope
from tests.orchestration.builders import a_customer, a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.nodes import an_operator, signed_in
from tests.orchestration.windows.planned import HOUR, LONG_BEFORE, a_told_time, a_window

pytestmark = pytest.mark.django_db


def asked(**changes: str) -> dict[str, str]:
    typed = {
        "what": "New kernel", "of": "node", "weekday": "6", "time": "03:00",
        "zone": "Europe/Paris", "duration_minutes": "90", "notice_hours": "24",
    }  # fmt: skip
    return typed | changes


def test_an_operator_plans_a_weekly_window_of_a_node() -> None:
    node = a_node()
    answer = an_operator().post("/windows/new", asked(node=node.reference), follow=True)
    page = answer.content.decode()
    window = MaintenanceWindow.objects.get()
    assert (window.node, window.weekday, window.duration_minutes) == (node, 6, 90)
    assert "every Sunday at 03:00 (Europe/Paris), for 90 minutes" in page
    assert window.occurrences.count() == 2
    assert "New kernel" in an_operator().get("/windows/").content.decode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"node": ""}, "Say for which."),
        ({"weekday": ""}, "A window that comes once has a date."),
        ({"zone": "Paris"}, "There is no zone Paris"),
        ({"of": "contract", "contract": "C-NOBODY00"}, "No contract in force is called"),
        ({"weekday": "", "date": "2020-01-01"}, "A window begins in the future"),
    ],
)
def test_what_cannot_be_planned_is_said_beside_its_field(
    changes: dict[str, str], said: str
) -> None:
    node = a_node()
    answer = an_operator().post("/windows/new", asked(**({"node": node.reference} | changes)))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not MaintenanceWindow.objects.exists()


def owner_of(instance: Instance) -> Client:
    return signed_in(instance.organisation, Role.OWNER)


def test_a_customer_sees_only_what_touches_their_services() -> None:
    node = a_node(name="secret-name")
    instance, stranger = an_instance_on(node), a_customer("Stranger")
    a_told_time(node, now() + timedelta(days=2))
    page = owner_of(instance).get("/windows/mine").content.decode()
    assert "New kernel" in page
    assert "secret-name" not in page
    assert signed_in(stranger, Role.OWNER).get("/windows/mine").content.decode().strip() == ""
    reference = instance.line.contract.reference
    assert (
        "New kernel" in owner_of(instance).get(f"/windows/of-contract/{reference}").content.decode()
    )


def test_a_customer_moves_their_time_and_a_stranger_cannot() -> None:
    instance = an_instance_on(a_node())
    start = (now() + timedelta(days=4)).replace(second=0, microsecond=0)
    window = a_window(
        Scope(contract=instance.line.contract), start, at=LONG_BEFORE, movable_hours=12
    )
    occurrence = window.occurrences.get()
    services.announce(occurrence.pk, at=LONG_BEFORE)
    path, later = f"/windows/times/{occurrence.reference}/move", start + 6 * HOUR
    client = owner_of(instance)
    reference = instance.line.contract.reference
    assert path in client.get(f"/windows/of-contract/{reference}").content.decode()

    too_far = {"starts_at": f"{start + 13 * HOUR:%Y-%m-%dT%H:%M}"}
    answer = client.post(path, too_far)
    assert (answer.status_code, "at most 12 hours" in answer.content.decode()) == (422, True)
    wanted = {"starts_at": f"{later:%Y-%m-%dT%H:%M}"}
    assert signed_in(a_customer("Stranger"), Role.OWNER).post(path, wanted).status_code == 404
    assert client.post(path, wanted).status_code == 302
    assert Occurrence.objects.get().starts_at == later


def test_the_status_page_shows_planned_work_and_does_not_call_it_a_failure() -> None:
    node = a_node(region="lille", state="unreachable")
    a_node("other", region="lille")
    at = now()
    [lille] = regions(at)
    assert (lille.state, list(lille.planned)) == ("degraded", [])

    occurrence = a_told_time(node, at - timedelta(minutes=10))

    [lille] = regions(at)
    assert (lille.state, list(lille.planned)) == ("maintenance", [occurrence])
    page = Client().get("/status/").content.decode()
    assert "Planned work: lille" in page
    assert node.name not in page


def test_a_time_is_called_off_with_a_reason() -> None:
    node = a_node()
    occurrence = a_told_time(node, now() + timedelta(days=4))
    path = f"/windows/times/{occurrence.reference}/cancel"
    an_operator().post(path, {})
    assert Occurrence.objects.get().cancelled_at is None
    an_operator().post(path, {"why": "not needed"})
    assert Occurrence.objects.get().cancelled_at is not None
    page = an_operator().get(f"/windows/{occurrence.window.reference}").content.decode()
    assert "not needed" in page


def test_the_pages_of_windows_cost_the_same_however_many(
    django_assert_max_num_queries: object,
) -> None:
    operator = an_operator()
    operator.get("/windows/")
    for number in range(4):
        a_told_time(a_node(f"n{number}"), now() + timedelta(days=4))
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        operator.get("/windows/")
