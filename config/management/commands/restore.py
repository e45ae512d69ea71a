"""`manage.py restore`: fill an empty database from a backup, and settle what happened since."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.rescue import services
from config.rescue.settling import settle
from erp.base import scope
from erp.base.doors import now
from erp.base.errors import DomainError

BY = "restore"


class Command(BaseCommand):
    """Restore, then settle: billing, messages and nodes do not go on blindly."""

    help = "Restore the Master from a backup into an empty database. Stop workers and beat first."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what is needed."""
        parser.add_argument("backup", type=Path)
        parser.add_argument(
            "--numbers",
            type=Path,
            help="the file of taken numbers (TENANTRY_NUMBERS_FILE) as it was last",
        )
        parser.add_argument(
            "--without-numbers",
            action="store_true",
            help="it was lost too: numbers may be taken twice; look at what was sent",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was done."""
        numbers = options["numbers"]
        if bool(numbers) == options["without_numbers"]:
            raise CommandError("Say --numbers FILE, or --without-numbers where it was lost.")
        if numbers and not numbers.is_file():
            raise CommandError(f"{numbers} is no file.")
        try:
            about = services.restore(options["backup"])
            with scope.everything("a restore settles what all organisations have"):
                done = settle(numbers, at=now(), by=BY)
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Restored to {about['at']}. {done.numbers} numbers were taken since and are lost; "
            f"{done.messages} messages are held; {done.nodes} nodes are compared first. "
            "Now: manage.py migrate, manage.py audit, then start workers and beat."
        )
