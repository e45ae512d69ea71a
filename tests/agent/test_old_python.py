"""The agent runs on Python 3.9: its grammar, and no name of a later standard library."""

# mypy: disable-error-code="no-untyped-call"

import ast
import re
from pathlib import Path

import pytest

AGENT = Path(__file__).resolve().parents[2] / "orchestration" / "node_agent"
MASTER_SIDE = "bundle.py"
MODULES = sorted(path for path in AGENT.glob("*.py") if path.name != MASTER_SIDE)
# What came after 3.9, as it would stand in the code.
LATER = {
    r"\bUTC\b": "datetime.UTC is of 3.11: timezone.utc",
    r"\bhardlink_to\b": "Path.hardlink_to is of 3.10: os.link",
    r"\bstrict=": "zip(strict=) is of 3.10, Path.resolve(strict=) is the older",
    r"\bpairwise\b": "itertools.pairwise is of 3.10",
    r"\bbatched\b": "itertools.batched is of 3.12",
    r"\btomllib\b": "tomllib is of 3.11",
    r"\bExceptionGroup\b": "ExceptionGroup is of 3.11",
    r"\bStrEnum\b": "enum.StrEnum is of 3.11",
    r"\bfile_digest\b": "hashlib.file_digest is of 3.11",
    r"\bTaskGroup\b": "asyncio.TaskGroup is of 3.11",
    r"\bprocess_group=": "Popen(process_group=) is of 3.11",
    r"\bslots=|\bkw_only=": "dataclass(slots=, kw_only=) is of 3.10",
    r"\bbit_count\b": "int.bit_count is of 3.10",
    r"\b(?:typing\.Self|ParamSpec|TypeAlias)\b": "typing names of 3.10 and later",
    r"\bextraction_filter\b|\bfilter=": "tarfile filters are not in every 3.9",
    r"\badd_note\b": "BaseException.add_note is of 3.11",
    r"\bcontextlib\.chdir\b": "contextlib.chdir is of 3.11",
    r"\.walk\(\)": "Path.walk is of 3.12",
    r"\bonexc\b": "rmtree(onexc=) is of 3.12",
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_has_the_grammar_and_the_names_of_3_9(path: Path) -> None:
    text = path.read_text()
    ast.parse(text, filename=path.name, feature_version=(3, 9))
    found = [why for pattern, why in LATER.items() if re.search(pattern, text)]
    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_annotation_needs_a_later_python(path: Path) -> None:
    """`int | None` is grammar in 3.9 and fails when it is run."""
    annotated = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AnnAssign)
        or (isinstance(node, ast.FunctionDef) and node.returns)
        or (isinstance(node, ast.arg) and node.annotation)
    ]
    assert annotated == []


@pytest.mark.parametrize(
    "text", ["from datetime import UTC", "zip(a, b, strict=True)", "path.hardlink_to(other)"]
)
def test_the_guard_sees_what_it_should(text: str) -> None:
    assert [why for pattern, why in LATER.items() if re.search(pattern, text)]


def test_the_guard_refuses_later_grammar() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("match a:\n    case 1:\n        pass\n", feature_version=(3, 9))
