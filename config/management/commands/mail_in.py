"""Take one mail from standard input, as a mail server pipes it."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error

from erp.base.doors import now
from erp.customers.models import Organisation
from erp.mailroom.parsing import MOST_BYTES
from erp.mailroom.services import receive


class Command(BaseCommand):
    """Exit 0 when the mail is stored, 75 when the mail server is to try again later."""

    help = "Take one mail from standard input (docs/tickets.md)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Store the mail; whatever keeps it from being stored is a reason to try again."""
        raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        try:
            mail = receive(raw, at=now())
        except (Error, OSError, Organisation.DoesNotExist) as error:
            self.stderr.write(f"not stored, try again later: {error}")
            sys.exit(os.EX_TEMPFAIL)
        self.stdout.write(f"{mail.reference} {mail.state} {mail.state_reason}")
