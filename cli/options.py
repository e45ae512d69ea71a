"""What all commands share: `--json`, and the way to the server."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .client import Client
from .settings import known

F = TypeVar("F", bound=Callable[..., Any])
MOST = 200

# A letter for the kind, as references begin; where each is read.
PLACES = {
    "C": "services", "Q": "orders", "V": "invoices", "T": "tickets", "N": "nodes",
    "I": "instances", "O": "organisations", "W": "webhooks", "L": "price-lists",
}  # fmt: skip


def json_option(command: F) -> F:
    """Let a command print for programs."""
    return click.option("--json", "is_json", is_flag=True, help="For programs.")(command)


def most_option(command: F) -> F:
    """Let a command print more or fewer rows."""
    return click.option(
        "--most", default=MOST, show_default=True, type=click.IntRange(1, 100_000),
        help="Rows at most.",
    )(command)  # fmt: skip


def client() -> Client:
    """Return the way to the server.

    Raises:
        NotLoggedIn: there is none.
    """
    return Client(known())


def place_of(reference: str) -> str:
    """Return where an object of this reference is read.

    Raises:
        UsageError: it is no reference of anything.
    """
    kind, dash, _ = reference.partition("-")
    if not dash or kind not in PLACES or "/" in reference:
        known_kinds = ", ".join(f"{letter}-… ({place})" for letter, place in PLACES.items())
        raise click.UsageError(f"{reference} is no reference; there are: {known_kinds}.")
    return PLACES[kind]


def complete_services(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Complete the references of services; without an answer, nothing."""
    try:
        rows = list(client().rows("services", most=MOST))
    except click.ClickException:
        return []
    return [
        click.shell_completion.CompletionItem(one["reference"], help=one["name"])
        for one in rows
        if one["reference"].startswith(incomplete)
    ]
