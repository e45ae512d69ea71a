"""What is looked at of the Master itself: its backup, its certificate, the authority of nodes."""

import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings

from config.rescue import services
from orchestration.maintenance.judge import Found, expiry
from orchestration.maintenance.states import Verdict
from orchestration.maintenance.trend import in_days
from orchestration.nodes.models import NodeAuthority

SECONDS = 5
# A backup may be late by this before it is a failure.
LATE = timedelta(hours=3)


def found(at: datetime) -> Sequence[Found]:
    """Make all of them."""
    return [backup(at), *authority(at), *portal(at)]


def backup(at: datetime) -> Found:
    """Say how old the newest backup is."""
    if settings.BACKUP_KEY is None:
        said = "The Master is not backed up: set TENANTRY_BACKUP_KEY (docs/operations.md)."
        return Found("backup", Verdict.FAILED, said)
    there = services.newest(settings.BACKUP_DIR)
    if there is None:
        return Found("backup", Verdict.FAILED, "There is no backup of the Master yet.")
    path, made_at = there
    age = at - made_at
    hours = int(age.total_seconds() // 3600)
    said = f"The newest backup, {path.name}, is {hours} hours old and was read to its end."
    if age > timedelta(hours=settings.BACKUP_HOURS) + LATE:
        late = f"The newest backup is {in_days(age)} old: see the log of the worker."
        return Found("backup", Verdict.FAILED, late, hours)
    return Found("backup", Verdict.OK, said, hours)


def authority(at: datetime) -> list[Found]:
    """Say how long the authority of nodes that call is good, where there is one."""
    row = NodeAuthority.objects.first()
    if row is None:
        return []
    until = x509.load_pem_x509_certificate(row.certificate.encode()).not_valid_after_utc
    return [expiry("authority", until, at, todo="All nodes that call need a new command.")]


def portal(at: datetime) -> list[Found]:
    """Say how long the certificate of the portal is good, where it has one."""
    parts = urlsplit(settings.PORTAL)
    if parts.scheme != "https" or not parts.hostname:
        return []
    until = _until(parts.hostname, parts.port or 443)
    return [expiry("portal", until, at, todo="Renew it where TLS ends, and load it there.")]


def _until(host: str, port: int) -> datetime | None:
    """Return when the certificate that is shown there ends, whoever signed it; None: no answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host) as shown,
        ):
            der = shown.getpeercert(binary_form=True)
    except OSError:
        return None
    return x509.load_der_x509_certificate(der).not_valid_after_utc.astimezone(UTC) if der else None
