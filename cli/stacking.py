"""`plan` and `apply`: the price of the change first, then the change; twice changes nothing."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from . import stack
from .options import client, json_option
from .showing import as_json, money

CHANGES = 2
_FILE = click.option(
    "-f", "--file", "path", required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="The stack, as YAML.",
)  # fmt: skip
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "cyan"}


@click.command()
@_FILE
@json_option
def plan(path: Path, is_json: bool) -> None:
    """Show what `apply` would change and what that costs: 0 nothing, 1 an error, 2 something."""
    steps = stack.plan(client(), stack.read(path))
    if is_json:
        as_json([step.as_json() for step in steps])
    else:
        _show(steps)
    if _to_do(steps):
        sys.exit(CHANGES)


@click.command()
@_FILE
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def apply(path: Path, yes: bool, is_json: bool) -> None:
    """Make what the file names be there; the price is shown first. Twice changes nothing."""
    server = client()
    steps = stack.plan(server, stack.read(path))
    if not is_json:
        _show(steps)
    doing = _to_do(steps)
    if doing and not yes:
        click.confirm("Do this?", abort=True, err=True)
    done = []
    for step, _ in stack.apply(server, doing):
        done.append(step.as_json())
        if not is_json:
            click.echo(f"done: {step.name}: {step.words}")
    if is_json:
        as_json(done)


def _to_do(steps: Sequence[stack.Step]) -> list[stack.Step]:
    return [step for step in steps if step.calls]


def _show(steps: Sequence[stack.Step]) -> None:
    if not steps:
        click.echo("Nothing to change: there is what the file names.")
        return
    for step in steps:
        price = money(step.monthly_minor, step.currency) if step.currency else ""
        more = f"  ({'+' if step.monthly_minor > 0 else ''}{price} a month)" if price else ""
        click.secho(f"{step.sign} {step.name}: {step.words}{more}", fg=_COLOURS[step.sign])
    for currency in sorted({step.currency for step in steps if step.currency}):
        mine = [step for step in steps if step.currency == currency]
        monthly = money(sum(step.monthly_minor for step in mine), currency)
        once = money(sum(step.setup_minor for step in mine), currency)
        click.echo(f"Price of the change: {monthly} a month, {once} once, without tax.")
