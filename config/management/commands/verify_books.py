"""`manage.py verify_books`: prove the chains of all books, also against what was noted outside."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.ledger.models import Books
from billing.ledger.proof import holds_at, prove
from erp.base import scope
from erp.customers.models import Organisation


class Command(BaseCommand):
    """Print count and last hash of each seller's books; fail when a chain does not hold."""

    help = "Prove the chain of all books; exits non-zero when one was tampered with."

    def add_arguments(self, parser: CommandParser) -> None:
        """What somebody noted earlier."""
        parser.add_argument(
            "--noted",
            action="append",
            default=[],
            metavar="BOOKS:COUNT:HASH",
            help="a line of an earlier run, kept elsewhere; may be given many times",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prove and print."""
        with scope.everything("the proof of all books"):
            broken = self._prove_all() + [
                f"{noted}: the books are not what was noted."
                for noted in options["noted"]
                if not _holds(noted)
            ]
        for sentence in broken:
            self.stdout.write(sentence)
        if broken:
            raise CommandError("The books do not hold: see above.")

    def _prove_all(self) -> list[str]:
        broken = []
        for row in Books.objects.select_related("organisation").order_by("pk"):
            proof = prove(row.organisation)
            self.stdout.write(f"{row.organisation.reference}:{proof.entries}:{proof.hash}")
            broken += [f"{row.organisation.reference}: {sentence}" for sentence in proof.broken]
        return broken


def _holds(noted: str) -> bool:
    parts = noted.split(":")
    if len(parts) != 3 or not parts[1].isdigit():
        raise CommandError(f"{noted} is not BOOKS:COUNT:HASH.")
    books = Organisation.objects.filter(reference=parts[0]).first()
    return books is not None and holds_at(books, int(parts[1]), parts[2])
