"""`manage.py prove_compliance`: the compliance proof of one seller's books, also as a file."""

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.reports import proof_archive
from billing.reports.compliance import Proof, look
from erp.base import scope
from erp.base.doors import now
from erp.customers.models import Organisation
from erp.customers.states import Kind


class Command(BaseCommand):
    """Print what was looked at and what does not hold; write the file for an auditor."""

    help = "Prove numbers, chains, e-invoices, sums and FEC of a period; fails when one is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose books, and which days."""
        parser.add_argument("books", help="reference of the seller, O-…")
        parser.add_argument("start", type=date.fromisoformat, help="first day, 2026-01-01")
        parser.add_argument("end", type=date.fromisoformat, help="last day, included")
        parser.add_argument("--file", type=Path, help="where the ZIP for the auditor is written")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, print, write."""
        if options["end"] < options["start"]:
            raise CommandError("The last day is before the first.")
        with scope.everything("the compliance proof of one seller's books"):
            sellers = Organisation.objects.exclude(kind=Kind.CUSTOMER)
            books = sellers.filter(reference=options["books"]).first()
            if books is None:
                raise CommandError(f"{options['books']} is no seller.")
            proof = look(books, start=options["start"], end=options["end"])
            self._print(proof)
            if options["file"]:
                with options["file"].open("xb") as target:
                    made = proof_archive.write(proof, target, at=now(), by="prove_compliance")
                self.stdout.write(f"{options['file']}: manifest {made.manifest_sha256}")
        if not proof.holds:
            raise CommandError("Something does not hold: see above.")

    def _print(self, proof: Proof) -> None:
        for check in proof.checks:
            mark = "holds" if check.holds else "DOES NOT HOLD"
            self.stdout.write(f"{mark}: {check.title} ({check.looked_at} looked at)")
            for finding in check.findings:
                self.stdout.write(f"  - {finding}")
