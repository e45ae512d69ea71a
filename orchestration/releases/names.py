"""Check the names in braces, and the files of the release that commands name."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erp.base.secret_parameters import names_of
from orchestration.node_agent.fill import NAME
from orchestration.releases.profile import Problem

# What every partition has; a node may be given more, and a release cannot count on it.
PORTS = 10
# What the Master makes for every instance.
SECRETS = ("password",)
OWN_PORT = re.compile(r"\{port[0-9]*\}")
OWN_URL = re.compile(r"http://\{(?:address|url_host)\}:\{port[0-9]*\}(/|$)")

_PORT = re.compile(r"port[0-9]+")
_BUILD = ("build", "source")
_SOURCE = re.compile(r"\{(?:release\}/source|source\})/([A-Za-z0-9._/-]+)")
_BUILDOUT = re.compile(r"^zc[.-]buildout==\S+[^\n]*\\\n\s*--hash=", re.MULTILINE | re.IGNORECASE)
# How like one of ours a name in a template must be to be taken for a slip of the pen.
_ALIKE = 0.8
Kind = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """The names that a text may use: those that always have a value, and parameters by schema."""

    plain: tuple[str, ...]
    rules: Mapping[str, Any]
    children: tuple[str, ...] = ()

    def all(self) -> list[str]:
        """Return every name, for the one that was meant."""
        parameters = [f"parameters.{name}" for name in self.rules.get("properties", {})]
        return [*self.plain, *parameters, *(f"children.{name}." for name in self.children)]


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
    known = Known(_plain(), kind.get("parameters", {}), _children(kind))
    commands = list(_commands(where, kind))
    found = wrong([*commands, *_texts(where, kind)], known)
    for at, text in [*commands, *_texts(where, kind)]:
        found += _missing(directory, at, text)
    for at, text in commands:
        if holds_secret(text, kind):
            what = "Every user of the machine can read the arguments of a command."
            todo = "Put the secret into a file (secret = true) or into the environment."
            found.append(Problem(at, what, todo))
    return found + list(_in_templates(directory, where, kind, known))


def holds_secret(text: str, kind: Kind) -> bool:
    """Return whether a secret is filled into a text; what a child publishes is one, as a rule."""
    secret = (f"{{parameters.{name}}}" for name in names_of(kind.get("parameters", {})))
    return any(sign in text for sign in ("{secrets.", "{children.", *secret))


def wrong(texts: Iterable[tuple[str, str]], known: Known) -> list[Problem]:
    """Return what is wrong with the names in texts, each text with its place."""
    return [
        problem for at, text in texts for name in used(text) for problem in _wrong(at, name, known)
    ]


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
    for group in ("services", "promises", "meters"):
        for number, one in enumerate(kind.get(group, [])):
            yield from _numbered(f"{where}/{group}/{number}/command", one.get("command", []))
    for at, hook in _hooks(where, kind):
        yield from _numbered(f"{at}/command", hook["command"])


def _hooks(where: str, kind: Kind) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what runs around a backup and after a restore, with its place."""
    backup = kind.get("backup", {})
    groups = {f"{where}/backup": backup, f"{where}/backup/stopped": backup.get("stopped", {})}
    for at, group in groups.items():
        for name in ("before", "after", "restored"):
            if name in group:
                yield f"{at}/{name}", group[name]


def _texts(where: str, kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield each other text that nodes fill, with its place; templates are looked at apart."""
    for group in ("services", "promises", "meters"):
        for number, one in enumerate(kind.get(group, [])):
            at = f"{where}/{group}/{number}"
            for key, text in one.get("environment", {}).items():
                yield f"{at}/environment/{key}", text
            for key in ("url", "port", "contains", "user", "password"):
                if key in one:
                    yield f"{at}/{key}", one[key]
    for at, hook in _hooks(where, kind):
        for key, text in hook.get("environment", {}).items():
            yield f"{at}/environment/{key}", text
    for key, text in kind.get("publish", {}).items():
        yield f"{where}/publish/{key}", text


def _in_templates(directory: Path, where: str, kind: Kind, known: Known) -> Iterator[Problem]:
    """Look into templates: other braces than ours are theirs, unless they look like ours."""
    ours = [*_plain(), "parameters", "secrets", "children"]
    for number, one in enumerate(kind.get("files", [])):
        at = f"{where}/files/{number}/template"
        for name in used(text_of(directory / one["template"]) or ""):
            if difflib.get_close_matches(name.split(".")[0], ours, cutoff=_ALIKE):
                yield from _wrong(at, name, known)


def _plain() -> tuple[str, ...]:
    ports = (f"port{number}" for number in range(1, PORTS))
    secrets = (f"secrets.{secret}" for secret in SECRETS)
    places = ("address", "address6", "addresses", "url_host", "partition", "release", "port")
    return (*places, *ports, *secrets)


def _children(kind: Kind) -> tuple[str, ...]:
    return tuple(one["name"] for one in kind.get("children", []))


def _wrong(where: str, name: str, known: Known) -> list[Problem]:
    """Return why a name cannot be filled in, if so."""
    group, _, key = name.partition(".")
    if name in known.plain or (group == "children" and _is_of_child(key, known)):
        return []
    if _PORT.fullmatch(name):
        what = f"{{{name}}} is outside: a partition has {PORTS} ports."
        return [Problem(where, what, f"Use {{port}} to {{port{PORTS - 1}}}.")]
    properties = known.rules.get("properties", {})
    if group != "parameters" or key not in properties:
        close = difflib.get_close_matches(name, known.all(), n=1)
        todo = f"Did you mean {{{close[0]}}}?" if close else "See the list in docs/releases.md."
        return [Problem(where, f"Nothing defines {{{name}}}.", todo)]
    rule = properties[key]
    if key in known.rules.get("required", []) or (isinstance(rule, dict) and "default" in rule):
        return []
    what = f"{{{name}}} stays as it is when the parameter is not given."
    return [Problem(where, what, f"Give '{key}' a default, or list it under required.")]


def _is_of_child(key: str, known: Known) -> bool:
    """Only the child's own release knows what it publishes; that there is one is known here."""
    child, _, published = key.partition(".")
    return child in known.children and published != ""


def _missing(directory: Path, where: str, text: str) -> list[Problem]:
    return [
        Problem(where, f"There is no '{name}' in the release's directory.", "Add it.")
        for name in _SOURCE.findall(text)
        if not (directory / name).exists()
    ]
