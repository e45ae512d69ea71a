"""Tell an author everything that is wrong with a release, before any node tries to run it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestration.releases import names, parameters, trees
from orchestration.releases.archive import BadRelease, pack
from orchestration.releases.meters import OF_EVERY_NODE
from orchestration.releases.profile import Problem, parse, place, schema_problems

# Written by the agent itself in every partition.
_RESERVED = "data"
Kind = Mapping[str, Any]


def read(directory: Path) -> dict[str, Any]:
    """Return the profile of a release in which nothing is wrong.

    Raises:
        BadRelease: says everything that is wrong, each with its place.
    """
    profile = parse(directory)
    found = problems(directory, profile)
    if found:
        told = "\n".join(str(problem) for problem in found)
        raise BadRelease(f"software.toml of {directory.name}, {told}")
    return profile


def problems(directory: Path, profile: Mapping[str, Any]) -> list[Problem]:
    """Return everything that is wrong with a release's directory.

    A software type that the schema refuses is not looked at any closer: mend that first.
    """
    found = schema_problems(profile)
    bad = [problem.where for problem in found]
    if not any(where.startswith("build") for where in bad):
        found += names.in_build(directory, profile.get("build", {}))
    kinds = profile.get("types")
    kinds = kinds if isinstance(kinds, dict) else {}
    for name, kind in kinds.items():
        where = place("types", name)
        if not any(one == where or one.startswith(f"{where}/") for one in bad):
            found += _of_type(directory, where, kind)
    if not any(where.startswith("types") for where in bad):
        for name, kind in kinds.items():
            found += trees.shared(place("types", name), kind, kinds)
    return found + list(_of_archive(directory))


def _of_archive(directory: Path) -> Iterator[Problem]:
    try:
        pack(directory)
    except BadRelease as error:
        yield Problem("the directory", str(error), "Only what is needed to build belongs here.")


def _of_type(directory: Path, where: str, kind: Kind) -> list[Problem]:
    wrong = parameters.problems(f"{where}/parameters", kind.get("parameters", {}))
    wrong += _twice(where, kind)
    wrong += _files(directory, where, kind)
    wrong += _promises(where, kind)
    wrong += _meters(where, kind)
    wrong += trees.children(where, kind)
    # What a shared type publishes is filled in by the Master, from other names.
    return wrong if "shared_on" in kind else wrong + names.in_type(directory, where, kind)


def _twice(where: str, kind: Kind) -> list[Problem]:
    """Find names that are taken: of services, promises and meters, and paths of files."""
    found = []
    named = [(group, "name") for group in ("services", "promises", "meters")]
    for group, key in (*named, ("files", "path")):
        seen: set[str] = set()
        for number, one in enumerate(kind.get(group, [])):
            if one[key] in seen:
                what = f"'{one[key]}' stands here for the second time."
                found.append(Problem(f"{where}/{group}/{number}/{key}", what, "Name it otherwise."))
            seen.add(one[key])
    return found


def _files(directory: Path, where: str, kind: Kind) -> list[Problem]:
    found = []
    files = kind.get("files", [])
    folders = {parent for one in files for parent in Path(one["path"]).parents} | {Path(_RESERVED)}
    for number, one in enumerate(files):
        at = f"{where}/files/{number}"
        if Path(one["path"]) in folders:
            what = f"'{one['path']}' is a directory of the partition."
            found.append(Problem(f"{at}/path", what, "Put the file into it, or name it otherwise."))
        text = names.text_of(directory / one["template"])
        if text is None:
            what = f"There is no text file '{one['template']}' in the release's directory."
            found.append(Problem(f"{at}/template", what, "Add it, in UTF-8, or mend its name."))
        elif names.holds_secret(text, kind) and not one.get("secret"):
            what = f"'{one['template']}' holds a secret."
            found.append(Problem(at, what, "Add: secret = true."))
    return found


def _meters(where: str, kind: Kind) -> list[Problem]:
    """Find meters under the names of those that every node has."""
    return [
        Problem(
            f"{where}/meters/{number}/name",
            f"'{one['name']}' is measured by every node.",
            "Name it otherwise.",
        )
        for number, one in enumerate(kind.get("meters", []))
        if one["name"] in OF_EVERY_NODE
    ]


def _promises(where: str, kind: Kind) -> list[Problem]:
    """Find promises that look at something else than this partition's own address and ports."""
    found = []
    for number, one in enumerate(kind.get("promises", [])):
        at = f"{where}/promises/{number}"
        if one["kind"] == "port" and not names.OWN_PORT.fullmatch(one["port"]):
            what = f"'{one['port']}' is no port of the partition."
            found.append(Problem(f"{at}/port", what, 'Write "{port}", "{port1}" and so on.'))
        if one["kind"] == "http" and not names.OWN_URL.match(one["url"]):
            what = f"'{one['url']}' is no page of the partition."
            todo = "Begin it with http://{address}:{port}/ (or {port1} and so on)."
            found.append(Problem(f"{at}/url", what, todo))
    return found
