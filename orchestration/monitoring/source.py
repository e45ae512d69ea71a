"""The answer to `erp.ports.AvailabilitySource`: availability from recorded outages."""

from collections.abc import Collection, Mapping

from erp.base.periods import Period
from erp.ports import Availability
from orchestration.monitoring import measures


class RecordedAvailability:
    """Reads outages and the journals of contracts and nodes."""

    def availability(self, *, lines: Collection[int], period: Period) -> Mapping[int, Availability]:
        """Return the availability of each contract line; one that never started is absent."""
        return measures.of_lines(lines, period=period)
