"""The settings of the JSON door can be read in any order."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["DEFAULT_PAGINATION_CLASS", "DEFAULT_PARSER_CLASSES"])
def test_a_worker_that_asks_for_a_setting_first_starts(name: str) -> None:
    asked = (
        "import django; django.setup();"
        f"from rest_framework.settings import api_settings; api_settings.{name}"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-500:]
