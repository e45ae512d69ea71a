"""Where static files come from."""

from pathlib import Path


def static_dirs(base: Path) -> list[Path]:
    """Return the folders of static files."""
    return [base / "static"]
