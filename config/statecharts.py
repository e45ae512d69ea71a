"""State charts of the packages' READMEs, drawn from the arrow tables."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from django.apps import apps
from django.conf import settings

from erp.base.lifecycle import Arrows, Stateful

PACKAGES = ("erp", "orchestration", "billing")
BEGIN = "<!-- state charts: written by `manage.py statecharts` -->"
END = "<!-- end of state charts -->"


def chart(arrows: Arrows) -> str:
    """Return the table as mermaid: from where nothing leads to, to where nothing leads from."""
    leads = {str(state): sorted(map(str, ends)) for state, ends in arrows.items()}
    reached = {end for ends in leads.values() for end in ends}
    starts = [state for state in leads if state not in reached] or list(leads)[:1]
    lines = ["stateDiagram-v2", *(f"    [*] --> {state}" for state in starts)]
    for state in _in_reach(leads, starts):
        lines += [f"    {state} --> {end}" for end in leads[state] or ["[*]"]]
    return "\n".join(lines)


def _in_reach(leads: Mapping[str, Sequence[str]], starts: Sequence[str]) -> list[str]:
    """Return the states, nearest to the start first: tables made from sets have no order."""
    found = list(starts)
    for state in found:
        found += [end for end in leads[state] if end not in found]
    return found


def section(package: str) -> str:
    """Return the charts of a package, between the markers."""
    models = apps.get_app_config(package).get_models()
    charts = [
        f"### {_name(model)}\n\n```mermaid\n{chart(model.arrows)}\n```"
        for model in models
        if issubclass(model, Stateful)
    ]
    return "\n\n".join([BEGIN, *charts, END])


def _name(model: type[Stateful]) -> str:
    return str(model._meta.verbose_name).capitalize()


def current() -> Iterator[tuple[Path, str, str]]:
    """Yield each README with its text, and the text that it should have."""
    for package in PACKAGES:
        path = Path(settings.BASE_DIR) / package / "README.md"
        text = path.read_text()
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        yield path, text, before + section(package) + after
