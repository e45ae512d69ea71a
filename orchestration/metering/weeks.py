"""The weeks by which samples are kept: made ahead, and dropped when nobody needs them any more.

Source: docs/adr/0018-samples-by-week.md
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max

from erp.ports import settlement_source
from orchestration.metering.models import Sample, UsageSum

AHEAD = timedelta(weeks=4)
WEEK = timedelta(weeks=1)
# How many weeks one sweep drops at most.
MOST = 8


def make_ahead(*, at: datetime) -> int:
    """Make the partitions of the next weeks that are missing; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenantry_make_sample_weeks(%s, %s)", [at, at + AHEAD])
        return int(cursor.fetchone()[0])


def since() -> datetime:
    """Return the start of the oldest week of which every sample is kept."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenantry_samples_since()")
        found: datetime = cursor.fetchone()[0]
        return found


def drop_old(*, before: datetime) -> list[datetime]:
    """Drop the oldest weeks that ended before and are billed for good; return which.

    The first that somebody still needs ends it: weeks are dropped in their order. Sums stay.
    """
    dropped: list[datetime] = []
    while len(dropped) < MOST:
        week = since()
        if week + WEEK > before or not _is_settled(week):
            break
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT tenantry_drop_sample_week(%s)", [week])
        dropped.append(week)
    return dropped


def drop_older() -> bool:
    """Forget what ended before the oldest week once all of it is billed for good."""
    last = dict(
        Sample.objects.filter(ends_at__lt=since()).values_list("line").annotate(Max("ends_at"))
    )
    if not last or not _are_settled(last):
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT tenantry_drop_older_samples()")
    return True


def _is_settled(week: datetime) -> bool:
    """Return whether every line that was measured in the week is billed beyond it, for good."""
    end = week + WEEK
    # What ends at the first moment of a week belongs to the day before.
    first = week - timedelta(days=1)
    lines = UsageSum.objects.filter(hours=24, starts_at__gte=first, starts_at__lt=end)
    return _are_settled(dict.fromkeys(lines.values_list("line", flat=True).distinct(), end))


def _are_settled(until: Mapping[int, datetime]) -> bool:
    found = settlement_source().settled(lines=list(until))
    never = datetime.min.replace(tzinfo=UTC)
    return all(found.get(line, never) >= moment for line, moment in until.items())
