"""Who saves an instance before it is changed, and brings its data back: a port.

`settings.CAMPAIGN_SAVER` names the implementation. Where it cannot save an instance that keeps
data, the campaign says so in words and asks for a confirmation.
"""

from datetime import datetime
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from orchestration.backup import queries, services
from orchestration.backup.models import Protection
from orchestration.instances.models import Instance


class Saver(Protocol):
    """Saves and brings back; each call may be repeated."""

    def can_save(self, instance: Instance) -> bool:
        """Return whether a snapshot of this instance can be made."""
        ...

    def ask(self, instance: Instance, *, at: datetime, by: str, why: str) -> int:
        """Ask for a snapshot; return its number."""
        ...

    def answer(self, instance: Instance, number: int) -> str:
        """Return "waiting", "good", or why it failed."""
        ...

    def bring_back(self, instance: Instance, number: int, *, at: datetime, by: str) -> None:
        """Bring the data back to the snapshot of this number."""
        ...


class SnapshotSaver:
    """Saves by the backup that was agreed for the service."""

    def can_save(self, instance: Instance) -> bool:
        """Return whether a store keeps this instance."""
        mine = Protection.objects.filter(instance=instance, repository__isnull=False)
        return instance.partition_id is not None and mine.exists()

    def ask(self, instance: Instance, *, at: datetime, by: str, why: str) -> int:
        """Ask for a snapshot beside the schedule; return its number."""
        return services.snapshot_now(instance, at=at, by=by, why=why)

    def answer(self, instance: Instance, number: int) -> str:
        """Return "good" once there is a snapshot as young; a failure is tried again until then."""
        return "good" if queries.answer_to(instance, number) else "waiting"

    def bring_back(self, instance: Instance, number: int, *, at: datetime, by: str) -> None:
        """Restore the snapshot where the instance is; what came later is gone.

        Raises:
            NoSnapshot, BusyAlready, NotProtected: see `orchestration.backup.services.restore`.
        """
        snapshot = queries.answer_to(instance, number)
        if snapshot:
            why = "its upgrade went wrong"
            services.restore(instance, snapshot, at=at, by=by, why=why)


def saver() -> Saver:
    """Return who saves."""
    return cast(Saver, import_string(settings.CAMPAIGN_SAVER)())
