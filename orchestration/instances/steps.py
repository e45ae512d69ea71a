"""How far an instance has come, as named steps: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.instances.states import State

# The step that each found state is in the middle of.
_DOING = {State.WAITING: 1, State.PLACED: 2, State.BUILDING: 2, State.STARTING: 3}
_NAMES = ("Requested", "A place is found", "The software is built", "It starts", "It answers")
# What the failure of each step means to who waits for the service.
_TROUBLES = {
    "The software is built": "The software could not be prepared. It is tried again by itself.",
    "It starts": "The service does not start. It is tried again by itself.",
    "It answers": "The service does not answer as it should. It is started again by itself.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: waiting, running, done or failed."""

    name: str
    state: str
    seconds: int | None = None
    message: str = ""


def steps_of(
    *,
    state: str,
    reason: str,
    moves: Sequence[tuple[str, datetime]],
    placement_reasons: Sequence[str] = (),
) -> list[Step]:
    """Return the steps from the request to the first answer.

    Args:
        moves: the states that the instance went through, with their times, oldest first.
    """
    reached = max((_position(name) for name, _ in moves), default=1)
    doing = _DOING.get(State(state), reached)
    if state == State.FAILED:
        doing = min(_last_position(moves), len(_NAMES) - 1)
    if state == State.STARTED:
        doing = len(_NAMES)
    times = _times(moves)
    steps: list[Step] = []
    for number, name in enumerate(_NAMES):
        if number < doing:
            steps.append(Step(name, "done", seconds=times.get(number)))
        elif number > doing:
            steps.append(Step(name, "waiting"))
        else:
            why = "; ".join(placement_reasons) or reason
            steps.append(Step(name, "failed" if state == State.FAILED else "running", None, why))
    return steps


def trouble_of(steps: Sequence[Step]) -> str:
    """Return in words what is wrong, or nothing."""
    failed = (step.name for step in steps if step.state == "failed")
    return _TROUBLES.get(next(failed, ""), "")


def _last_position(moves: Sequence[tuple[str, datetime]]) -> int:
    """Return the step that was under way when it failed."""
    found = [name for name, _ in moves if name in State.values and name != State.FAILED]
    return _position(found[-1]) if found else 1


def _position(state: str) -> int:
    if state == State.STARTED:
        return len(_NAMES)
    return _DOING.get(State(state), 1) if state in State.values else 1


def _times(moves: Sequence[tuple[str, datetime]]) -> dict[int, int]:
    """Return how long each step took, in seconds, as far as the moves tell."""
    ended: dict[int, datetime] = {}
    for name, at in moves:
        for number in range(_position(name)):
            ended.setdefault(number, at)
    times: dict[int, int] = {}
    for number in sorted(ended):
        if number - 1 in ended:
            times[number] = int((ended[number] - ended[number - 1]).total_seconds())
    return times
