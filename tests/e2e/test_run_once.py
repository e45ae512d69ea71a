"""`./run --once` does the main job and says so in its last line; a step that fails says which."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, command, environment, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def once(var: Path) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        command("--once", "--port", str(free_port())),
        cwd=ROOT,
        env=environment(var),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_the_main_job_is_done_twice_on_the_same_state(tmp_path: Path) -> None:
    for number in ("0002", "0004"):
        code, said = once(tmp_path / "var")
        assert (code, said.get("ok"), said.get("audit")) == (0, True, "ok"), said
        assert said["ledger_sum"] == 0
        invoice = said["invoice"]
        assert isinstance(invoice, dict)
        assert str(invoice["number"]).endswith(number)
        assert (invoice["pdfa"], invoice["en16931_fatals"]) == ("3b", 0)
        assert invoice["total_minor"] == invoice["net_minor"] + invoice["tax_minor"]
        assert sha256(Path(str(invoice["pdf"])).read_bytes()).hexdigest() == invoice["pdf_sha256"]
        instances = said["instances"]
        assert isinstance(instances, list)
        assert [one["http_status"] for one in instances] == [200, 200]
        samples = said["samples"]
        assert isinstance(samples, int)
        assert samples >= 6
