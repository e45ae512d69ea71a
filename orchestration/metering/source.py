"""The answer to `erp.ports.UsageSource`: usage from stored samples."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db.models import Count, Max, Min, Sum

from erp.base.periods import Period, merged
from erp.ports import SampleView, Usage
from orchestration.instances.models import Instance
from orchestration.metering.models import Sample
from orchestration.nodes.models import ComputeNode


class StoredUsage:
    """Reads samples; a sample belongs to the period in which it ends."""

    def usage(
        self, *, lines: Collection[int], period: Period, stored_before: datetime
    ) -> Sequence[Usage]:
        """Return usage per line and meter; a meter without samples is absent."""
        samples = Sample.objects.filter(
            line__in=lines,
            ends_at__gt=period.start,
            ends_at__lte=period.end,
            stored_at__lt=stored_before,
        )
        groups = (
            samples.values("line", "meter", "unit")
            .annotate(
                quantity=Sum("quantity"),
                samples=Count("pk"),
                first_at=Min("starts_at"),
                last_at=Max("ends_at"),
            )
            .order_by("line", "meter", "unit")
        )
        return [Usage(**group) for group in groups]

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
