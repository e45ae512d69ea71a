"""Publish software releases."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import transaction

from erp.base.journal import record
from erp.customers.models import Organisation
from orchestration.releases.archive import BadRelease, pack, uid_of, unpack
from orchestration.releases.check import read
from orchestration.releases.models import SoftwareRelease

CATALOGUE = Path(__file__).parent / "catalogue"


@transaction.atomic
def publish(directory: Path, *, owner: Organisation, at: datetime, by: str) -> SoftwareRelease:
    """Publish a release from its directory; the same content again changes nothing.

    Raises:
        BadRelease: the directory is no release, or the version was published with other content.
    """
    profile = read(directory)
    archive = pack(directory)
    product, version = profile["name"], profile["version"]
    facts = {
        "organisation": owner,
        "uid": uid_of(archive),
        "source": f"{_kind_of(directory)}:{directory.name}",
        "profile": profile,
        "archive": archive,
        "published_at": at,
    }
    release, is_new = SoftwareRelease.objects.get_or_create(
        product=product, version=version, defaults=facts
    )
    if is_new:
        record(release, "published", at=at, by=by, uid=release.uid)
    elif release.uid != facts["uid"]:
        raise BadRelease(
            f"{product} {version} is published with other content: give it a new version."
        )
    return release


def publish_archive(
    archive: bytes, *, owner: Organisation, at: datetime, by: str
) -> SoftwareRelease:
    """Publish a release from a tar.gz of its directory; the same content again changes nothing.

    Raises:
        BadRelease: it is no release, or the version was published with other content.
    """
    with TemporaryDirectory(prefix="release-") as place:
        directory = Path(place) / "uploaded"
        directory.mkdir()
        unpack(archive, directory)
        return publish(directory, owner=owner, at=at, by=by)


def _kind_of(directory: Path) -> str:
    """Return where a release comes from: the product's catalogue, or some directory."""
    return "catalogue" if directory.parent == CATALOGUE else "directory"


def publish_catalogue(*, owner: Organisation, at: datetime, by: str) -> list[SoftwareRelease]:
    """Publish every release that comes with the product."""
    directories = sorted(path.parent for path in CATALOGUE.glob("*/software.toml"))
    return [publish(directory, owner=owner, at=at, by=by) for directory in directories]
