"""Read `software.toml`: what a release says of itself, held against its published schema."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from orchestration.releases.archive import BadRelease

_SCHEMA = Path(__file__).parent / "catalogue" / "software.schema.json"
_REMEDIES = {
    "required": "Add it.",
    "additionalProperties": "Remove it, or write it as docs/releases.md does.",
    "enum": "Use one of these.",
    "type": "Write a value of this type.",
}
_ELSE = "See docs/releases.md for what may stand here."


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a release.

    `where` is the place in `software.toml`, its keys and positions (from 0) joined by slashes.
    """

    where: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"at {self.where}: {self.what} {self.todo}"


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of `software.toml`."""
    loaded: Mapping[str, Any] = json.loads(_SCHEMA.read_text())
    return loaded


def parse(directory: Path) -> dict[str, Any]:
    """Return what `software.toml` holds.

    Raises:
        BadRelease: there is none, or it is no TOML.
    """
    path = directory / "software.toml"
    if not path.is_file():
        raise BadRelease(f"There is no software.toml in {directory.name}.")
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRelease(f"software.toml of {directory.name} cannot be read: {error}") from error


def schema_problems(profile: Mapping[str, Any]) -> list[Problem]:
    """Return everything in which a profile differs from the schema, in the file's order."""
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(schema(), format_checker=checker)
    best = jsonschema.exceptions.best_match
    errors = [best([error]) or error for error in validator.iter_errors(profile)]
    found = list(dict.fromkeys(_problem(error) for error in errors))
    return sorted(found, key=lambda problem: problem.where)


def place(*parts: str | int) -> str:
    """Return a place as problems write it."""
    return "/".join(str(part) for part in parts) or "the top"


def _problem(error: jsonschema.exceptions.ValidationError) -> Problem:
    described = error.schema.get("description") if isinstance(error.schema, dict) else None
    todo = _REMEDIES.get(str(error.validator)) or described or _ELSE
    return Problem(place(*error.absolute_path), f"{error.message[:300]}.", todo)
