"""Every call of the API, with whatever its description allows: nothing fails, and every answer is
what the description says. Real objects stand behind the addresses, everything is permitted, and
what a call changed is taken back after its operation.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import LazySettings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.urls import Resolver404, resolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from config.api_schema import document
from erp.customers import tokens
from erp.customers.models import Member, Organisation
from erp.customers.states import Right, Role
from tests.access import rows
from tests.erp.builders import NOON, Tree, a_member, a_plan, a_price_list, a_tree

# 150 operations; the whole takes less than 90 s on two cores.
EXAMPLES = 10
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = [one.ok() for one in SCHEMA.get_all_operations() if isinstance(one, Ok)]
RESOURCES = sorted({one.path.split("/")[3] for one in OPERATIONS})


@pytest.fixture
def tree(db: None) -> Tree:
    made = a_tree()
    plan = a_plan(made.provider)
    for seller in (made.provider, made.reseller, made.other_reseller):
        a_price_list(seller, plan)
    return made


@pytest.fixture
def token(tree: Tree, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> str:
    """Return a token of the provider that may do everything there is."""
    everything = frozenset(Right)
    monkeypatch.setattr("erp.customers.models.rights_given", lambda kind, role: everything)
    settings.API_PER_MINUTE = 10**9
    member = Member.objects.get(user=a_member(tree.provider, Role.OWNER))
    return tokens.make(member, name="all", scopes=everything, days=None, at=NOON)[1]


@pytest.fixture
def application() -> Iterator[Any]:
    """Return the portal as a server calls it, on the connection of the test."""
    signals = (request_started, request_finished)
    for one in signals:
        one.disconnect(close_old_connections)
    yield get_wsgi_application()
    for one in signals:
        one.connect(close_old_connections)


def places(path: str, targets: list[Organisation]) -> Iterator[dict[str, Any]]:
    """Yield arguments that name real objects, for a path that takes some."""
    shown = path.replace("{position}", "1").replace("{item}", "1").replace("{id}", "1")
    shown = shown.replace("{name}", "aged").replace("{", "").replace("}", "")
    try:
        name = resolve(shown).view_name
    except Resolver404:
        return
    for target in targets if name in rows.ROWS else ():
        found = rows.ROWS[name](target)
        if found:
            yield found


def known_words(tree: Tree) -> dict[str, list[Any]]:
    """Return, for what bodies and queries name, things that are there."""
    customer, plan = tree.customer, rows.offer_of(tree.provider)
    made = {
        "invoice": rows.invoice_of(customer), "instance": rows.instance_of(customer),
        "service": rows.contract_of(customer), "payment": rows.receipt_of(customer),
    }  # fmt: skip
    words: dict[str, list[Any]] = {name: [row.reference] for name, row in made.items() if row}
    organisations = [customer.reference, tree.provider.reference, tree.reseller.reference]
    for name in ("organisation", "parent", "customer", "books", "issuer", "seller"):
        words[name] = organisations
    assert plan is not None, "the provider has an offer"
    more = {"offer": [plan.reference], "plan": ["small"], "product": ["site"], "currency": ["EUR"]}
    return words | more


def with_known(case: Case[Any], words: dict[str, list[Any]], data: st.DataObject) -> None:
    """Put things that are there where the call names something."""
    for part in (case.body, case.query):
        if isinstance(part, dict):
            for name in set(part) & set(words):
                if data.draw(st.booleans(), label=f"a known {name}"):
                    part[name] = data.draw(st.sampled_from(words[name]), label=name)


def test_every_operation_can_be_read() -> None:
    said = sum(len(methods) for methods in document()["paths"].values())
    assert len(OPERATIONS) == said


@pytest.mark.timeout(600)
@pytest.mark.parametrize("resource", RESOURCES)
def test_a_call_never_fails_nor_answers_what_it_does_not_say(
    tree: Tree, token: str, application: Any, resource: str
) -> None:
    words = known_words(tree)
    headers = {"Authorization": f"Bearer {token}"}
    targets = [tree.customer, tree.provider, tree.reseller]
    mine = [one for one in OPERATIONS if one.path.split("/")[3] == resource]
    assert mine

    for operation in mine:
        there = list(places(operation.path, targets))
        known = [operation.as_strategy(path_parameters=one) for one in there]

        @settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=st.one_of(*known, operation.as_strategy()), data=st.data())
        def holds(case: Case[Any], data: st.DataObject) -> None:
            with_known(case, words, data)
            answer = case.call(base_url="http://127.0.0.1", headers=headers, app=application)
            case.validate_response(answer, checks=CHECKS)

        with transaction.atomic():
            holds()
            transaction.set_rollback(True)
