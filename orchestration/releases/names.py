"""Check the names in braces, and the files of the release that commands name."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration.node_agent.fill import NAME
from orchestration.releases.profile import Problem

# What every partition has; a node may be given more, and a release cannot count on it.
PORTS = 10
# What the Master makes for every instance.
SECRETS = ("password",)
OWN_PORT = re.compile(r"\{port[0-9]*\}")
OWN_URL = re.compile(r"http://\{address\}:\{port[0-9]*\}(/|$)")

_PORT = re.compile(r"port[0-9]+")
_BUILD = ("build", "source")
_SOURCE = re.compile(r"\{(?:release\}/source|source\})/([A-Za-z0-9._/-]+)")
_BUILDOUT = re.compile(r"^zc[.-]buildout==\S+[^\n]*\\\n\s*--hash=", re.MULTILINE | re.IGNORECASE)
# How like one of ours a name in a template must be to be taken for a slip of the pen.
_ALIKE = 0.8
Kind = Mapping[str, Any]


def in_build(directory: Path, build: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with the names and files of the build."""
    found = _in_buildout(directory, build["buildout"]) if "buildout" in build else []
    for number, command in enumerate(build.get("commands", [])):
        for where, text in _numbered(f"build/commands/{number}", command):
            for name in used(text):
                if name not in _BUILD:
                    todo = "A build knows {build} and {source} only."
                    found.append(Problem(where, f"Nothing defines {{{name}}}.", todo))
            found += _missing(directory, where, text)
    return found


def _in_buildout(directory: Path, profile: str) -> list[Problem]:
    """Look for the profile and the lock: zc.buildout itself comes from there too."""
    where = "build/buildout"
    found = _missing(directory, where, f"{{source}}/{profile}")
    if not _BUILDOUT.search(text_of(directory / "requirements.txt") or ""):
        what = "The release's requirements.txt does not lock zc.buildout."
        todo = "Add zc.buildout, the recipes and all that they need, each with --hash=sha256:…"
        found.append(Problem(where, what, todo))
    return found


def in_type(directory: Path, where: str, kind: Kind) -> list[Problem]:
    """Return what is wrong with the names that a software type uses."""
    rules = kind.get("parameters", {})
    found = []
    for at, text in [*_commands(where, kind), *_texts(where, kind)]:
        found += [problem for name in used(text) for problem in _wrong(at, name, rules)]
        found += _missing(directory, at, text)
    for at, text in _commands(where, kind):
        if "{secrets." in text:
            what = "Every user of the machine can read the arguments of a command."
            todo = "Put the secret into a file (secret = true) or into the environment."
            found.append(Problem(at, what, todo))
    return found + list(_in_templates(directory, where, kind))


def used(text: str) -> list[str]:
    """Return the names in braces, each once."""
    return list(dict.fromkeys(NAME.findall(text)))


def text_of(path: Path) -> str | None:
    """Return the content of a template, or None when there is no such text."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None


def _numbered(where: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(texts):
        yield f"{where}/{number}", text


def _commands(where: str, kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield each argument of each command that nodes run, with its place."""
    for group in ("services", "promises"):
        for number, one in enumerate(kind.get(group, [])):
            yield from _numbered(f"{where}/{group}/{number}/command", one.get("command", []))


def _texts(where: str, kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield each other text that nodes fill, with its place; templates are looked at apart."""
    for group in ("services", "promises"):
        for number, one in enumerate(kind.get(group, [])):
            at = f"{where}/{group}/{number}"
            for key, text in one.get("environment", {}).items():
                yield f"{at}/environment/{key}", text
            for key in ("url", "port", "contains", "user", "password"):
                if key in one:
                    yield f"{at}/{key}", one[key]
    for key, text in kind.get("publish", {}).items():
        yield f"{where}/publish/{key}", text


def _in_templates(directory: Path, where: str, kind: Kind) -> Iterator[Problem]:
    """Look into templates: other braces than ours are theirs, unless they look like ours."""
    rules = kind.get("parameters", {})
    known = [*_plain(), "parameters", "secrets"]
    for number, one in enumerate(kind.get("files", [])):
        at = f"{where}/files/{number}/template"
        for name in used(text_of(directory / one["template"]) or ""):
            if difflib.get_close_matches(name.split(".")[0], known, cutoff=_ALIKE):
                yield from _wrong(at, name, rules)


def _plain() -> list[str]:
    return ["address", "partition", "release", "port", *(f"port{n}" for n in range(1, PORTS))]


def _wrong(where: str, name: str, rules: Mapping[str, Any]) -> list[Problem]:
    """Return why a name cannot be filled in, if so."""
    properties = rules.get("properties", {})
    if name in _plain() or name in [f"secrets.{secret}" for secret in SECRETS]:
        return []
    if _PORT.fullmatch(name):
        what = f"{{{name}}} is outside: a partition has {PORTS} ports."
        return [Problem(where, what, f"Use {{port}} to {{port{PORTS - 1}}}.")]
    group, _, key = name.partition(".")
    if group != "parameters" or key not in properties:
        known = [*_plain(), "secrets.password", *(f"parameters.{one}" for one in properties)]
        close = difflib.get_close_matches(name, known, n=1)
        todo = f"Did you mean {{{close[0]}}}?" if close else "See the list in docs/releases.md."
        return [Problem(where, f"Nothing defines {{{name}}}.", todo)]
    rule = properties[key]
    if key in rules.get("required", []) or (isinstance(rule, dict) and "default" in rule):
        return []
    what = f"{{{name}}} stays as it is when the parameter is not given."
    return [Problem(where, what, f"Give '{key}' a default, or list it under required.")]


def _missing(directory: Path, where: str, text: str) -> list[Problem]:
    return [
        Problem(where, f"There is no '{name}' in the release's directory.", "Add it.")
        for name in _SOURCE.findall(text)
        if not (directory / name).exists()
    ]
