"""Templates loop and branch; they never query, compute, or carry scripts and styles."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
FORBIDDEN = {
    r"\.objects\b": "queries",
    r"\.filter\b(?!\s*\|)": "queries",
    r"\.count\b": "queries",
    r"\|safe\b": "shows markup of others",
    r"\{%\s*autoescape off": "shows markup of others",
    r"<script(?![^>]*\bsrc=|[^>]*type=\"application/json\")": "carries a script",
    r"<style\b": "carries a style",
    r"\sstyle=": "carries a style",
    r"\son[a-z]+=": "carries a script",
    r"https?://(?!www\.w3\.org/|site\.example\.org/)": "loads from elsewhere",
}
# Printed documents are no pages: they are rendered to PDF with their own style sheet.
PRINTED = TEMPLATES / "documents"


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES))
)
def test_a_template_only_shows(path: Path) -> None:
    if PRINTED in path.parents:
        return
    text = path.read_text()
    for pattern, why in FORBIDDEN.items():
        found = re.search(pattern, text)
        assert not found, f"{path.name} {why}: {found.group(0) if found else ''}"
