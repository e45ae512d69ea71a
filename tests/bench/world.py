"""A world of any size: valid rows made from one real example, by one statement per table."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from erp.base import scope
from erp.base.identifiers import reference
from erp.base.secrets import seal
from erp.contracts.models import Contract, ContractLine
from erp.customers.models import Organisation
from orchestration.allocation import services as allocation
from orchestration.convergence.documents import FORM, SOURCE
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.node_agent.bundle import version
from orchestration.nodes.models import ComputeNode, ComputePartition, NodeLease
from tests.orchestration.builders import NOON, a_customer, a_line, a_node

PER_NODE, PER_CUSTOMER = 20, 100
# Keys of what is made begin here, so that one row's key is another's number.
BASE = 1_000_000
# Who is made visits nobody and is visited by nobody until the benchmark says so.
NEVER = "'2100-01-01'::timestamptz"
PARAMETERS = {"title": "One page of very many", "text": "word " * 20}

# Every node has what it should, under a revision of its own.
_SETTLE = f"""
UPDATE orchestration_computenode node
SET desired_source = ({SOURCE} node.id), desired_revision = md5(reference),
    applied_revision = md5(reference)
WHERE id >= {BASE}
"""


@dataclass(frozen=True, slots=True)
class Example:
    """An instance that runs on a node: what all others are copies of."""

    rows: Mapping[type[Model], Model]

    @classmethod
    def make(cls) -> "Example":
        """Make it by the product's own functions."""
        line = a_line(a_customer("Example"), parameters=PARAMETERS)
        node = a_node("example", partitions=1, facts={"memory_bytes": 2**36}, host="192.0.2.1")
        lease = NodeLease.objects.create(organisation=node.organisation, node=node)
        instances.follow_contract(line.contract, at=NOON)
        instance = Instance.objects.get(line=line)
        assert allocation.place(instance.pk, at=NOON)
        Instance.objects.filter(pk=instance.pk).update(
            state="started", observed_generation=1, first_started_at=NOON
        )
        node.state = "closed"
        ComputeNode.objects.filter(pk=node.pk).update(state="closed")
        found = (line.organisation, node, lease, node.partitions.get(), line.contract, line)
        return cls({type(row): row for row in (*found, instance)})


def grow(example: Example, before: int, nodes: int) -> None:
    """Make the nodes from number `before` to `nodes`, each with twenty instances that run.

    The owner role makes them: keys are given.
    """
    with as_owner() as cursor:
        _bring_secrets(cursor, before * PER_NODE, nodes * PER_NODE)
        for model, per_node, columns in TABLES:
            first, last = int(before * per_node), int(nodes * per_node)
            clone(cursor, example.rows[model], first, last, columns)
        cursor.execute(_SETTLE, {"form": FORM})
        cursor.execute("ANALYZE")


@contextlib.contextmanager
def as_owner() -> Iterator[CursorWrapper]:
    """Speak to the benchmark's database as the role that owns its tables."""
    owner = connections["owner"]
    owner.settings_dict["NAME"] = connections["default"].settings_dict["NAME"]
    owner.close()
    with scope.everything("a world is made"), owner.cursor() as cursor:
        yield cursor
    owner.close()


def _bring_secrets(cursor: CursorWrapper, first: int, last: int) -> None:
    """Secrets are bound to the reference of their instance: only we can seal them."""
    text = io.StringIO()
    for number in range(first, last):
        name = reference("I")
        sealed = seal('{"password": "0123456789abcdef01234567"}', where=f"instance:{name}:secrets")
        text.write(f"{number}\t{name}\t{sealed}\n")
    text.seek(0)
    cursor.execute("DROP TABLE IF EXISTS secret")
    cursor.execute("CREATE TEMPORARY TABLE secret (n bigint PRIMARY KEY, name text, sealed text)")
    cursor.copy_expert("COPY secret FROM STDIN", text)


def clone(
    cursor: CursorWrapper, row: Model, first: int, last: int, columns: Mapping[str, str]
) -> None:
    """Copy a row, with other values in some columns; `n` numbers the copies."""
    table, key = row._meta.db_table, f"{BASE} + n"
    names = [str(field.column) for field in row._meta.concrete_fields]
    values = [{"id": key, **columns}.get(name, f'example."{name}"') for name in names]
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(map(_quoted, names))}) SELECT {', '.join(values)} "
        f"FROM {table} example, generate_series(%s, %s) AS n "
        f"{'JOIN secret USING (n)' if 'secrets_sealed' in names else ''} WHERE example.id = %s",
        [first, last - 1, row.pk],
    )


def _quoted(name: str) -> str:
    return f'"{name}"'


def named(letter: str) -> str:
    return f"'{letter}-' || lpad(n::text, 8, '0')"


_NODE, _CUSTOMER = f"{BASE} + n / {PER_NODE}", f"{BASE} + n / {PER_CUSTOMER}"
_SELF = f"{BASE} + n"
# In the order of who refers to whom: the model, how many per node, and what differs.
TABLES: tuple[tuple[type[Model], float, Mapping[str, str]], ...] = (
    (
        Organisation,
        PER_NODE / PER_CUSTOMER,
        {
            "reference": named("O"),
            "path": f"split_part(example.path, '/', 1) || '/' || {named('O')} || '/'",
        },
    ),
    (
        ComputeNode,
        1,
        {
            "reference": named("N"), "name": "'node-' || n", "host": "'node-' || n",
            "state": "'ready'", "next_attempt_at": NEVER, "agent_version": f"'{version()}'",
        },
    ),
    (NodeLease, 1, {"node_id": _SELF}),
    (
        ComputePartition,
        PER_NODE,
        {
            "node_id": _NODE, "name": f"'p' || mod(n, {PER_NODE})",
            "port_first": f"21000 + 10 * mod(n, {PER_NODE})",
        },
    ),
    (Contract, PER_NODE, {"reference": named("C"), "organisation_id": _CUSTOMER}),
    (ContractLine, PER_NODE, {"contract_id": _SELF, "organisation_id": _CUSTOMER}),
    (
        Instance,
        PER_NODE,
        {
            "reference": "secret.name", "secrets_sealed": "secret.sealed", "line_id": _SELF,
            "organisation_id": _CUSTOMER, "node_id": _NODE, "partition_id": _SELF,
        },
    ),
)  # fmt: skip
