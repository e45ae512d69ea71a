"""What runs, seen by its operator and by its customer; secrets only when asked for."""

import pytest
from django.test import Client

from erp.customers.states import Role
from orchestration.allocation import services as allocation
from orchestration.instances import services
from orchestration.instances.models import Instance
from orchestration.instances.services import sealed_connection
from tests.orchestration.builders import NOON, a_customer, a_line, a_node, a_provider
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.instances.trees import front_end, releases_of_a_tree
from tests.orchestration.nodes import an_operator, signed_in

pytestmark = pytest.mark.django_db
WORDS = "The software could not be prepared. It is tried again by itself."


@pytest.fixture
def instance() -> Instance:
    one = an_instance_on(a_node())
    sealed = sealed_connection(one, {"url": "http://127.0.0.1:21000/", "password": "s3cret-word"})
    Instance.objects.update(connection_sealed=sealed)
    one.refresh_from_db()
    return one


def failing(instance: Instance) -> None:
    """A build that failed, as the node reports it."""
    from erp.base.lifecycle import move

    move(instance, "building", at=NOON, by="node")
    why = "the build failed: pip install ended with 1"
    also = {"log_tail": "$ pip install\nno such package <x>"}
    move(instance, "failed", at=NOON, by="node", why=why, also=also)


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined, no-any-return]


def test_the_operator_sees_steps_parameters_and_history_live(instance: Instance) -> None:
    client = an_operator()
    page = text(client.get(f"/instances/{instance.reference}"))
    assert f'<live-refresh src="/instances/{instance.reference}/live">' in page
    live = text(client.get(f"/instances/{instance.reference}/live"))
    assert "<html" not in live
    for word in ("A place is found", "The software is built", "It answers", "node-1"):
        assert word in live
    assert "s3cret-word" not in page


def test_a_failed_build_is_said_in_words_with_the_end_of_its_log(instance: Instance) -> None:
    failing(instance)
    owner = signed_in(instance.organisation, Role.OWNER)
    pages = [
        text(an_operator().get(f"/instances/{instance.reference}")),
        text(owner.get(f"/instances/of-line/{instance.line_id}")),
    ]
    for page in pages:
        assert WORDS in page
        assert "the build failed: pip install ended with 1" in page
        assert "no such package &lt;x&gt;" in page


def test_a_customer_sees_the_address_and_asks_for_the_secrets(instance: Instance) -> None:
    owner = signed_in(instance.organisation, Role.OWNER)
    page = text(owner.get(f"/instances/of-line/{instance.line_id}"))
    assert "http://127.0.0.1:21000/" in page
    assert f'hx-post="/instances/{instance.reference}/connection"' in page
    assert "s3cret-word" not in page
    shown = owner.post(f"/instances/{instance.reference}/connection")
    assert "s3cret-word" in text(shown)


def test_secrets_need_their_right_and_a_post(instance: Instance) -> None:
    url = f"/instances/{instance.reference}/connection"
    assert signed_in(instance.organisation, Role.OWNER).get(url).status_code == 405
    for role in (Role.READ_ONLY, Role.BILLING):
        reader = signed_in(instance.organisation, role)
        assert reader.post(url).status_code == 403
        assert url not in text(reader.get(f"/instances/of-line/{instance.line_id}"))
    assert an_operator().post(url).status_code == 403
    assert signed_in(a_customer("Other"), Role.OWNER).post(url).status_code == 404
    assert Client().post(url).status_code == 302


def test_instances_are_for_operators_and_a_line_for_its_own_people(instance: Instance) -> None:
    owner = signed_in(instance.organisation, Role.OWNER)
    assert owner.get("/instances/").status_code == 403
    assert owner.get(f"/instances/{instance.reference}").status_code == 403
    assert owner.get(f"/instances/{instance.reference}/live").status_code == 403
    other = signed_in(a_customer("Other"), Role.OWNER)
    assert other.get(f"/instances/of-line/{instance.line_id}").status_code == 404


def test_the_list_is_filtered_by_state(instance: Instance) -> None:
    client = an_operator()
    assert instance.reference in text(client.get("/instances/?state=placed"))
    assert instance.reference not in text(client.get("/instances/?state=started"))
    assert instance.reference in text(client.get("/instances/?state=nonsense&before=x"))


def test_a_line_without_an_instance_says_that_it_is_prepared(instance: Instance) -> None:
    Instance.objects.all().delete()
    owner = signed_in(instance.organisation, Role.OWNER)
    assert "Nothing runs yet" in text(owner.get(f"/instances/of-line/{instance.line_id}"))


def test_the_pages_show_the_parts_of_a_tree_to_whom_they_belong() -> None:
    line = a_line()
    releases_of_a_tree()
    services.follow_contract(line.contract, at=NOON)
    parent = Instance.objects.get(parent=None)
    database = parent.children.get(name="database")
    operators = text(an_operator().get(f"/instances/{parent.reference}"))
    assert f'<a href="/instances/{database.reference}">database</a>' in operators
    child = text(an_operator().get(f"/instances/{database.reference}"))
    assert f'<a href="/instances/{parent.reference}">{parent.reference}</a> as “database”' in child
    customers = text(signed_in(line.organisation, Role.OWNER).get(f"/instances/of-line/{line.pk}"))
    assert "postgresql 1.0.0" in customers


def test_why_no_node_takes_it_is_for_operators_alone() -> None:
    """It names nodes and who runs there, and what an operator wrote for operators."""
    node = a_node("secret-node", state="closed", closed_for="hand", state_reason="a lawsuit")
    line = a_line()
    services.follow_contract(line.contract, at=NOON)
    allocation.place(Instance.objects.get().pk, at=NOON)
    owner = signed_in(line.organisation, Role.OWNER)
    page = text(owner.get(f"/instances/of-line/{line.pk}"))
    assert "It fits on no node yet." in page
    assert not [word for word in (node.name, "lawsuit") if word in page]
    assert "a lawsuit" in text(an_operator().get(f"/instances/of-line/{line.pk}"))


def test_a_customer_is_not_shown_whose_front_end_carries_his_site() -> None:
    front_end()
    hosting, line = a_line(a_provider()), a_line(software_type="site")
    for one in (hosting, line):
        one.product = "front"
        one.save()
        services.follow_contract(one.contract, at=NOON)
    host = Instance.objects.get(line=hosting)
    place = a_node().partitions.get(name="p0")
    Instance.objects.filter(pk=host.pk).update(state="started", partition=place, node=place.node)
    site = Instance.objects.get(line=line)
    assert allocation.place(site.pk, at=NOON)
    operators = text(an_operator().get(f"/instances/{host.reference}"))
    assert f'<a href="/instances/{site.reference}">{site.reference}</a>' in operators
    site_page = text(an_operator().get(f"/instances/{site.reference}"))
    assert f'on <a href="/instances/{host.reference}">{host.reference}</a>' in site_page
    owner = signed_in(line.organisation, Role.OWNER)
    assert host.reference not in text(owner.get(f"/instances/{site.reference}"))
