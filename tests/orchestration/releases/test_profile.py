"""What is wrong with a release is said with its place; what is right is published once."""

import shutil
from pathlib import Path

import pytest

from orchestration.releases.archive import BadRelease, pack
from orchestration.releases.check import read
from orchestration.releases.models import SoftwareRelease
from orchestration.releases.services import CATALOGUE, publish, publish_catalogue
from tests.orchestration.builders import NOON, a_provider

HEAD = 'name = "site"\nversion = "1"\nlicence = "AGPL"\n'


def a_release(place: Path, toml: str) -> Path:
    (place / "software.toml").write_text(toml)
    return place


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("name = ", "cannot be read"),
        ('name = "site"\n', "at the top: 'version' is a required property"),
        (HEAD.replace('"1"', "1") + "[types.default]\n", "at version: 1 is not of type 'string'"),
        (HEAD + "[types]\n", "at types: {} should be non-empty"),
        (HEAD + "[types.Default]\n", "at types: 'Default' does not match"),
        (HEAD + "[types.default]\nfoo = 1\n", "at types/default: Additional properties"),
        (
            HEAD + '[[types.default.files]]\npath = "/etc/x"\ntemplate = "x"\n',
            "at types/default/files/0/path: '/etc/x' does not match",
        ),
        (
            HEAD + '[[types.default.files]]\npath = "a/../../x"\ntemplate = "x"\n',
            "at types/default/files/0/path",
        ),
        (
            HEAD + '[[types.default.promises]]\nname = "x"\nkind = "ping"\n',
            "at types/default/promises/0/kind: 'ping' is not one of",
        ),
        (
            HEAD + "[build]\ncommands = []\nseconds = 99999\n[types.default]\n",
            "at build/seconds: 99999 is greater than",
        ),
        (
            HEAD + '[types.default.parameters]\ntype = "objekt"\n',
            "at types/default/parameters/type",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(BadRelease) as refusal:
        read(a_release(tmp_path, toml))
    assert f"software.toml of {tmp_path.name}" in str(refusal.value)
    assert message in str(refusal.value)


def test_a_directory_without_a_profile_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(BadRelease, match=r"There is no software\.toml"):
        read(tmp_path)


def test_links_are_not_packed(tmp_path: Path) -> None:
    (a_release(tmp_path, HEAD) / "link").symlink_to("/etc/passwd")
    with pytest.raises(BadRelease, match="link is a link or a special file"):
        pack(tmp_path)


def test_the_same_content_has_the_same_bytes(tmp_path: Path) -> None:
    copy = shutil.copytree(CATALOGUE / "static-site", tmp_path / "copy", copy_function=shutil.copy)
    assert pack(copy) == pack(CATALOGUE / "static-site")


@pytest.mark.django_db
def test_a_version_is_published_once_and_never_with_other_content(tmp_path: Path) -> None:
    owner = a_provider()
    first = publish_catalogue(owner=owner, at=NOON, by="test")
    again = publish_catalogue(owner=owner, at=NOON, by="test")
    assert [one.pk for one in again] == [one.pk for one in first]
    copy = shutil.copytree(CATALOGUE / "static-site", tmp_path / "copy")
    (copy / "more").write_text("x")
    with pytest.raises(BadRelease, match="published with other content"):
        publish(copy, owner=owner, at=NOON, by="test")
    assert SoftwareRelease.objects.count() == len(first)
