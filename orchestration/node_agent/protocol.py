"""One line each way: what the Master asks, what the node answers."""

import json
import time

from . import calls, upgrade
from .keys import write_keys
from .releases import BadArchive

LONGEST_LINE = 32 * 1024 * 1024


class Refused(Exception):
    """The line cannot be followed; the code says why."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def answer(node, line):
    """Return the answer to one line, as bytes with a newline."""
    try:
        reply = _answer(node, _parse(line))
    except Refused as refusal:
        reply = {"op": "error", "code": refusal.code, "message": str(refusal)}
    return json.dumps(reply).encode() + b"\n"


def _parse(line):
    if len(line) > LONGEST_LINE:
        raise Refused("too_long", f"the line is longer than {LONGEST_LINE} bytes")
    try:
        message = json.loads(line)
        message["op"], message["fence"] = str(message["op"]), int(message["fence"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("bad_line", "the line is no JSON object with op and fence")
    return message


def _answer(node, message):
    if message["fence"] < node.fence:
        raise Refused("stale_fence", "a newer worker drives this node")
    try:
        if message["op"] == "poll":
            return _poll(node, message)
        if message["op"] == "desired":
            return _desired(node, message)
        if message["op"] == "release":
            node.releases.accept(message["uid"], message["archive"])
            return _wish(node) or {"op": "accepted"}
        if message["op"] == "agent":
            upgrade.accept(node.home, message["version"], message["zip"], message["seconds"])
            return {"op": "accepted"}
        if message["op"] == "renew" and calls.is_set(node.home):
            return {"op": "request", "request": calls.request(node.home)}
        if message["op"] == "authorize" and not calls.is_set(node.home):
            name = node.home.identity()["node"]
            write_keys(node.home, name, message["keys"], message["path"])
            return {"op": "accepted"}
        if message["op"] == "certificate":
            calls.take(node.home, message["certificate"])
            return {"op": "accepted"}
    except (KeyError, TypeError, ValueError, BadArchive) as error:
        raise Refused("bad_message", f"{type(error).__name__}: {error}"[:300])
    except OSError as error:
        raise Refused("cannot_write", f"the node cannot keep what it is given: {error}"[:300])
    raise Refused("unknown_op", "there is no op {}".format(message["op"][:40]))


def _poll(node, message):
    node.hold(message["fence"])
    acked = message["acked"]
    node.spool.acknowledge(acked["epoch"], int(acked["seq"]))
    if "now" in message:
        node.hear_time(float(message["now"]))
    held = node.desired["revision"] if node.desired else ""
    if message["revision"] not in ("", held):
        return {"op": "want", "want": ["desired"]}
    if held:
        node.heard()
    wish = _wish(node)
    if wish:
        return wish
    if node.lacks_agent(message.get("agent", "")):
        return {"op": "want", "want": ["agent"]}
    report, told = node.report(), node.told
    if message.get("agent") == node.version:
        node.was_heard(message.get("seen"), (told, report["state_hash"]))
    node.told = report["state_hash"]
    if report["state_hash"] == message.get("seen") and not report["samples"]:
        reply = {"op": "same", "revision": report["revision"], "position": report["position"]}
    else:
        reply = {"op": "report", "report": report}
    # What the machine's own clock says, not the agent's: the Master measures how wrong it is.
    return dict(reply, at=time.time())


def _desired(node, message):
    document = message["document"]
    if document["format"] != "tenantry.desired/1":
        raise Refused("unknown_format", "this agent reads tenantry.desired/1")
    if document["node"] != node.home.identity().get("node"):
        raise Refused("wrong_node", "the document is for another node")
    for part in document["partitions"]:
        part["name"], part["instance"], part["address"], part["port_first"], part["port_count"]
    node.accept(document, message["fence"])
    return _wish(node) or {"op": "accepted"}


def _wish(node):
    missing = node.wanted()
    if missing:
        return {"op": "want", "want": ["release:" + uid for uid in missing]}
    return None
