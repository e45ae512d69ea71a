"""Commands of tickets: list, read, open, answer, close."""

import secrets
import sys

import click

from .options import client, json_option, most_option
from .services import listed
from .showing import as_json


@click.group()
def ticket() -> None:
    """Tickets and incidents."""


@ticket.command("ls")
@click.option("--state", default="", help="open, waiting or closed.")
@most_option
@json_option
def ls(state: str, most: int, is_json: bool) -> None:
    """List tickets, newest first."""
    listed("tickets", client().rows("tickets", most=most, state=state), is_json=is_json)


@ticket.command("show")
@click.argument("reference")
@json_option
def show(reference: str, is_json: bool) -> None:
    """Read a conversation, oldest message first."""
    server = client()
    found = server.get(f"tickets/{reference}")
    found["messages"] = list(server.rows(f"tickets/{reference}/messages"))[::-1]
    if is_json:
        as_json(found)
        return
    click.echo(f"{found['subject']} ({found['reference']}, {found['state']})")
    for one in found["messages"]:
        note = " (internal)" if one["is_internal"] else ""
        click.echo(f"\n{one['at'][:16]}  {one['author']}{note}\n{one['body']}")


@ticket.command("new")
@click.argument("subject")
@click.option("--body", default="", help="What is the matter; read from a pipe if left out.")
@click.option("--service", default="", help="What it is about: C-…")
@click.option("--for", "organisation", default="", help="O-…; yours if left out.")
@json_option
def new(subject: str, body: str, service: str, organisation: str, is_json: bool) -> None:
    """Open a ticket."""
    server = client()
    owner = organisation or server.get("me")["memberships"][0]["organisation"]
    asked = {"organisation": owner, "subject": subject, "body": body or _piped()}
    asked |= {"service": service} if service else {}
    made = server.post("tickets", asked, key=secrets.token_hex(16))
    as_json(made) if is_json else click.echo(f"{made['reference']} is open.")


@ticket.command("answer")
@click.argument("reference")
@click.option("--body", default="", help="Read from a pipe if left out.")
@click.option("--internal", is_flag=True, help="For the staff alone.")
@json_option
def answer(reference: str, body: str, internal: bool, is_json: bool) -> None:
    """Say something in a ticket."""
    said = {"body": body or _piped(), "is_internal": internal}
    path = f"tickets/{reference}/messages"
    made = client().post(path, said, key=secrets.token_hex(16))
    as_json(made) if is_json else click.echo("Said.")


@ticket.command("close")
@click.argument("reference")
@click.option("--why", default="", help="How it ended.")
@json_option
def close(reference: str, why: str, is_json: bool) -> None:
    """Close a ticket."""
    found = client().post(f"tickets/{reference}/close", {"why": why})
    as_json(found) if is_json else click.echo(f"{found['reference']} is {found['state']}.")


def _piped() -> str:
    if sys.stdin.isatty():
        return click.edit() or ""
    return sys.stdin.read()
