"""`manage.py backup`: the whole Master in one encrypted file, read again before it has its name."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.rescue import services
from config.ui.context import product_version
from erp.base.doors import now
from erp.base.errors import DomainError


class Command(BaseCommand):
    """Back up, or verify a backup."""

    help = "Back the Master up: database, field key and files, encrypted with TENANTRY_BACKUP_KEY."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what may be asked."""
        parser.add_argument("--to", type=Path, default=settings.BACKUP_DIR, help="the directory")
        parser.add_argument("--verify", type=Path, help="read this backup to its end instead")
        parser.add_argument("--field-key", type=Path, help="print the field key of this backup")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was done."""
        try:
            if options["field_key"]:
                self.stdout.write(services.field_key_of(options["field_key"]))
            elif options["verify"]:
                about = services.verify(options["verify"])
                self.stdout.write(f"It can be read to its end; it was made at {about['at']}.")
            else:
                made = services.back_up(options["to"], at=now(), version=product_version())
                self.stdout.write(f"{made.path}: {made.size} bytes, read to its end.")
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from error
