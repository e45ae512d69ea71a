"""Operators read what a service may use, and what holds it to that."""

from orchestration.nodes.limits import of_instance, of_node

GROUPS = {
    "memory_bytes": 8 * 1024**3,
    "limit_memory": "cgroup v2",
    "limit_cpu": "cgroup v2",
    "limit_processes": "cgroup v2",
    "limit_open_files": "rlimit",
    "limit_disk": "measured",
}
NONE = {"memory_bytes": 8 * 1024**3, "limit_memory": "rlimit", "limit_processes": "none"}


def test_the_plans_limits_are_told_with_their_units() -> None:
    given = {
        "memory_bytes": 256 * 1024**2,
        "cpu_millis": 1500,
        "processes": 1200,
        "disk_bytes": 5 * 1024**3,
    }
    assert [(one.name, one.amount.replace("\xa0", " ")) for one in of_instance(given, GROUPS)] == [
        ("Memory", "256.0 MB"),
        ("Processor", "1.5 cores"),
        ("Processes", "1,200"),
        ("Open files", "no limit"),
        ("Disk", "5.0 GB"),
    ]


def test_what_no_plan_names_has_a_default_where_something_holds_it() -> None:
    amounts = [one.amount.replace("\xa0", " ") for one in of_instance({}, GROUPS)]
    assert amounts[:3] == ["4.0 GB, as for every service", "no limit", "500, as for every service"]
    assert {one.amount for one in of_instance({}, NONE)} == {"no limit"}


def test_what_holds_a_limit_is_a_sentence_and_what_a_hostile_node_says_is_not() -> None:
    assert of_node(GROUPS)[0].how.startswith("The kernel holds all its processes together")
    hows = [one.how for one in of_node({"limit_memory": "<b>", "limit_cpu": 7})]
    assert set(hows) == {"The node has not said yet what holds it."}
