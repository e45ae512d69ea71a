"""Every URL, every role, every place in the tree: nobody reaches what is outside their own.

The resolver is walked, so that a URL that is added later is tried too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from erp.customers.models import Organisation
from erp.customers.states import ROLES
from tests.access import rows
from tests.erp.builders import Tree, a_member, a_plan, a_price_list, a_tree

HIDDEN = {403, 404, 405}
METHODS = ("get", "post")


def _walk(patterns: list[Any], space: str = "") -> Iterator[tuple[str, bool, Any]]:
    """Yield each name with its namespaces, whether it takes arguments, and its view."""
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _walk(
                one.url_patterns, f"{space}{one.namespace}:" if one.namespace else space
            )
        elif isinstance(one, URLPattern):
            takes = one.pattern.converters or one.pattern.regex.groupindex
            yield f"{space}{one.name}", bool(takes), one.callback


_WALKED = list(_walk(get_resolver().url_patterns))
URLS = {name: takes for name, takes, _ in _WALKED}
# A door for programs knows its methods; to a page, both may be tried.
_DOORS = {name: tuple(getattr(view, "actions", None) or METHODS) for name, _, view in _WALKED}
OURS = sorted(name for name in URLS if not name.startswith(rows.NOT_OURS))
WITH_OBJECT = [name for name in OURS if URLS[name]]
WITHOUT_OBJECT = [name for name in OURS if not URLS[name]]


@dataclass
class World:
    """A tree with one member per role, and a session for each."""

    tree: Tree
    people: list[tuple[str, Organisation, Client]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for organisation in (self.tree.provider, self.tree.reseller, self.tree.customer):
            for role in sorted(ROLES[organisation.kind]):
                client = Client(raise_request_exception=False)
                client.force_login(a_member(organisation, role))
                self.people.append((f"{organisation.kind} {role}", organisation, client))

    @property
    def targets(self) -> list[Organisation]:
        return list(vars(self.tree).values())


@pytest.fixture
def world(db: None) -> World:
    tree = a_tree()
    plan = a_plan(tree.provider)
    for seller in (tree.provider, tree.reseller, tree.other_reseller):
        a_price_list(seller, plan)
    return World(tree)


def _status(client: Client, method: str, name: str, kwargs: dict[str, Any] | None = None) -> int:
    return int(_ask(client, method, name, kwargs).status_code)


def _ask(client: Client, method: str, name: str, kwargs: dict[str, Any] | None = None) -> Any:
    path = reverse(name, kwargs=kwargs)
    if method == "get":
        return client.get(path)
    kind: dict[str, Any] = {"content_type": "application/json"} if name.startswith("api:") else {}
    return getattr(client, method)(path, {}, **kind)


def test_every_url_with_an_object_has_a_row() -> None:
    missing = sorted(set(WITH_OBJECT) - set(rows.ROWS))
    gone = sorted(set(rows.ROWS) - set(WITH_OBJECT))

    assert missing == [], (
        f"{', '.join(missing)}: say in ROWS of tests/access/rows.py how to make the object of this "
        "URL for an organisation, so that it is tried with every role from every place."
    )
    assert gone == [], f"{', '.join(gone)}: remove the rows from tests/access/rows.py."


def test_every_url_has_a_name() -> None:
    assert [name for name in URLS if name.endswith("None")] == []


@pytest.mark.parametrize("name", [name for name in WITH_OBJECT if name in rows.ROWS])
def test_nobody_reaches_an_object_outside_their_tree(world: World, name: str) -> None:
    wrong, reached = [], set()
    for target in world.targets:
        kwargs = rows.ROWS[name](target)
        if kwargs is None:
            continue
        for who, organisation, client in world.people:
            for method in _DOORS[name]:
                status = _status(client, method, name, kwargs)
                inside = target.path.startswith(organisation.path)
                if status >= 500 or not (inside or status in HIDDEN):
                    wrong.append(f"{method} by {who} on {target.name}: {status}")
                if inside and status not in HIDDEN:
                    reached.add(who)
    assert wrong == []
    assert reached, "no role reaches its own object: is the row right?"


@pytest.mark.parametrize("name", WITHOUT_OBJECT)
def test_no_page_names_what_is_outside_the_readers_tree(world: World, name: str) -> None:
    marks = _marks(world)
    wrong = []
    for who, organisation, client in world.people:
        for method in _DOORS[name]:
            answer = _ask(client, method, name)
            if answer.status_code >= 500:
                wrong.append(f"{method} by {who}: {answer.status_code}")
            text = _text(answer)
            wrong += [
                f"{method} by {who} shows {mark} of {target.name}"
                for target in world.targets
                if not target.path.startswith(organisation.path)
                for mark in marks[target.pk]
                if mark in text
            ]
    assert wrong == []


def _marks(world: World) -> dict[int, list[str]]:
    """Return, per organisation, what no stranger may read: references of what it has."""
    makers = (rows.contract_of, rows.order_of, rows.ticket_of, rows.instance_of, rows.invoice_of)
    marks = {}
    for target in world.targets:
        made = [make(target) for make in makers]
        marks[target.pk] = [str(row.reference) for row in made if row] + [target.email]
    return marks


def _text(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode(errors="replace"))


@pytest.mark.parametrize("name", OURS)
def test_a_stranger_is_sent_to_sign_in(world: World, name: str) -> None:
    kwargs = None
    if URLS[name]:
        made = (rows.ROWS[name](target) for target in world.targets)
        kwargs = next(one for one in made if one)
    for method in _DOORS[name]:
        answer = _ask(Client(), method, name, kwargs)
        if name in rows.PUBLIC:
            assert answer.status_code < 500
        elif answer.status_code == 302:
            assert answer.headers["Location"].startswith("/accounts/login/?next=")
        else:
            assert answer.status_code in {401, 403, 405}


@pytest.mark.parametrize("name", sorted(n for n in URLS if n.startswith(rows.NOT_OURS)))
def test_pages_of_the_sign_in_never_fail(db: None, name: str) -> None:
    kwargs = {"account_confirm_email": {"key": "x"}}.get(name)
    if name == "account_reset_password_from_key":
        kwargs = {"uidb36": "1", "key": "x"}
    signed_in = Client(raise_request_exception=False)
    signed_in.force_login(User.objects.create_user("a@b.example", "a@b.example"))

    assert _status(Client(raise_request_exception=False), "get", name, kwargs) < 500
    assert _status(signed_in, "get", name, kwargs) < 500
