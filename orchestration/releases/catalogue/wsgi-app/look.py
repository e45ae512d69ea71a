"""What the application promises: `look.py answers|version CONFIGURATION`; says why not."""

import http.client
import json
import sys
import time
from pathlib import Path

OLDEST_SECONDS = 60
SECONDS = 8


def version(place, _):
    """Return why what runs is not what was asked for, or nothing."""
    path = place / "state.json"
    if not path.exists() or time.time() - path.stat().st_mtime > OLDEST_SECONDS:
        return "nothing looks after the application"
    state, facts = json.loads(path.read_text()), (place / "app.json").stat()
    if state["seen"] != [facts.st_mtime_ns, facts.st_ino, facts.st_size]:
        return "the change is not taken up yet"
    if state["is_as_asked"]:
        return ""
    goes_on = f"; version {state['running']} goes on" if state["running"] else ""
    return (state["problem"] or f"version {state['asked']} is being installed") + goes_on


def answers(_, asked):
    """Return why the page of health is no good answer, or nothing."""
    connection = http.client.HTTPConnection(asked["address"], asked["port"], timeout=SECONDS)
    try:
        connection.request("GET", asked["health"], headers={"User-Agent": "tenantry-promise"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{asked['health']} is not answered: {error}"
    finally:
        connection.close()
    return f"{asked['health']} is answered with {status}" if status >= 500 else ""


if __name__ == "__main__":
    configuration = Path(sys.argv[2])
    look = {"version": version, "answers": answers}[sys.argv[1]]
    sys.exit(look(configuration.parent, json.loads(configuration.read_text())) or 0)
