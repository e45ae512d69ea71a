"""The Master is backed up and restored for real; what happened since is not undone blindly."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.core.management import CommandError, call_command
from django.db import connections

from billing.invoicing import lost
from billing.invoicing import services as invoicing
from billing.invoicing.lost import BadJournal, BilledBefore
from billing.invoicing.models import Invoice, LostNumber
from config.audit import violations
from config.rescue import checks, services
from config.rescue.archive import BadArchive
from config.rescue.services import NoBackupKey, NotEmpty, OtherKey
from config.rescue.settling import HELD, settle
from config.rescue.tasks import sweep_backup, sweep_master
from erp.base.doors import now
from erp.customers.models import Organisation
from erp.outbox.models import Mail
from orchestration.maintenance.models import Check
from orchestration.nodes.models import ComputeNode, NodeLease
from tests.billing import builders as billing
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage
from tests.orchestration.builders import a_node

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
PRICES = (("recurring", "", "30", "0"),)


@pytest.fixture(autouse=True)
def _places(settings: LazySettings, tmp_path: Path) -> None:
    settings.NUDGES = "tests.orchestration.conftest.silence"
    settings.BACKUP_KEY = secrets.token_bytes(32)
    settings.BACKUP_DIR = tmp_path / "backups"
    settings.DATA_DIR = tmp_path / "data"
    settings.NUMBERS_FILE = tmp_path / "elsewhere" / "numbers.jsonl"
    (tmp_path / "data" / "invoices").mkdir(parents=True)
    (tmp_path / "data" / "invoices" / "one.pdf").write_bytes(b"%PDF one")
    (tmp_path / "data" / "static").mkdir()
    (tmp_path / "data" / "static" / "big.css").write_bytes(b"made anew")


@contextmanager
def another_database() -> Iterator[None]:
    """An empty database in the place of the one that was lost."""
    name = f"test_tenantry_restored_{os.getpid()}"
    rows = [connections["default"], connections["owner"]]
    was = [one.settings_dict["NAME"] for one in rows]
    with connections["owner"].cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
    try:
        for one in rows:
            one.close()
            one.settings_dict["NAME"] = name
        yield
    finally:
        for one, former in zip(rows, was, strict=True):
            one.close()
            one.settings_dict["NAME"] = former
        with connections["owner"].cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def made() -> Path:
    return services.back_up(Path(settings.BACKUP_DIR), at=now(), version="1").path


def billed(usage: FakeUsage) -> Invoice:
    """A service of a new customer, and its draft of November."""
    line = billing.a_contract(prices=PRICES)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    return invoicing.draft(billing.rated(line.contract), at=OPENED, by="test")


def test_after_a_restore_no_number_is_taken_twice_and_nothing_is_billed_twice(
    usage: FakeUsage, settings: LazySettings, tmp_path: Path
) -> None:
    billing.a_provider()
    node = a_node()
    NodeLease.objects.create(organisation=node.organisation, node=node, fence=41)
    first, second, third = billed(usage), billed(usage), billed(usage)
    assert invoicing.issue(first, at=OPENED, by="test").number == "F-2026-0001"
    waiting = Mail.objects.filter(state="waiting").count()
    assert waiting > 0
    backup = made()
    # What the Master does after its last backup, and loses.
    assert invoicing.issue(second, at=OPENED, by="test").number == "F-2026-0002"
    with another_database():
        (tmp_path / "data" / "invoices" / "one.pdf").unlink()
        call_command("restore", str(backup), "--numbers", str(settings.NUMBERS_FILE))

        assert (tmp_path / "data" / "invoices" / "one.pdf").read_bytes() == b"%PDF one"
        assert list(Invoice.objects.exclude(number="").values_list("number", flat=True)) == [
            "F-2026-0001"
        ]
        gone = LostNumber.objects.get()
        assert (gone.number, gone.contract_reference) == ("F-2026-0002", second.contract.reference)
        assert settle(Path(settings.NUMBERS_FILE), at=now(), by="test").numbers == 0

        assert Mail.objects.filter(state="given_up", state_reason=HELD).count() == waiting
        node = ComputeNode.objects.get()
        assert node.compare_since is not None
        assert NodeLease.objects.get().fence == 41 + 1_000_000

        second = Invoice.objects.get(pk=second.pk)
        with pytest.raises(BilledBefore, match=r"F-2026-0002 of .* billed C-"):
            invoicing.issue(second, at=OPENED, by="test")
        third = Invoice.objects.get(pk=third.pk)
        assert invoicing.issue(third, at=OPENED, by="test").number == "F-2026-0003"
        call_command("lost_numbers", "--release", "F-2026-0002", "--why", "never sent")
        assert invoicing.issue(second, at=OPENED, by="test").number == "F-2026-0004"
        assert {law: found for law, found in violations().items() if found} == {}


def test_a_backup_is_restored_into_an_empty_database_with_its_own_keys_only(
    settings: LazySettings,
) -> None:
    backup = made()
    with pytest.raises(NotEmpty):
        services.restore(backup)
    raw = backup.read_bytes()
    assert settings.FIELD_KEY not in raw
    with another_database():
        field_key, settings.FIELD_KEY = settings.FIELD_KEY, b"f" * 32
        with pytest.raises(OtherKey):
            services.restore(backup)
        settings.FIELD_KEY = field_key
        backup.write_bytes(raw[:-20])
        with pytest.raises(BadArchive):
            services.restore(backup)
        backup.write_bytes(raw)
        settings.BACKUP_KEY = b"o" * 32
        with pytest.raises(BadArchive):
            services.restore(backup)
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            assert cursor.fetchone() == (0,)


def test_without_a_key_there_is_no_backup_and_a_check_says_so(settings: LazySettings) -> None:
    billing.a_provider()
    settings.BACKUP_KEY = None
    with pytest.raises(NoBackupKey):
        made()
    with pytest.raises(CommandError, match="TENANTRY_BACKUP_KEY"):
        call_command("backup")
    sweep_backup()
    sweep_master()
    assert not list(Path(settings.BACKUP_DIR).glob("*"))
    check = Check.objects.get(name="backup")
    assert (check.verdict, check.node) == ("failed", None)


def test_the_schedule_makes_one_when_the_last_is_old_and_keeps_so_many(
    settings: LazySettings,
) -> None:
    billing.a_provider()
    settings.BACKUP_KEPT = 1
    sweep_backup()
    sweep_backup()
    [path] = Path(settings.BACKUP_DIR).glob("*.tenantry")
    assert path.stat().st_mode & 0o077 == 0
    sweep_master()
    sweep_master()
    assert Check.objects.get(name="backup").verdict == "ok"

    old = path.with_name("tenantry-20260101T000000Z.tenantry")
    path.rename(old)
    assert checks.backup(now()).verdict == "failed"
    sweep_backup()
    [newer] = Path(settings.BACKUP_DIR).glob("*.tenantry")
    assert newer.name > old.name
    found = services.newest(Path(settings.BACKUP_DIR))
    assert found is not None
    assert now() - found[1] < timedelta(minutes=5)


def test_a_restore_says_what_it_needs(settings: LazySettings, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--without-numbers"):
        call_command("restore", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="is no file"):
        call_command("restore", str(tmp_path / "none"), "--numbers", str(tmp_path / "x"))


def test_a_line_that_was_cut_off_at_the_end_does_no_harm_and_one_in_the_middle_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "numbers"
    good = '{"issuer": "O-1", "number": "F-2026-0001", "sequence": 1}'
    path.write_text(f'{good}\n{{"issuer": "O-1", "num')
    assert lost.take_over(path, at=now(), by="test") == 0
    assert not Organisation.objects.exists()
    path.write_text(f"{good[:10]}\n{good}\n")
    with pytest.raises(BadJournal, match="line 1"):
        lost.take_over(path, at=now(), by="test")
