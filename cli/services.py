"""Commands of services: list, show, order, stop, start, follow."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import click

from .client import Client
from .options import client, complete_services, json_option, most_option, place_of
from .showing import as_json, facts, money, table

LISTS = ("services", "orders", "invoices", "tickets", "nodes", "instances", "organisations")
_COLUMNS: dict[str, Any] = {
    "services": {
        "reference": "reference", "name": "name", "state": "state",
        "a month": lambda one: money(one["monthly_minor"], one["currency"]),
        "since": "state_since", "organisation": "organisation",
    },
    "orders": {
        "reference": "reference", "name": "name", "state": "state",
        "a month": lambda one: money(one["monthly_minor"], one["currency"]), "service": "service",
    },
    "invoices": {
        "reference": "reference", "number": "number", "customer": "customer", "state": "state",
        "issued": "issued_on", "due": "due_on",
        "total": lambda one: money(one["total_minor"], one["currency"]),
        "open": lambda one: money(one["open_minor"], one["currency"]),
    },
    "tickets": {
        "reference": "reference", "subject": "subject", "kind": "kind", "state": "state",
        "organisation": "organisation",
    },
    "nodes": {
        "reference": "reference", "name": "name", "state": "state", "region": "region",
        "taken": lambda one: f"{one['taken']}/{one['partitions']}", "seen": "last_seen_at",
    },
    "instances": {
        "reference": "reference", "service": "service", "product": "product", "state": "state",
        "node": "node",
    },
    "organisations": {
        "reference": "reference", "name": "name", "kind": "kind", "parent": "parent",
    },
}  # fmt: skip
_FOLLOW_SECONDS = 3.0


def listed(what: str, rows: Iterator[Any], *, is_json: bool) -> None:
    """Print a list of one kind."""
    if is_json:
        as_json(list(rows))
    else:
        table(rows, _COLUMNS[what], empty=f"There are no {what}.")


@click.command()
@click.argument("what", type=click.Choice(LISTS), default="services")
@click.option("--state", default="", help="Only those in this state.")
@most_option
@json_option
def ls(what: str, state: str, most: int, is_json: bool) -> None:
    """List services, or another kind of thing, newest first."""
    listed(what, client().rows(what, most=most, state=state), is_json=is_json)


@click.command()
@click.argument("reference", shell_complete=complete_services)
@json_option
def show(reference: str, is_json: bool) -> None:
    """Show one object by its reference: C-… a service, V-… an invoice, T-… a ticket, …"""
    found = client().get(f"{place_of(reference)}/{reference}")
    as_json(found) if is_json else facts(found)


@click.command()
@click.argument("offer")
@click.argument("plan")
@click.argument("name")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter.")
@click.option("--at", "wishes", multiple=True, metavar="NAME=VALUE", help="A wish of the place.")
@click.option("--for", "buyer", default="", help="Who buys: O-…; yours if left out.")
@click.option("--key", default="", help="Names this order: the same again is the same order.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def order(
    offer: str, plan: str, name: str, settings: tuple[str, ...], wishes: tuple[str, ...],
    buyer: str, key: str, yes: bool, is_json: bool,
) -> None:  # fmt: skip
    """Order PLAN of OFFER (P-…) and call it NAME; the price is shown first."""
    server = client()
    wish = {
        "organisation": buyer or _own(server), "offer": offer, "plan": plan,
        "parameters": _pairs(settings), "sla": _pairs(wishes),
    }  # fmt: skip
    quote = server.post("orders/quote", wish)
    if not yes:
        price = money(quote["monthly_minor"], quote["currency"])
        setup = money(quote["setup_minor"], quote["currency"])
        click.confirm(f"{name}: {price} a month, {setup} once. Order it?", abort=True, err=True)
    placed = server.post("orders", wish | {"name": name}, key=key or secrets.token_hex(16))
    if is_json:
        as_json(placed)
    elif placed["service"]:
        click.echo(f"Ordered: the service is {placed['service']}.")
    else:
        click.echo(f"Ordered: {placed['reference']} waits for {placed['seller']}.")


def _own(server: Client) -> str:
    mine = [one for one in server.get("me")["memberships"] if "order" in one["rights"]]
    if len(mine) != 1:
        raise click.UsageError("Say for whom: --for O-…")
    return str(mine[0]["organisation"])


def _pairs(given: tuple[str, ...]) -> dict[str, Any]:
    """Return `name=value`s; a value that reads as a number or yes/no is one."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise click.UsageError(f"{one}: write NAME=VALUE.")
        found[name] = _typed(value)
    return found


def _typed(value: str) -> Any:
    if value in {"true", "false"}:
        return value == "true"
    try:
        return int(value)
    except ValueError:
        return value


@click.command()
@click.argument("service", shell_complete=complete_services)
@click.option("--why", default="stopped from the command line", show_default=True)
@json_option
def stop(service: str, why: str, is_json: bool) -> None:
    """Stop a service without ending the agreement; its base price goes on."""
    _moved(client().post(f"services/{service}/suspend", {"why": why}), is_json=is_json)


@click.command()
@click.argument("service", shell_complete=complete_services)
@click.option("--why", default="")
@json_option
def start(service: str, why: str, is_json: bool) -> None:
    """Start a stopped service again."""
    _moved(client().post(f"services/{service}/resume", {"why": why}), is_json=is_json)


def _moved(found: Any, *, is_json: bool) -> None:
    if is_json:
        as_json(found)
    else:
        click.echo(f"{found['name']} ({found['reference']}) is {found['state']}.")


@click.command()
@click.argument("reference", shell_complete=complete_services)
@click.option("-f", "--follow", is_flag=True, help="Go on as more happens.")
@click.option("-n", "--last", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def logs(reference: str, follow: bool, last: int, is_json: bool) -> None:
    """Show what happened to an object, oldest first; of an instance (I-…) its log too."""
    server, place = client(), f"{place_of(reference)}/{reference}"
    seen: set[str] = set()
    text = ""
    while True:
        events = list(server.rows(f"{place}/events", most=last))
        for event in reversed(events):
            name = f"{event['at']} {event['event']} {event['by']}"
            if name not in seen:
                seen.add(name)
                as_json(event) if is_json else click.echo(_line(event))
        if reference.startswith("I-"):
            now = server.get(f"{place}/log")["text"]
            fresh = _fresh(text, now)
            text = now
            if fresh:
                click.echo(fresh, nl=not fresh.endswith("\n"))
        if not follow:
            return
        time.sleep(_FOLLOW_SECONDS)


def _line(event: dict[str, Any]) -> str:
    why = f": {event['why']}" if event["why"] else ""
    return f"{event['at'][:19]}Z  {event['event']}  by {event['by']}{why}"


def _fresh(before: str, now: str) -> str:
    """Return what a tail of a log has that the former tail had not."""
    for start in range(len(before)):
        if now.startswith(before[start:]):
            return now[len(before) - start :]
    return now
