"""The answer to `erp.ports.UsageSource`: usage from stored samples."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from erp.base.periods import Period, merged
from erp.ports import Reading, SampleView, Usage
from orchestration.instances.models import Instance
from orchestration.metering.models import Sample
from orchestration.nodes.models import ComputeNode

# Whole hours from their sums, the edges from the samples, and so the hours in which something came
# after the cut-off.
_USAGE = """
SELECT line, meter, unit, sum(quantity) AS quantity, sum(samples)::bigint AS samples,
    min(first_at) AS first_at, max(last_at) AS last_at
FROM (
    SELECT line, meter, unit, quantity, samples, first_at, last_at FROM orchestration_usagesum
    WHERE line = ANY(%(lines)s) AND hours = 1 AND stored_at < %(before)s
      AND starts_at >= %(first)s AND starts_at < %(last)s
    UNION ALL
    SELECT line, meter, unit, quantity, 1, starts_at, ends_at FROM orchestration_sample
    WHERE line = ANY(%(lines)s) AND stored_at < %(before)s
      AND ends_at > %(start)s AND ends_at <= %(first)s
    UNION ALL
    SELECT line, meter, unit, quantity, 1, starts_at, ends_at FROM orchestration_sample
    WHERE line = ANY(%(lines)s) AND stored_at < %(before)s
      AND ends_at > %(last)s AND ends_at <= %(end)s
    UNION ALL
    SELECT s.line, s.meter, s.unit, s.quantity, 1, s.starts_at, s.ends_at
    FROM orchestration_usagesum late JOIN orchestration_sample s
      ON (s.line, s.meter, s.unit) = (late.line, late.meter, late.unit)
     AND s.ends_at > late.starts_at AND s.ends_at <= late.starts_at + interval '1 hour'
     AND s.ends_at > %(first)s AND s.ends_at <= %(last)s
    WHERE late.line = ANY(%(lines)s) AND late.hours = 1 AND late.stored_at >= %(before)s
      AND late.starts_at >= %(first)s AND late.starts_at < %(last)s AND s.stored_at < %(before)s
) AS part
GROUP BY line, meter, unit ORDER BY line, meter, unit
"""


class StoredUsage:
    """Reads samples and their sums; a sample belongs to the period in which it ends."""

    def usage(
        self, *, lines: Collection[int], period: Period, stored_before: datetime
    ) -> Sequence[Usage]:
        """Return usage per line and meter; a meter without samples is absent.

        To the last digit what adding up the samples would be, whatever the hour of the bounds.
        """
        first, last = whole_hours(period)
        facts: dict[str, Any] = {
            "lines": list(lines),
            "before": stored_before,
            "start": period.start,
            "first": first,
            "last": last,
            "end": period.end,
        }
        with connection.cursor() as cursor:
            cursor.execute(_USAGE, facts)
            return [Usage(*row) for row in cursor.fetchall()]

    def samples(
        self, *, line: int, meter: str, period: Period, stored_before: datetime, limit: int
    ) -> Sequence[SampleView]:
        """Return the newest raw samples behind one usage, at most `limit`."""
        found = Sample.objects.filter(
            line=line,
            meter=meter,
            ends_at__gt=period.start,
            ends_at__lte=period.end,
            stored_at__lt=stored_before,
        ).order_by("-ends_at", "-sequence")[:limit]
        nodes = ComputeNode.objects.in_bulk({sample.node for sample in found})
        instances = Instance.objects.in_bulk({sample.instance for sample in found})
        return [
            SampleView(
                key=f"{sample.epoch}:{sample.sequence}",
                meter=sample.meter,
                unit=sample.unit,
                quantity=sample.quantity,
                starts_at=sample.starts_at,
                ends_at=sample.ends_at,
                node=nodes[sample.node].name if sample.node in nodes else "",
                instance=instances[sample.instance].reference
                if sample.instance in instances
                else "",
                stored_at=sample.stored_at,
            )
            for sample in found
        ]

    def readings(
        self,
        *,
        lines: Collection[int],
        meters: Collection[str],
        period: Period,
        stored_before: datetime,
    ) -> Sequence[Reading]:
        """Return the samples that `usage` adds up; the subject is the instance."""
        found = Sample.objects.filter(
            line__in=lines,
            meter__in=meters,
            ends_at__gt=period.start,
            ends_at__lte=period.end,
            stored_at__lt=stored_before,
        )
        columns = ("line", "meter", "quantity", "starts_at", "ends_at", "instance")
        rows = found.order_by("ends_at", "sequence").values_list(*columns)
        return [
            Reading(line, meter, quantity, starts_at, ends_at, str(instance))
            for line, meter, quantity, starts_at, ends_at, instance in rows
        ]

    def converged(
        self, *, lines: Collection[int], period: Period
    ) -> Mapping[int, Sequence[Period]]:
        """Return when each line's service existed: first passing promises to confirmed wipe."""
        existed = Instance.objects.filter(
            line__in=lines, parent=None, first_started_at__lt=period.end
        )
        found: dict[int, list[Period]] = defaultdict(list)
        for instance in existed.only("line_id", "first_started_at", "wiped_at"):
            assert instance.first_started_at is not None, "the filter asked for it"
            start = max(instance.first_started_at, period.start)
            end = min(instance.wiped_at or period.end, period.end)
            if start < end:
                found[instance.line_id].append(Period(start, end))
        return {line: merged(periods) for line, periods in found.items()}


def whole_hours(period: Period) -> tuple[datetime, datetime]:
    """Return the bounds of the whole hours in a period; twice its end when there are none."""
    down = period.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = down if down == period.start else down + timedelta(hours=1)
    last = period.end.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return (first, last) if first < last else (period.end, period.end)
