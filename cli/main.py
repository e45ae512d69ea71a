"""The commands: `tenantry login | ls | show | order | plan | apply | logs | invoice | …`."""

import sys
from typing import Any

import click

from . import errors, settings
from .billing import invoice
from .client import Client
from .machines import node
from .services import logs, ls, order, show, start, stop
from .showing import as_json, facts
from .stacking import apply, plan
from .tickets import ticket


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="tenantry")
def main() -> None:
    """Services, orders, invoices, nodes and tickets of a Tenantry, from the command line.

    The token of `tenantry login` is kept in a file that only you can read; the variables
    TENANTRY_URL and TENANTRY_TOKEN go before it. Exit codes: 0 done, 1 refused or failed, and of
    `plan` 2 when there is something to change.
    """


@main.command()
@click.argument("url")
@click.option("--token", help="Better left out: it is asked for, or read from a pipe.")
def login(url: str, token: str | None) -> None:
    """Log in at URL with an API token, made on the page of your organisation."""
    if not url.startswith(("https://", "http://")):
        raise errors.Unreachable("Give the whole address: https://portal.example")
    shown = token or _asked()
    known = settings.Login(url.rstrip("/"), shown)
    told = Client(known).get("me")
    place = settings.keep(known)
    names = ", ".join(f"{one['name']} ({one['organisation']})" for one in told["memberships"])
    click.echo(f"You are {told['email']}, member of {names}. Kept in {place}.")


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("API token", hide_input=True))
    return sys.stdin.readline().strip()


@main.command()
def logout() -> None:
    """Forget the token on this machine; revoke it on the page of your organisation."""
    settings.forget()
    click.echo("Forgotten.")


@main.command()
@click.option("--json", "is_json", is_flag=True, help="For programs.")
def me(is_json: bool) -> None:
    """Say who is calling and what they may do where."""
    told: dict[str, Any] = Client(settings.known()).get("me")
    as_json(told) if is_json else facts(told)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion for a shell: `eval "$(tenantry completion bash)"`."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "the choices are those that click knows"
    click.echo(kind(main, {}, "tenantry", "_TENANTRY_COMPLETE").source())


for command in (ls, show, order, start, stop, logs, plan, apply, invoice, node, ticket):
    main.add_command(command)
