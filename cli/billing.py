"""Commands of invoices: list, show, get their documents, explain a line."""

from pathlib import Path

import click

from .options import client, json_option, most_option
from .services import listed
from .showing import Cell, as_json, facts, money, table


@click.group()
def invoice() -> None:
    """Invoices and credit notes."""


@invoice.command("ls")
@click.option("--state", default="", help="draft, issued, paid, credited or discarded.")
@click.option("--service", default="", help="Only of this service: C-…")
@most_option
@json_option
def ls(state: str, service: str, most: int, is_json: bool) -> None:
    """List invoices, newest first."""
    rows = client().rows("invoices", most=most, state=state, service=service)
    listed("invoices", rows, is_json=is_json)


@invoice.command("get")
@click.argument("reference")
@click.option("--pdf", "kind", flag_value="pdf", help="Save the PDF/A-3.")
@click.option("--xml", "kind", flag_value="xml", help="Save the e-invoice.")
@click.option("--csv", "kind", flag_value="csv", help="Save the lines.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def get(reference: str, kind: str | None, output: Path | None, is_json: bool) -> None:
    """Show an invoice with its lines, or save its document."""
    server = client()
    if kind:
        answer = server.call("GET", f"invoices/{reference}/{kind}")
        place = output or Path(Path(answer.name).name or f"{reference}.{kind}")
        place.write_bytes(answer.body)
        click.echo(f"Saved {place} ({len(answer.body)} bytes).")
        return
    found = server.get(f"invoices/{reference}")
    found["lines"] = list(server.rows(f"invoices/{reference}/lines"))
    if is_json:
        as_json(found)
        return
    currency = found["currency"]
    click.echo(f"{found['number'] or found['reference']}, {found['state']}, {found['customer']}")
    columns: dict[str, Cell] = {
        "line": "position", "what": "description", "quantity": "quantity", "unit": "unit",
        "net": lambda one: money(one["net_minor"], currency),
    }  # fmt: skip
    table(sorted(found["lines"], key=lambda one: one["position"]), columns, empty="No lines.")
    for name in ("net", "tax", "total", "open"):
        click.echo(f"{name}: {money(found[f'{name}_minor'], currency)}")


@invoice.command("explain")
@click.argument("reference")
@click.argument("line", type=click.IntRange(1))
@json_option
def explain(reference: str, line: int, is_json: bool) -> None:
    """Show what a line rests on: the rating run, the usage, the samples."""
    found = client().get(f"invoices/{reference}/lines/{line}")
    as_json(found) if is_json else facts(found)
