"""What a partition may use at most, and what on this node holds it to that."""

# Every partition has these when the plan names none: a neighbour is never at one's mercy.
DEFAULT_PROCESSES = 500
DEFAULT_MEMORY_PART = 2
# A build may hold this on disk, its log included, when the release does not ask for less or more.
BUILD_DISK_BYTES = 4 * 1024**3
BUILD_PROCESSES = 1000


def complete(given, memory_bytes):
    """Return the limits of a partition, with the defaults for those that are not named.

    Args:
        given: from the plan: `memory_bytes`, `cpu_millis` (thousandths of a core), `processes`,
            `open_files`, `disk_bytes`; 0 is not named.
        memory_bytes: of the machine.
    """
    defaults = {
        "processes": DEFAULT_PROCESSES,
        "memory_bytes": memory_bytes // DEFAULT_MEMORY_PART,
    }
    return dict(defaults, **{name: int(value) for name, value in given.items() if int(value) > 0})


def of_build(memory_bytes):
    """Return the limits of one build."""
    return {
        "processes": BUILD_PROCESSES,
        "memory_bytes": memory_bytes // DEFAULT_MEMORY_PART,
    }


def rlimits(given, limits, *, held, has_own_user):
    """Return what each process is told: all that no control group holds.

    An address space is far larger than the memory it uses: the default would break what works, so
    only what the plan names counts. Processes are counted per user: of no use where all share one.
    """
    found = {"RLIMIT_NOFILE": limits.get("open_files"), "RLIMIT_FSIZE": limits.get("disk_bytes")}
    if "memory_bytes" not in held and "memory_bytes" in given:
        found["RLIMIT_AS"] = limits["memory_bytes"]
    if "processes" not in held and has_own_user:
        found["RLIMIT_NPROC"] = limits["processes"]
    return {name: value for name, value in found.items() if value}


def means(cgroups, has_own_users):
    """Return what holds each limit on this node, as its facts say it."""
    group = "cgroup " + cgroups.kind
    held = dict.fromkeys(cgroups.holds, group)
    return {
        "limit_memory": held.get("memory_bytes", "rlimit"),
        "limit_cpu": held.get("cpu_millis", "none"),
        "limit_processes": held.get("processes", "rlimit" if has_own_users else "none"),
        "limit_open_files": "rlimit",
        "limit_disk": "measured",
    }
