"""Django's PostgreSQL backend, told on every statement for whom it speaks.

The scope of the running request or task (`erp.base.scope`) is written to the session variable
`tenantry.scope`, which the row-level security policies read. It is written again only when it
differs from what this connection was told last, so it costs nothing on an ordinary statement.
"""

from typing import Any

from django.db.backends.postgresql import base

from erp.base import scope


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose row-level security follows the scope of its thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told: str | None = None

    def init_connection_state(self) -> None:
        """A new session has been told nothing yet."""
        super().init_connection_state()
        self._told = None

    def create_cursor(self, name: str | None = None) -> Any:
        """Tell the session its scope before the statement that is about to run."""
        wanted = scope.current()
        if wanted != self._told:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('tenantry.scope', %s, false)", [wanted])
            self._told = wanted
        return super().create_cursor(name)

    def _rollback(self) -> Any:
        """A rollback takes back what was told inside the transaction."""
        answer = super()._rollback()  # type: ignore[misc]
        self._told = None
        return answer

    def _savepoint_rollback(self, sid: str) -> None:
        """So does the rollback of a savepoint: said on the bare connection, since an aborted
        transaction takes no other statement before it.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(self.ops.savepoint_rollback_sql(sid))
        self._told = None
