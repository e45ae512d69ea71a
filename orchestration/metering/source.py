"""The answer to `erp.ports.UsageSource`: usage from stored samples."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from erp.base.periods import Period, merged
from erp.ports import Looked, Reading, SampleView, Usage
from orchestration.instances.models import Instance
from orchestration.metering.models import Sample
from orchestration.nodes.models import ComputeNode

# The planner does not see the constants: no index of other things looks good to it.
_ASKED = """
SELECT *, 1::smallint AS an_hour, 24::smallint AS a_day
FROM unnest(%(lines)s::bigint[], %(starts)s::timestamptz[], %(hours)s::timestamptz[],
    %(days)s::timestamptz[], %(days_end)s::timestamptz[], %(hours_end)s::timestamptz[],
    %(ends)s::timestamptz[])
    AS asked(line, starts_at, hours_at, days_at, days_end_at, hours_end_at, ends_at)
"""
# Whole days from their sums, whole hours beside them from theirs, and the edges from the samples.
# What came after the cut-off makes its day be read by hours, and its hour by samples. Each line is
# looked up by the index: OFFSET 0 keeps the planner from reading a whole table instead.
_USAGE = f"""
WITH asked AS MATERIALIZED ({_ASKED}), days AS MATERIALIZED (
    SELECT day.* FROM asked, LATERAL (
        SELECT * FROM orchestration_usagesum s WHERE s.line = asked.line AND s.hours = asked.a_day
          AND s.starts_at >= asked.days_at AND s.starts_at < asked.days_end_at OFFSET 0) day
), by_hour AS (
    SELECT line, an_hour, '' AS meter, '' AS unit, hours_at AS since, days_at AS until FROM asked
    UNION ALL SELECT line, an_hour, '', '', days_end_at, hours_end_at FROM asked
    UNION ALL
    SELECT line, an_hour, meter, unit, days.starts_at, days.starts_at + interval '24 hours'
        FROM days JOIN asked USING (line) WHERE stored_at >= %(before)s
), hours AS MATERIALIZED (
    SELECT hour.* FROM by_hour, LATERAL (
        SELECT * FROM orchestration_usagesum s
        WHERE s.line = by_hour.line AND s.hours = by_hour.an_hour
          AND s.starts_at >= by_hour.since AND s.starts_at < by_hour.until
          AND (by_hour.meter = '' OR (s.meter, s.unit) = (by_hour.meter, by_hour.unit))
        OFFSET 0) hour
    WHERE by_hour.since < by_hour.until
), by_sample AS (
    SELECT line, '' AS meter, '' AS unit, starts_at AS since, hours_at AS until FROM asked
    UNION ALL SELECT line, '', '', hours_end_at, ends_at FROM asked
    UNION ALL SELECT line, meter, unit, starts_at, starts_at + interval '1 hour' FROM hours
        WHERE stored_at >= %(before)s
)
SELECT line, meter, unit, sum(quantity) AS quantity, sum(samples)::bigint AS samples,
    min(first_at) AS first_at, max(last_at) AS last_at
FROM (
    SELECT line, meter, unit, quantity, samples, first_at, last_at FROM days
    WHERE stored_at < %(before)s
    UNION ALL
    SELECT line, meter, unit, quantity, samples, first_at, last_at FROM hours
    WHERE stored_at < %(before)s
    UNION ALL
    SELECT sample.line, sample.meter, sample.unit, quantity, 1, starts_at, ends_at
    FROM by_sample, LATERAL (
        SELECT * FROM orchestration_sample s WHERE s.line = by_sample.line
          AND s.ends_at > by_sample.since AND s.ends_at <= by_sample.until
          AND s.stored_at < %(before)s
          AND (by_sample.meter = '' OR (s.meter, s.unit) = (by_sample.meter, by_sample.unit))
        OFFSET 0) sample
    WHERE by_sample.since < by_sample.until
) AS part
GROUP BY line, meter, unit ORDER BY line, meter, unit
"""  # noqa: S608  (constants of this file)
_READINGS = f"""
SELECT sample.* FROM ({_ASKED}) asked, LATERAL (
    SELECT line, meter, quantity, starts_at, ends_at, instance::text, sequence
    FROM orchestration_sample s WHERE s.line = asked.line AND s.meter = ANY(%(meters)s)
      AND s.ends_at > asked.starts_at AND s.ends_at <= asked.ends_at
      AND s.stored_at < %(before)s OFFSET 0) sample
ORDER BY ends_at, sequence
"""  # noqa: S608  (constants of this file)
# Days say it: one in which something came later is read again with its whole window.
_LATE = """
WITH looked AS MATERIALIZED (
    SELECT *, 24::smallint AS a_day FROM unnest(%(lines)s::bigint[], %(starts)s::timestamptz[],
        %(ends)s::timestamptz[], %(befores)s::timestamptz[])
        WITH ORDINALITY AS looked(line, starts_at, ends_at, before, place)
)
SELECT looked.place FROM looked, LATERAL (
    SELECT FROM orchestration_usagesum s WHERE s.line = looked.line AND s.hours = looked.a_day
      AND s.starts_at > looked.starts_at - interval '24 hours' AND s.starts_at < looked.ends_at
      AND s.stored_at >= looked.before LIMIT 1) late
"""


class StoredUsage:
    """Reads samples and their sums; a sample belongs to the period in which it ends."""

    def usage(self, *, windows: Mapping[int, Period], stored_before: datetime) -> Sequence[Usage]:
        """Return usage per line and meter; a meter without samples is absent.

        To the last digit what adding up the samples would be, whatever the hour of the bounds.
        """
        with connection.cursor() as cursor:
            cursor.execute(_USAGE, _asked(windows) | {"before": stored_before})
            return [Usage(*row) for row in cursor.fetchall()]

    def came_late(self, *, looked: Collection[Looked]) -> Collection[Looked]:
        """Return those in whose days something was stored since."""
        found = list(looked)
        facts: dict[str, Any] = {
            "lines": [one.line for one in found],
            "starts": [one.period.start for one in found],
            "ends": [one.period.end for one in found],
            "befores": [one.stored_before for one in found],
        }
        with connection.cursor() as cursor:
            cursor.execute(_LATE, facts)
            return [found[place - 1] for (place,) in cursor.fetchall()]

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
        self, *, windows: Mapping[int, Period], meters: Collection[str], stored_before: datetime
    ) -> Sequence[Reading]:
        """Return the samples that `usage` adds up; the subject is the instance."""
        facts = _asked(windows) | {"meters": list(meters), "before": stored_before}
        with connection.cursor() as cursor:
            cursor.execute(_READINGS, facts)
            return [Reading(*row[:-1]) for row in cursor.fetchall()]

    def converged(self, *, windows: Mapping[int, Period]) -> Mapping[int, Sequence[Period]]:
        """Return when each line's service existed: first passing promises to confirmed wipe."""
        existed = Instance.objects.filter(
            line__in=windows, parent=None, first_started_at__isnull=False
        )
        found: dict[int, list[Period]] = defaultdict(list)
        for line, started_at, wiped_at in existed.values_list(
            "line_id", "first_started_at", "wiped_at"
        ):
            assert started_at is not None, "the filter asked for it"
            window = windows[line]
            start = max(started_at, window.start)
            end = min(wiped_at or window.end, window.end)
            if start < end:
                found[line].append(Period(start, end))
        return {line: merged(periods) for line, periods in found.items()}


def _asked(windows: Mapping[int, Period]) -> dict[str, Any]:
    """Return the columns of `asked`: each line with its window, whole hours and whole days."""
    hours = [whole_hours(one) for one in windows.values()]
    days = [_whole_days(*one) for one in hours]
    return {
        "lines": list(windows),
        "starts": [one.start for one in windows.values()],
        "hours": [first for first, _ in hours],
        "days": [first for first, _ in days],
        "days_end": [last for _, last in days],
        "hours_end": [last for _, last in hours],
        "ends": [one.end for one in windows.values()],
    }


def _whole_days(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the bounds of the whole days (UTC) between two hours; twice the end without any."""
    down = start.astimezone(UTC).replace(hour=0)
    first = down if down == start else down + timedelta(days=1)
    last = end.astimezone(UTC).replace(hour=0)
    return (first, last) if first < last else (end, end)


def whole_hours(period: Period) -> tuple[datetime, datetime]:
    """Return the bounds of the whole hours in a period; twice its end when there are none."""
    down = period.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = down if down == period.start else down + timedelta(hours=1)
    last = period.end.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return (first, last) if first < last else (period.end, period.end)
