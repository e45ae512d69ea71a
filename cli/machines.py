"""Commands of nodes, for operators."""

import click

from .options import client, json_option, most_option
from .services import listed
from .showing import as_json, facts


@click.group()
def node() -> None:
    """Compute nodes."""


@node.command("ls")
@click.option("--state", default="", help="ready, closed, draining, unreachable, …")
@most_option
@json_option
def ls(state: str, most: int, is_json: bool) -> None:
    """List the nodes."""
    listed("nodes", client().rows("nodes", most=most, state=state), is_json=is_json)


@node.command("show")
@click.argument("reference")
@json_option
def show(reference: str, is_json: bool) -> None:
    """Show a node with what it told of itself."""
    found = client().get(f"nodes/{reference}")
    as_json(found) if is_json else facts(found)


def _verb(name: str, words: str) -> None:
    @node.command(name, help=words)
    @click.argument("reference")
    @click.option("--why", required=True, help="Shown at the node.")
    @json_option
    def act(reference: str, why: str, is_json: bool) -> None:
        found = client().post(f"nodes/{reference}/{name}", {"why": why})
        if is_json:
            as_json(found)
        else:
            click.echo(f"{found['name']} ({found['reference']}) is {found['state']}.")


_verb("close", "Take no new instances.")
_verb("maintain", "Close for maintenance.")
_verb("reopen", "Take new instances again.")
_verb("retire", "Let go of an empty node for ever.")
