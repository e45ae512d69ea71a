"""Files and functions stay small enough to be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("config", "erp", "orchestration", "billing", "cli")
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40
MOST_ARGUMENTS = 8


def sources(*packages: str) -> Iterator[Path]:
    for package in packages or PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def code_lines(function: ast.FunctionDef) -> int:
    """Count from the first statement after the docstring: words about a function are free."""
    body = function.body
    if ast.get_docstring(function) and len(body) > 1:
        body = body[1:]
    return (function.end_lineno or 0) - body[0].lineno + 1


def test_no_file_is_longer_than_it_can_be_read() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources()
        if (count := len(path.read_text().splitlines())) > MOST_LINES_OF_A_FILE
    }
    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in sources()
        for function in functions(path)
        if code_lines(function) > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_every_model_is_listed_in_its_apps_models() -> None:
    for package in ("erp", "orchestration", "billing"):
        listed = (ROOT / package / "models.py").read_text()
        for path in (ROOT / package).rglob("models.py"):
            if path.parent == ROOT / package:
                continue
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            classes = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ClassDef)]
            if any(
                "models.Model" in ast.unparse(c) or "Stateful" in ast.unparse(c) for c in classes
            ):
                assert f"from {module} import" in listed, module
