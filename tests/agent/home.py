"""A home of the agent in a temporary directory, and the documents that it is given."""

# mypy: disable-error-code="no-untyped-call"

import base64
import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestration.node_agent.cgroups import Cgroups
from orchestration.node_agent.home import Home, write_json

NODE = "N-1"


def a_home(place: Path) -> Home:
    home = Home(place / "home")
    home.make()
    names = [{"name": f"p{number}", "user": ""} for number in range(2)]
    write_json(home.state / "identity.json", {"node": NODE, "partitions": names})
    return home


def no_groups() -> Cgroups:
    """Control groups as on a machine that has none."""
    groups = Cgroups("tenantry-unit-test")
    groups.kind, groups.groups = "none", {}
    return groups


def an_archive(files: Mapping[str, str] | Callable[[tarfile.TarFile], None]) -> tuple[str, str]:
    """Return (checksum, base64) of a release."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        if callable(files):
            files(tar)
        else:
            for name, text in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
    content = buffer.getvalue()
    return hashlib.sha256(content).hexdigest(), base64.b64encode(content).decode()


def a_document(*, instance: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    release = {"uid": "r1", "name": "site", "version": "1", "profile": {"types": {"default": {}}}}
    return {
        "format": "tenantry.desired/1",
        "node": NODE,
        "revision": "rev-1",
        "metering": {"interval_seconds": 10},
        "releases": [release] if instance else [],
        "partitions": [
            {
                "name": "p0",
                "address": "127.0.0.1",
                "address6": None,
                "port_first": 21000,
                "port_count": 10,
                "instance": instance,
            }
        ],
    } | changes
