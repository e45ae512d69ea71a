"""The usage of a line is shown to who may see it, with how it was counted, in words."""

import pytest

from erp.base.doors import now
from erp.customers.states import Role
from orchestration.metering.services import store
from tests.orchestration.builders import a_node
from tests.orchestration.metering.test_storing import an_instance_on
from tests.orchestration.metering.test_weeks import ending
from tests.orchestration.nodes import signed_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["hour", "day", "month", "year"])
def test_every_range_shows_the_sum_and_how_it_was_counted(name: str) -> None:
    node = a_node()
    instance = an_instance_on(node)
    at = now()
    sample = ending(instance, 1, at, "2.5") | {"accuracy": "cgroup v2"}
    store(node, epoch="e", samples=[sample], at=at)
    client = signed_in(instance.organisation, Role.OWNER)
    page = client.get(f"/metering/of-line/{instance.line_id}?range={name}").content.decode()
    assert f"In this {name}: 2.500000 s." in page
    assert "exact, short-lived processes included" in page
    assert page.count('aria-current="true"') == 1
