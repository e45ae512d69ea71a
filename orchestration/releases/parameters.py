"""Check the JSON Schema of a software type's parameters, and that its defaults fit it."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

from orchestration.releases.profile import Problem


def problems(where: str, rules: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a schema that is valid as such."""
    if rules and rules.get("type") != "object":
        return [Problem(where, "Parameters are an object.", 'Add: type = "object".')]
    strange = [*_references(where, rules, rules), *_secrets(where, rules)]
    return strange or list(_defaults(where, rules, jsonschema.Draft202012Validator(rules)))


def _secrets(where: str, rules: Mapping[str, Any]) -> Iterator[Problem]:
    """Only a parameter itself can be a secret, and nobody knows it beforehand."""
    for name, rule in rules.get("properties", {}).items():
        at = f"{where}/properties/{name}"
        if not isinstance(rule, dict):
            continue
        if rule.get("writeOnly") is True and rule.get("default"):
            what = "A secret that everybody may read here is none."
            yield Problem(f"{at}/default", what, "Leave it empty, or remove it.")
        for key, inner in rule.items():
            if _is_secret_inside(inner):
                what = "A part of a parameter cannot be a secret."
                yield Problem(f"{at}/{key}", what, "Make it a parameter of its own.")


def _is_secret_inside(part: Any) -> bool:
    if isinstance(part, dict):
        return part.get("writeOnly") is True or any(map(_is_secret_inside, part.values()))
    return isinstance(part, list) and any(map(_is_secret_inside, part))


def _references(where: str, part: Any, rules: Mapping[str, Any]) -> Iterator[Problem]:
    """Find references that lead nowhere: a release stands alone."""
    children: list[tuple[str, Any]] = []
    if isinstance(part, dict):
        target = part.get("$ref")
        if isinstance(target, str) and not _leads(target, rules):
            todo = "Refer to something below: #/$defs/… of these parameters."
            yield Problem(f"{where}/$ref", f"'{target}' leads nowhere.", todo)
        children = list(part.items())
    elif isinstance(part, list):
        children = [(str(number), one) for number, one in enumerate(part)]
    for name, child in children:
        yield from _references(f"{where}/{name}", child, rules)


def _leads(target: str, rules: Mapping[str, Any]) -> bool:
    if not target.startswith("#"):
        return False
    found: Any = rules
    for step in target[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    return True


def _defaults(
    where: str, rules: Mapping[str, Any], validator: jsonschema.Draft202012Validator
) -> Iterator[Problem]:
    """Find defaults, also those of nested objects, that their own schema refuses."""
    for name, rule in rules.get("properties", {}).items():
        if not isinstance(rule, dict):
            continue
        at = f"{where}/properties/{name}"
        if "default" in rule:
            for error in validator.evolve(schema=rule).iter_errors(rule["default"]):
                what = f"The default does not fit: {error.message[:200]}."
                yield Problem(f"{at}/default", what, "Change the default or its schema.")
        yield from _defaults(at, rule, validator)
