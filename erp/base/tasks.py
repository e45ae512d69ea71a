"""What every task shares: it sees all organisations, because it serves them all."""

from typing import Any

from celery import Task

from erp.base import scope


class SystemTask(Task):  # type: ignore[type-arg]
    """A task of the system: runs with every row visible."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run inside the scope of the system."""
        with scope.everything(f"task {self.name}"):
            return super().__call__(*args, **kwargs)
