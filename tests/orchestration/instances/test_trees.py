"""What a release needs is requested with it, and follows it."""

from datetime import timedelta

import pytest

from erp.base.journal import history
from erp.contracts.models import Contract, ContractLine
from erp.contracts.states import State as Contracted
from orchestration.audit import instances_belong_to_who_ordered_them
from orchestration.instances import queries, services, tasks
from orchestration.instances.children import EndlessTree
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State
from orchestration.releases.queries import UnknownProduct
from tests.orchestration.builders import NOON, a_line, a_release
from tests.orchestration.instances.trees import application, profiled, releases_of_a_tree

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def line() -> ContractLine:
    line = a_line(parameters={"title": "me"}, limits={"open_files": 9})
    releases_of_a_tree()
    return line


def follow(line: ContractLine, state: str = "") -> Instance:
    contracts = Contract.objects.filter(pk=line.contract_id)
    if state:
        contracts.update(state=state, state_since=LATER)
    services.follow_contract(contracts.get(), at=LATER)
    return Instance.objects.get(line=line, parent=None)


def publish(child: Instance, url: str) -> None:
    sealed = services.sealed_connection(child, {"url": url})
    Instance.objects.filter(pk=child.pk).update(connection_sealed=sealed)


def test_children_are_requested_with_their_parent_once_and_for_its_line(
    line: ContractLine,
) -> None:
    parent = follow(line)
    follow(line)
    children = list(parent.children.order_by("name"))
    assert [(one.name, one.release.product) for one in children] == [
        ("cache", "cache"),
        ("database", "postgresql"),
    ]
    database = children[1]
    assert database.parameters == {"user": "u-me", "connections": 7}
    assert (database.line, database.organisation) == (line, parent.organisation)
    assert (database.state, database.requested_state) == ("waiting", "started")
    assert database.limits == {"open_files": 9}
    assert services.secrets_of(database) != services.secrets_of(parent)
    assert history(database).get().why == f"{parent.reference} needs it"


def test_children_change_stop_and_go_with_their_parent(line: ContractLine) -> None:
    database = follow(line).children.get(name="database")
    ContractLine.objects.filter(pk=line.pk).update(parameters={"title": "new", "size": 9})
    follow(line)
    database.refresh_from_db()
    assert (database.parameters, database.generation) == ({"user": "u-new", "connections": 9}, 2)
    follow(line, Contracted.SUSPENDED)
    database.refresh_from_db()
    assert database.requested_state == "stopped"
    follow(line, Contracted.ENDED)
    contract = Contract.objects.get(pk=line.contract_id)
    services.follow_contract(contract, at=LATER + timedelta(days=14))
    assert set(Instance.objects.values_list("requested_state", "state")) == {("destroyed", "wiped")}


def test_a_child_that_is_needed_no_more_is_destroyed(line: ContractLine) -> None:
    follow(line)
    application([{"name": "cache", "product": "cache"}])
    ContractLine.objects.filter(pk=line.pk).update(parameters={})
    parent = follow(line)
    states = dict(parent.children.values_list("name", "requested_state"))
    assert states == {"cache": "started", "database": "destroyed"}


def test_nothing_is_requested_when_a_part_of_it_cannot_be(line: ContractLine) -> None:
    application([{"name": "a", "product": "cache"}, {"name": "b", "product": "nothing"}])
    with pytest.raises(UnknownProduct, match="No release of nothing is published"):
        follow(line)
    assert not Instance.objects.exists()


def test_a_release_that_needs_itself_through_others_is_refused(line: ContractLine) -> None:
    profiled("cache", {"default": {"children": [{"name": "a", "product": "static-site"}]}})
    with pytest.raises(EndlessTree) as refusal:
        follow(line)
    told = "static-site/default needs cache/default needs static-site/default"
    assert told in str(refusal.value)
    assert not Instance.objects.exists()


def test_a_tree_is_not_too_deep(line: ContractLine) -> None:
    application([{"name": "a", "product": "deep-1"}])
    for number in range(1, 6):
        needs = [{"name": "a", "product": f"deep-{number + 1}"}]
        profiled(f"deep-{number}", {"default": {"children": needs}})
    a_release("deep-6")
    with pytest.raises(EndlessTree):
        follow(line)
    profiled("deep-4", {"default": {}})
    follow(line)
    assert Instance.objects.count() == 5


def test_what_children_publish_is_a_new_generation_of_their_parent_once(
    line: ContractLine,
) -> None:
    parent = follow(line)
    assert not queries.behind_children().exists()
    publish(parent.children.get(name="database"), "postgresql://one")
    assert list(queries.behind_children()) == [parent]
    tasks.sweep_inputs()
    tasks.sweep_inputs()
    tasks.take_inputs(instance=parent.pk)
    parent.refresh_from_db()
    assert parent.generation == 2
    publish(parent.children.get(name="database"), "postgresql://two")
    tasks.take_inputs(instance=parent.pk)
    tasks.take_inputs(instance=parent.pk)
    parent.refresh_from_db()
    assert parent.generation == 3
    assert not queries.behind_children().exists()
    assert [row.event for row in history(parent)] == ["requested", "changed", "changed"]


def test_an_instance_that_should_not_run_is_given_nothing_new(line: ContractLine) -> None:
    parent = follow(line, Contracted.ACTIVE)
    publish(parent.children.get(name="database"), "postgresql://one")
    follow(line, Contracted.SUSPENDED)
    assert not queries.behind_children().exists()
    services.take_inputs(parent.pk, at=LATER)
    parent.refresh_from_db()
    assert (parent.generation, parent.inputs) == (2, "")


def test_a_child_that_never_found_a_place_goes_without_one(line: ContractLine) -> None:
    parent = follow(line)
    services.request_change(
        parent,
        state=Requested.DESTROYED,
        parameters=parent.parameters,
        limits=parent.limits,
        at=LATER,
    )
    assert set(Instance.objects.values_list("state", flat=True)) == {State.WIPED}


def test_the_audit_finds_a_child_of_another_line(line: ContractLine) -> None:
    child = follow(line).children.get(name="cache")
    assert instances_belong_to_who_ordered_them() == []
    Instance.objects.filter(pk=child.pk).update(line=a_line(line.organisation))
    told = [f"{child.reference} is of another line than its parent"]
    assert instances_belong_to_who_ordered_them() == told
