"""Each package says what it owns, and its state charts are those of its arrow tables."""

from pathlib import Path

import pytest

from config.statecharts import BEGIN, END, PACKAGES, chart, current

ROOT = Path(__file__).resolve().parents[2]


def test_the_state_charts_are_current() -> None:
    old = [path.parent.name for path, text, wanted in current() if text != wanted]

    assert old == [], f"run `manage.py statecharts` for {', '.join(old)}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_readme_has_its_parts(package: str) -> None:
    text = (ROOT / package / "README.md").read_text()

    for part in ("## Owns", "## Does not own", "## Invariants", "## State charts", BEGIN, END):
        assert text.count(part) == 1, part


def test_a_chart_begins_where_nothing_leads_to_and_ends_where_nothing_leads_from() -> None:
    arrows = {"open": frozenset({"done", "closed"}), "closed": frozenset(), "done": frozenset()}

    assert chart(arrows).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> open",
        "    open --> closed",
        "    open --> done",
        "    closed --> [*]",
        "    done --> [*]",
    ]
