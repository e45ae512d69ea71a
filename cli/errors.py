"""What goes wrong, in the words of the API's problems."""

from collections.abc import Mapping
from typing import Any

import click


class Refused(click.ClickException):
    """The API refused: shown as its problem says it, with what is wrong with which field."""

    exit_code = 1

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.problem = dict(problem)
        super().__init__(words_of(problem))


class Unreachable(click.ClickException):
    """Nobody answers, or what answers is no Tenantry."""

    exit_code = 1


def words_of(problem: Mapping[str, Any]) -> str:
    """Return a problem in lines: its title, its detail, a line per field, and its kind."""
    lines = [str(problem.get("title", "Refused."))]
    if problem.get("detail"):
        lines.append(str(problem["detail"]))
    lines += [f"  {place}: {said}" for place, said in _leaves("", problem.get("errors"))]
    kind = str(problem.get("type", "")).removeprefix("urn:tenantry:")
    return "\n".join([*lines, f"  ({kind}, {problem.get('status')})"])


def _leaves(place: str, value: Any) -> list[tuple[str, str]]:
    """Return what is said at each place of a tree of errors."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        pairs = value.items()
        return [leaf for key, inner in pairs for leaf in _leaves(f"{place}.{key}", inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(place, inner)]
    return [(place.removeprefix("."), str(value))]
