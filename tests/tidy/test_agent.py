"""The agent runs on bare machines: nothing but the standard library, Python 3.9's grammar."""

import ast
import sys
from pathlib import Path

AGENT = Path(__file__).resolve().parents[2] / "orchestration" / "node_agent"
# Runs on the Master: packs the agent.
MASTER_SIDE = {"bundle.py", "__init__.py"}
# Shipped beside the agent.
SHIPPED = {"supervisor"}


def test_the_agent_imports_the_standard_library_only() -> None:
    files = [path for path in AGENT.rglob("*.py") if path.name not in MASTER_SIDE]
    assert files
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                own = (AGENT / top).exists() or (AGENT / f"{top}.py").exists()
                inside = any(AGENT.rglob(f"{top}.py")) or any(AGENT.rglob(f"{top}/__init__.py"))
                known = top in sys.stdlib_module_names or top in SHIPPED or own or inside
                assert known, f"{path.name} imports {name}"
