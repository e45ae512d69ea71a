"""Run by the peer's own Python: prints, as JSON, bodies serialised as its client does.

Stdin names what is asked for: {"partitions": 100, "software": "…", "names": ["…"]}.
"""

import json
import sys
from urllib.parse import urlencode

from slapos.util import dumps  # type: ignore[import-not-found]

PARAMETERS = {"title": "A page", "text": "What the page says below its title."}


def main() -> None:
    """Print the computer, the supply, and one request per name."""
    asked = json.load(sys.stdin)
    slots = [
        {
            "reference": f"slappart{number}",
            "tap": {"name": f"tap{number}"},
            "address_list": [{"addr": "127.0.0.1", "netmask": "255.0.0.0"}],
        }
        for number in range(asked["partitions"])
    ]
    computer = {
        "reference": "bench", "address": "127.0.0.1", "netmask": "255.0.0.0",
        "partition_list": slots,
    }  # fmt: skip
    supply = {"url": asked["software"], "computer_id": "bench", "state": "available"}
    bodies = {
        "computer": urlencode({"xml": dumps(computer)}),
        "supply": urlencode(supply),
        "requests": [_request(asked["software"], name) for name in asked["names"]],
    }
    json.dump(bodies, sys.stdout)


def _request(software: str, name: str) -> str:
    return urlencode(
        {
            "software_release": software,
            "partition_reference": name,
            "partition_parameter_xml": dumps(PARAMETERS),
            "filter_xml": dumps({}),
            "software_type": "default",
            "state": dumps("started"),
            "shared_xml": dumps(False),
        }
    )


if __name__ == "__main__":
    main()
