"""A stack: which services there shall be. Planned against what is there, then applied. Set and get.

What the file does not name is left alone; what shall go is named with `state: ended`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml

from .client import Client
from .errors import Refused

STARTED, STOPPED, ENDED = "started", "stopped", "ended"
# As the state of a contract is called.
_AS_AGREED = {STARTED: "active", STOPPED: "suspended", ENDED: "ended"}
_KNOWN = {"name", "offer", "plan", "quantity", "parameters", "sla", "state"}
MOST_SERVICES = 500


class BadStack(click.ClickException):
    """The file is no stack: says where."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """One service as the file names it; its name names it for ever in the organisation."""

    name: str
    offer: str
    plan: str
    state: str = STARTED
    quantity: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sla: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stack:
    """What an organisation shall have."""

    organisation: str
    services: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        sign: + makes, ~ changes, - ends, ! waits for somebody.
        monthly_minor: how much more a month costs.
        calls: method, path, body and key of each call, in order.
    """

    sign: str
    name: str
    words: str
    monthly_minor: int = 0
    setup_minor: int = 0
    currency: str = ""
    calls: tuple[tuple[str, str, Any, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what programs read of it."""
        facts = {"sign": self.sign, "name": self.name, "words": self.words}
        prices = {"monthly_minor": self.monthly_minor, "setup_minor": self.setup_minor}
        return facts | prices | {"currency": self.currency}


def read(path: Path) -> Stack:
    """Return the stack of a file.

    Raises:
        BadStack: says what is wrong and where.
    """
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeError) as error:
        raise BadStack(f"{path}: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("services"), list):
        raise BadStack(f"{path}: write `organisation: O-…` and a list of `services:`.")
    if len(found["services"]) > MOST_SERVICES:
        raise BadStack(f"{path}: at most {MOST_SERVICES} services.")
    wanted = tuple(_wanted(number, one) for number, one in enumerate(found["services"], 1))
    names = [one.name for one in wanted]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise BadStack(f"{path}: {twice} is named twice.")
    return Stack(str(found.get("organisation", "")), wanted)


def _wanted(number: int, facts: Any) -> Wanted:
    where = f"services, number {number}"
    if not isinstance(facts, dict):
        raise BadStack(f"{where}: write name, offer, plan and parameters.")
    unknown = sorted(set(map(str, facts)) - _KNOWN)
    if unknown:
        raise BadStack(f"{where}: {unknown[0]} is unknown; known are {', '.join(sorted(_KNOWN))}.")
    texts = {name: str(facts.get(name) or "") for name in ("name", "offer", "plan", "quantity")}
    missing = [name for name in ("name", "offer", "plan") if not texts[name]]
    if missing:
        raise BadStack(f"{where}: give its {missing[0]}.")
    state = str(facts.get("state") or STARTED)
    if state not in _AS_AGREED:
        raise BadStack(f"{where}: state is {', '.join(_AS_AGREED)}.")
    maps = {name: facts.get(name) or {} for name in ("parameters", "sla")}
    if not all(isinstance(value, dict) for value in maps.values()):
        raise BadStack(f"{where}: parameters and sla are maps.")
    facts = {**texts, **maps}
    return Wanted(state=state, **facts)


def plan(client: Client, stack: Stack) -> list[Step]:
    """Return what is to be done so that there is what the file names; nothing is done.

    Raises:
        Refused: the API refuses a wish already now.
    """
    buyer = stack.organisation or _only_organisation(client)
    waiting = {one["name"] for one in client.rows("orders", organisation=buyer, state="placed")}
    steps: list[Step] = []
    for wanted in stack.services:
        steps += _steps(client, buyer, wanted, is_ordered=wanted.name in waiting)
    return steps


def _only_organisation(client: Client) -> str:
    mine = client.get("me")["memberships"]
    if len(mine) != 1:
        raise BadStack("Write `organisation: O-…`: you are a member of several.")
    return str(mine[0]["organisation"])


def _steps(client: Client, buyer: str, wanted: Wanted, *, is_ordered: bool) -> Iterator[Step]:
    found = list(client.rows("services", organisation=buyer, name=wanted.name))
    there = next((one for one in found if one["state"] != "ended"), None)
    if there is None:
        if wanted.state == ENDED:
            return
        if is_ordered:
            yield Step("!", wanted.name, "its order waits for the seller")
            return
        yield _ordered(client, buyer, wanted, before=len(found))
        return
    if wanted.state == ENDED:
        yield _ended(there)
        return
    yield from _told(client, there, wanted)
    yield from _resized(client, there, wanted)
    yield from _switched(there, wanted)


def _ordered(client: Client, buyer: str, wanted: Wanted, *, before: int) -> Step:
    wish = {
        "organisation": buyer, "offer": wanted.offer, "plan": wanted.plan,
        "parameters": dict(wanted.parameters), "sla": dict(wanted.sla),
    }  # fmt: skip
    quote = client.post("orders/quote", wish)
    # After a lost answer it is the same order; after the end of a service it is a new one.
    key = _key("order", buyer, wanted.name, before)
    waits = "" if quote["is_accepted_at_once"] else "; it will wait for the seller's approval"
    return Step(
        "+",
        wanted.name,
        f"order {wanted.offer}, plan {wanted.plan}{waits}",
        monthly_minor=quote["monthly_minor"],
        setup_minor=quote["setup_minor"],
        currency=quote["currency"],
        calls=(("POST", "orders", wish | {"name": wanted.name}, key),),
    )


def _told(client: Client, there: Mapping[str, Any], wanted: Wanted) -> Iterator[Step]:
    line = there["lines"][0]
    path = f"services/{there['reference']}/lines/{line['position']}"
    body = {"parameters": dict(wanted.parameters)}
    foreseen = client.post(f"{path}/plan", body)
    if foreseen["is_changed"]:
        names = ", ".join(foreseen["changes"])
        calls = (("PUT", f"{path}/parameters", body, ""),)
        yield Step("~", wanted.name, f"change parameters: {names}", calls=calls)


def _resized(client: Client, there: Mapping[str, Any], wanted: Wanted) -> Iterator[Step]:
    line = there["lines"][0]
    if wanted.offer != line["offer"]:
        raise BadStack(f"{wanted.name} is of the offer {line['offer']}: end it to order another.")
    body = {"plan": wanted.plan} | ({"quantity": wanted.quantity} if wanted.quantity else {})
    path = f"services/{there['reference']}/lines/{line['position']}"
    try:
        found = client.post(f"{path}/outlook", body)
    except Refused as refusal:
        kind = str(refusal.problem.get("type", ""))
        if kind.endswith(":nothing_changes"):
            return
        if kind.endswith(":change_planned"):
            yield Step("!", wanted.name, str(refusal.problem["title"]))
            return
        if kind.endswith(":not_in_force") and wanted.plan == line["plan"]:
            return
        raise
    words = f"plan {wanted.plan}, quantity {found['quantity']}, from {found['effective_at'][:10]}"
    key = _key("resize", there["reference"], found["seen"], wanted.plan, wanted.quantity)
    yield Step(
        "~",
        wanted.name,
        words,
        monthly_minor=found["more_minor"],
        currency=there["currency"],
        calls=(("POST", f"{path}/resize", body | {"seen": found["seen"]}, key),),
    )


def _switched(there: Mapping[str, Any], wanted: Wanted) -> Iterator[Step]:
    if there["state"] == _AS_AGREED[wanted.state]:
        return
    verb, words = ("resume", "start") if wanted.state == STARTED else ("suspend", "stop")
    path, body = f"services/{there['reference']}/{verb}", {"why": "as the stack says"}
    yield Step("~", wanted.name, words, calls=(("POST", path, body, ""),))


def _ended(there: Mapping[str, Any]) -> Step:
    body = {"why": "as the stack says", "confirm": there["name"]}
    return Step(
        "-",
        str(there["name"]),
        f"end {there['reference']}; its data is deleted after the retention",
        monthly_minor=-(there["monthly_minor"] or 0),
        currency=there["currency"],
        calls=(("POST", f"services/{there['reference']}/end", body, ""),),
    )


def apply(client: Client, steps: Sequence[Step]) -> Iterator[tuple[Step, Any]]:
    """Do the steps one after the other; yield each with the last answer."""
    for step in steps:
        answer: Any = None
        for method, path, body, key in step.calls:
            answer = client.call(method, path, body=body, key=key).data()
        yield step, answer


def _key(*parts: object) -> str:
    digest = hashlib.sha256(json.dumps([str(one) for one in parts]).encode()).hexdigest()
    return f"stack-{digest[:40]}"
