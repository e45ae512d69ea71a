"""The API as people read it: one page per resource, made of the same description that programs get.

Nothing is loaded from elsewhere, and there is nothing to keep in step with the doors.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_GET

from config.api import RESOURCES
from config.api_schema import document

_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is sent or answered; `depth` says how far inside."""

    name: str
    kind: str
    words: str
    is_required: bool
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """One call."""

    name: str
    method: str
    path: str
    words: str
    asked: tuple[Field, ...]
    sent: tuple[Field, ...]
    answers: tuple[tuple[str, str, str, tuple[Field, ...]], ...]
    curl: str

    @property
    def label_asked(self) -> str:
        """Return how a screen reader calls the table of what is asked."""
        return f"{self.name}: asked"

    @property
    def label_sent(self) -> str:
        """Return how it calls the table of what is sent."""
        return f"{self.name}: sent"


def resources() -> dict[str, list[Operation]]:
    """Return the calls of each resource, in the order of the list of resources."""
    found: dict[str, list[Operation]] = {}
    for route, methods in document()["paths"].items():
        for method in _METHODS:
            if method in methods:
                tag = methods[method]["tags"][0]
                found.setdefault(tag, []).append(_operation(route, method, methods[method]))
    return found


def _operation(route: str, method: str, facts: Mapping[str, Any]) -> Operation:
    asked = tuple(
        Field(one["name"], _kind(one["schema"]), _words(one), bool(one.get("required")))
        for one in facts.get("parameters", ())
    )
    bodies = facts.get("requestBody", {}).get("content", {})
    sent = tuple(_fields(next(iter(bodies.values()))["schema"])) if bodies else ()
    name = facts["operationId"]
    answers = tuple(
        (
            status,
            ", ".join(content),
            f"{name}: answer {status}",
            tuple(_fields(next(iter(content.values()))["schema"])),
        )
        for status, answer in facts["responses"].items()
        if status != "4XX" and (content := answer.get("content")) is not None
    )
    return Operation(
        name=name,
        method=method.upper(),
        path=route,
        words=facts.get("description", ""),
        asked=asked,
        sent=sent,
        answers=answers,
        curl=_curl(route, method, bodies, asked),
    )


def _curl(
    route: str, method: str, bodies: Mapping[str, Any], asked: tuple[Field, ...]
) -> str:  # fmt: skip
    parts = ['curl -H "Authorization: Bearer $TENANTRY_TOKEN"']
    parts += [f"-X {method.upper()}"] if method != "get" else []
    if any(one.name == "Idempotency-Key" for one in asked):
        parts.append('-H "Idempotency-Key: $(uuidgen)"')
    kind = next(iter(bodies), "")
    if kind:
        parts.append(f'-H "Content-Type: {kind}"')
        parts.append("-d @body.json" if kind == "application/json" else "--data-binary @file")
    return " ".join([*parts, f'"$TENANTRY_URL{route}"'])


def _words(facts: Mapping[str, Any]) -> str:
    """Return the description of a parameter or field, on one line."""
    said = facts.get("description") or facts.get("schema", {}).get("description") or ""
    return " ".join(str(said).split())


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    target = schema.get("$ref")
    if target is None and len(schema.get("allOf", ())) == 1:
        target = schema["allOf"][0].get("$ref")
    if target is None:
        return schema
    found: Mapping[str, Any] = document()["components"]["schemas"][target.rpartition("/")[2]]
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the type in a few words."""
    schema = _resolved(schema)
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"] if one is not None)
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    kinds = schema.get("type", "any")
    said = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    return f"{said} ({schema['format']})" if "format" in schema else said


def _fields(schema: Mapping[str, Any], depth: int = 0) -> Iterator[Field]:
    """Yield the fields of an object with those inside it, a few levels deep."""
    schema = _resolved(schema)
    if schema.get("type") == "array":
        yield from _fields(schema["items"], depth)
        return
    required = set(schema.get("required", ()))
    for name, facts in schema.get("properties", {}).items():
        yield Field(name, _kind(facts), _words(facts), name in required, depth)
        if depth < _DEEPEST:
            yield from _fields(facts, depth + 1)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show which resources there are, and what every call has in common."""
    found = resources()
    shown = [(name, reverse(f"api-pages:{name}"), len(calls)) for name, calls in found.items()]
    facts = {"resources": shown}
    return render(request, "api/index.html", facts)


@require_GET
def resource(request: HttpRequest, name: str) -> HttpResponse:
    """Show the calls of one resource."""
    calls = resources()[name]
    facts = {"name": name, "calls": calls, "crumbs": [("API", "/api/")]}
    return render(request, "api/resource.html", facts)


app_name = "api-pages"
urlpatterns = [
    path("", index, name="index"),
    *(
        path(f"reference/{name}", resource, {"name": name}, name=name)
        for name in ("me", *RESOURCES)
    ),
]
