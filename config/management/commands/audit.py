"""`manage.py audit`: check the conservation laws."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.audit import violations


class Command(BaseCommand):
    """Print each law with its number of violations; fail when there is any."""

    help = "Check the conservation laws over all data; exits non-zero when one is broken."

    def handle(self, *args: Any, **options: Any) -> None:
        """Check and print."""
        found = violations()
        for law, broken in found.items():
            self.stdout.write(f"{len(broken):5}  {law}")
            for sentence in broken:
                self.stdout.write(f"         {sentence}")
        if any(found.values()):
            raise CommandError("A conservation law is broken: see above.")
