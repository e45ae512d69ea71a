"""Store what nodes measured: every sample once, whatever is sent again."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from erp.base.errors import DomainError
from orchestration.instances.models import Instance
from orchestration.metering.samples import Reading, parse
from orchestration.nodes.models import ComputeNode


class SampleReused(DomainError):
    """A node sent another sample under a sequence number that is taken."""

    code = "sample_reused"


_MERGE = """
INSERT INTO orchestration_sample (organisation_id, node, epoch, sequence, instance, line, meter,
    unit, quantity, accuracy, starts_at, ends_at, stored_at)
SELECT organisation_id, %(node)s, %(epoch)s, sequence, instance, line, meter,
    unit, quantity, accuracy, starts_at, ends_at, %(at)s
FROM json_to_recordset(%(rows)s::json) AS row(
    organisation_id bigint, sequence bigint, instance bigint, line bigint, meter text, unit text,
    quantity numeric, accuracy text, starts_at timestamptz, ends_at timestamptz)
ON CONFLICT (node, epoch, sequence) DO NOTHING
"""

_DIFFERENT = """
SELECT min(row.sequence)
FROM json_to_recordset(%(rows)s::json) AS row(
    sequence bigint, instance bigint, meter text, quantity numeric,
    starts_at timestamptz, ends_at timestamptz)
JOIN orchestration_sample stored
  ON stored.node = %(node)s AND stored.epoch = %(epoch)s AND stored.sequence = row.sequence
WHERE (stored.instance, stored.meter, stored.quantity, stored.starts_at, stored.ends_at)
   IS DISTINCT FROM (row.instance, row.meter, row.quantity, row.starts_at, row.ends_at)
"""


@transaction.atomic
def store(
    node: ComputeNode, *, epoch: str, samples: Sequence[Mapping[str, Any]], at: datetime
) -> int:
    """Store a batch from one node's spool and return the position to acknowledge.

    Two statements, however many samples. Samples of instances that were never on this node are
    left out: a node speaks for its own only.

    Raises:
        BadSamples: something in the batch cannot be right; nothing was stored.
        SampleReused: a sequence number came back with other content; nothing was stored.
    """
    readings = parse(samples, at=at)
    if not readings:
        return node.spool_position if node.spool_epoch == epoch else 0
    rows = json.dumps(_rows(node, readings))
    facts: dict[str, Any] = {"node": node.pk, "epoch": epoch, "at": at, "rows": rows}
    with connection.cursor() as cursor:
        cursor.execute(_MERGE, facts)
        cursor.execute(_DIFFERENT, facts)
        different = cursor.fetchone()[0]
    if different is not None:
        raise SampleReused(f"Sample {different} of {node.name} came again with other content.")
    return max(reading.sequence for reading in readings)


def _rows(node: ComputeNode, readings: Sequence[Reading]) -> list[dict[str, Any]]:
    known = Instance.objects.filter(
        node_id=node.pk, reference__in={reading.instance for reading in readings}
    )
    keys = {
        reference: {"instance": pk, "line": line, "organisation_id": organisation}
        for reference, pk, line, organisation in known.values_list(
            "reference", "pk", "line_id", "organisation_id"
        )
    }
    return [
        keys[reading.instance]
        | {
            "sequence": reading.sequence,
            "meter": reading.meter,
            "unit": reading.unit,
            "quantity": str(reading.quantity),
            "accuracy": reading.accuracy,
            "starts_at": reading.starts_at.isoformat(),
            "ends_at": reading.ends_at.isoformat(),
        }
        for reading in readings
        if reading.instance in keys
    ]
