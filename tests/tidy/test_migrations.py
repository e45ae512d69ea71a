"""Migrations are one line per app, and say all that the models say."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader


@pytest.mark.parametrize("app", ["erp", "orchestration", "billing"])
def test_migrations_are_linear(app: str) -> None:
    loader = MigrationLoader(None)
    assert len(loader.graph.leaf_nodes(app)) == 1
    names = sorted(name for label, name in loader.disk_migrations if label == app)
    numbers = [int(name.split("_")[0]) for name in names]
    assert numbers == list(range(1, len(names) + 1))


@pytest.mark.django_db
def test_no_model_change_waits_for_a_migration() -> None:
    out = StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=out)
    assert "No changes detected" in out.getvalue()
