"""Store what nodes measured: every sample once, whatever is sent again.

Source: docs/adr/0018-samples-by-week.md
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from erp.base.errors import DomainError
from orchestration.instances.models import Instance
from orchestration.metering.samples import BadSamples, Reading, parse
from orchestration.nodes.models import ComputeNode
from orchestration.releases.meters import OF_EVERY_NODE, of_products

# Measured by who keeps it, not by who runs it.
STORED = "backup_gib_hours"


class SampleReused(DomainError):
    """A node sent another sample under a sequence number that is taken."""

    code = "sample_reused"


# Makers of batches of one spool take turns at its row.
_CLAIM = """
INSERT INTO orchestration_spool AS mine (organisation_id, node, epoch, position)
VALUES (%(organisation)s, %(node)s, %(epoch)s, 0)
ON CONFLICT (node, epoch) DO UPDATE SET position = mine.position
RETURNING position, tenantry_make_sample_weeks(%(first)s, %(last)s)
"""

# The samples, what they add up to, and up to where the spool is stored: in one statement, so that
# neither is ever without the others. Sums are written in the order of their key.
_STORE = """
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rows)s::json) AS row(
        organisation_id bigint, sequence bigint, instance bigint, line bigint, meter text,
        unit text, quantity numeric, accuracy text, starts_at timestamptz, ends_at timestamptz)
), moved AS (
    UPDATE orchestration_spool SET position = %(position)s
    WHERE node = %(node)s AND epoch = %(epoch)s
), summed AS (
    INSERT INTO orchestration_usagesum AS known (organisation_id, line, hours, starts_at, meter,
        unit, quantity, samples, accuracy, first_at, last_at, stored_at)
    SELECT max(organisation_id), line, width.hours,
        tenantry_usage_slot(make_interval(hours => width.hours), ends_at), meter, unit,
        sum(quantity), count(*), max(accuracy), min(starts_at), max(ends_at), %(at)s
    FROM incoming CROSS JOIN (VALUES (1), (24)) AS width(hours)
    GROUP BY 2, 3, 4, 5, 6 ORDER BY 2, 3, 4, 5, 6
    ON CONFLICT (line, hours, starts_at, meter, unit) DO UPDATE SET
        quantity = known.quantity + excluded.quantity,
        samples = known.samples + excluded.samples,
        accuracy = excluded.accuracy,
        first_at = least(known.first_at, excluded.first_at),
        last_at = greatest(known.last_at, excluded.last_at),
        stored_at = greatest(known.stored_at, excluded.stored_at)
)
INSERT INTO orchestration_sample (organisation_id, node, epoch, sequence, instance, line, meter,
    unit, quantity, accuracy, starts_at, ends_at, stored_at)
SELECT organisation_id, %(node)s, %(epoch)s, sequence, instance, line, meter,
    unit, quantity, accuracy, starts_at, ends_at, %(at)s
FROM incoming
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

    Three statements, however many samples. What is numbered up to the stored position came before:
    it is compared, and never stored again. Samples of instances that were never on this node are
    left out: a node speaks for its own only.

    Raises:
        BadSamples: something in the batch cannot be right; nothing was stored.
        SampleReused: a sequence number came back with other content; nothing was stored.
    """
    readings = _each_once(node, parse(samples, at=at))
    if not readings:
        return node.spool_position if node.spool_epoch == epoch else 0
    stored = _claim(node, epoch, readings)
    position = max(stored, *(reading.sequence for reading in readings))
    facts: dict[str, Any] = {"node": node.pk, "epoch": epoch, "at": at, "position": position}
    rows = _rows(node, readings)
    with connection.cursor() as cursor:
        before = [row for row in rows if row["sequence"] <= stored]
        if before:
            cursor.execute(_DIFFERENT, facts | {"rows": json.dumps(before)})
            _refuse(node, cursor.fetchone()[0])
        if position > stored:
            new = [row for row in rows if row["sequence"] > stored] if before else rows
            cursor.execute(_STORE, facts | {"rows": json.dumps(new)})
    return position


def _claim(node: ComputeNode, epoch: str, readings: Sequence[Reading]) -> int:
    """Return up to where the spool is stored, with its row locked and its weeks there."""
    facts: dict[str, Any] = {
        "organisation": node.organisation_id,
        "node": node.pk,
        "epoch": epoch,
        "first": min(reading.ends_at for reading in readings),
        "last": max(reading.ends_at for reading in readings),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, facts)
        return int(cursor.fetchone()[0])


def _each_once(node: ComputeNode, readings: Sequence[Reading]) -> list[Reading]:
    """Leave out repeats inside of a batch, like those of a batch before."""
    found = {reading.sequence: reading for reading in readings}
    if len(found) < len(readings):
        for reading in readings:
            _refuse(node, None if found[reading.sequence] == reading else reading.sequence)
    return list(found.values())


def _refuse(node: ComputeNode, different: int | None) -> None:
    if different is not None:
        raise SampleReused(f"Sample {different} of {node.name} came again with other content.")


def _rows(node: ComputeNode, readings: Sequence[Reading]) -> list[dict[str, Any]]:
    columns = ("reference", "pk", "line_id", "organisation_id", "release__product")
    keys, products, may_say = {}, {}, set()
    for is_store, of_whom in ((False, _that_ran_on), (True, _that_are_kept_on)):
        names = {one.instance for one in readings if (one.meter == STORED) == is_store}
        known = of_whom(node, names) if names else Instance.objects.none()
        for reference, pk, line, organisation, product in known.values_list(*columns).distinct():
            keys[reference] = {"instance": pk, "line": line, "organisation_id": organisation}
            products[reference] = product
            may_say.add((reference, is_store))
    mine = [one for one in readings if (one.instance, one.meter == STORED) in may_say]
    _refuse_undeclared(mine, products)
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
        for reading in mine
    ]


def _that_ran_on(node: ComputeNode, names: set[str]) -> QuerySet[Instance]:
    """Return the instances that are on the node, or were and left it: samples may be late."""
    here = Q(node_id=node.pk) | Q(relocations__source_node=node.pk, relocations__generation__gt=0)
    return Instance.objects.filter(here, reference__in=names)


def _that_are_kept_on(node: ComputeNode, names: set[str]) -> QuerySet[Instance]:
    """Return the instances of which the node keeps backups: it speaks of their size alone."""
    kept = Q(line__repositories__store=node.pk) & ~Q(line__repositories__state="gone")
    return Instance.objects.filter(kept, reference__in=names, parent=None)


def _refuse_undeclared(readings: Sequence[Reading], products: Mapping[str, str]) -> None:
    """Refuse a meter that neither every node has nor the instance's software declares."""
    others = [one for one in readings if OF_EVERY_NODE.get(one.meter) != one.unit]
    if not others:
        return
    known = of_products({products[one.instance] for one in others})
    for one in others:
        product = products[one.instance]
        if (product, one.meter, one.unit) not in known:
            raise BadSamples(
                f"Sample {one.sequence}: no release of {product} declares a meter"
                f" {one.meter} in {one.unit}."
            )
