"""Traffic counters are set up by the first look, and again when somebody takes them away."""

# mypy: disable-error-code="no-untyped-call"

import json
import os
import shutil
import subprocess
import sys

import pytest

from orchestration.node_agent.traffic import Traffic

SCRIPT = """
import json, subprocess
from orchestration.node_agent import traffic
traffic.READ_SECONDS = 0
counting = traffic.Traffic("tenantry-test")
places = {"p0": ("nobody", 21000, 10), "p1": ("man", 21010, 10)}
said = [counting.look({}), counting.look(places)]
subprocess.run(["nft", "flush", "ruleset"], check=True)
said += [counting.look(places), counting.look(places), counting.look({"p0": places["p0"]})]
print(json.dumps([counting.problem, said]))
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin"),
    reason="not root, or no nftables",
)
def test_counters_that_somebody_removed_are_told_of_and_set_up_again() -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", SCRIPT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    problem, (nobody, first, removed, again, fewer) = json.loads(done.stdout)
    assert (problem, nobody) == ("", [{}, ""])
    assert first == again == [{"p0": [0, 0], "p1": [0, 0]}, ""]
    assert removed[0] == {}
    assert removed[1].startswith("not counted: nft says Error: No such file or directory")
    assert fewer == [{"p0": [0, 0]}, ""]


def test_an_agent_that_is_not_root_says_why_it_counts_no_traffic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    counting = Traffic("tenantry-test")
    assert counting.accuracy == "not counted: the agent does not run as root"
    assert counting.look({"p0": ("nobody", 21000, 10)}) == ({}, "")
