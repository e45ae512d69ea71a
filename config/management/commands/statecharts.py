"""`manage.py statecharts`: draw the state charts of the packages' READMEs anew."""

from typing import Any

from django.core.management.base import BaseCommand

from config.statecharts import current


class Command(BaseCommand):
    """Write the section between the markers from the arrow tables."""

    help = "Draws the state charts in the READMEs of erp, orchestration and billing."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write what changed and name it."""
        for path, text, wanted in current():
            if text != wanted:
                path.write_text(wanted)
                self.stdout.write(f"{path.parent.name}/{path.name} is drawn anew")
