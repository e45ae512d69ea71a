"""`manage.py lost_numbers`: what was billed after the backup from which the Master was restored."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.invoicing import lost
from billing.invoicing.models import LostNumber
from erp.base import scope
from erp.base.doors import now


class Command(BaseCommand):
    """List them, or release one: it never reached its buyer."""

    help = "List the numbers that were lost by a restore; --release lets one be billed again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what may be asked."""
        parser.add_argument("--release", help="the number")
        parser.add_argument("--why", default="", help="how you know that nobody has it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        with scope.everything("lost numbers of all issuers"):
            if options["release"]:
                self._release(options["release"], options["why"])
            for row in LostNumber.objects.select_related("organisation"):
                state = "released" if row.released_at else "not billed again"
                amount = f"{row.total_minor} {row.currency} (minor units)"
                self.stdout.write(
                    f"{row.number}  {row.issued_on}  {row.organisation.name}  "
                    f"{row.contract_reference}  {amount}  {state}"
                )

    def _release(self, number: str, why: str) -> None:
        rows = list(LostNumber.objects.select_related("organisation").filter(number=number)[:2])
        if len(rows) != 1 or not why:
            raise CommandError("Name one lost number, and say --why.")
        lost.release(rows[0], at=now(), by="lost_numbers", why=why)
