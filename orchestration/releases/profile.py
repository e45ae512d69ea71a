"""Read `software.toml`: what a release says of itself, checked before it is published."""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from orchestration.releases.archive import BadRelease

_SCHEMA = Path(__file__).parent / "catalogue" / "software.schema.json"


@cache
def _schema() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(_SCHEMA.read_text())
    return loaded


def read(directory: Path) -> dict[str, Any]:
    """Return the parsed `software.toml`.

    Raises:
        BadRelease: says which part is wrong and why.
    """
    path = directory / "software.toml"
    if not path.is_file():
        raise BadRelease(f"There is no software.toml in {directory.name}.")
    try:
        profile = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRelease(f"software.toml of {directory.name} cannot be read: {error}") from error
    problem = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(_schema()).iter_errors(profile)
    )
    if problem:
        where = "/".join(str(part) for part in problem.absolute_path) or "the top"
        raise BadRelease(f"software.toml of {directory.name}, at {where}: {problem.message}")
    return profile
