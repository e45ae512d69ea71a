"""`manage.py release check DIR` and `manage.py release publish DIR`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from erp.base import scope
from erp.base.doors import now
from erp.base.errors import DomainError
from erp.customers.models import Organisation
from erp.customers.states import Kind
from orchestration.releases import services
from orchestration.releases.archive import BadRelease
from orchestration.releases.check import problems
from orchestration.releases.profile import parse


class Command(BaseCommand):
    """Tell an author what is wrong with a software release, or publish it."""

    help = "Checks a software release (see docs/releases.md), or publishes it."
    # An author needs neither a database nor settings that fit one.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do, and with which directory."""
        parser.add_argument("action", choices=["check", "publish"])
        parser.add_argument("directory", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; exit non-zero when something is wrong."""
        directory = options["directory"].resolve()
        if options["action"] == "check":
            self._check(directory)
        else:
            self._publish(directory)

    def _check(self, directory: Path) -> None:
        try:
            profile = parse(directory)
        except BadRelease as error:
            raise CommandError(str(error)) from error
        found = problems(directory, profile)
        for problem in found:
            self.stdout.write(f"{problem.where}\n    {problem.what}\n    {problem.todo}")
        if found:
            raise CommandError(f"{len(found)} to mend in {directory.name}/software.toml.")
        self.stdout.write(f"{profile['name']} {profile['version']}: nothing is wrong.")

    def _publish(self, directory: Path) -> None:
        with scope.everything("publishing a release"):
            owner = Organisation.objects.filter(kind=Kind.PROVIDER).first()
            if owner is None:
                raise CommandError("There is no provider yet: the system was never set up.")
            try:
                release = services.publish(
                    directory, owner=owner, at=now(), by="manage.py release publish"
                )
            except DomainError as error:
                raise CommandError(str(error)) from error
        self.stdout.write(f"{release} is published as {release.reference}, uid {release.uid}.")
