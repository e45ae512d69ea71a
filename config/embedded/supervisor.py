"""Start services in order, restart what dies, and stop them in the other order."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from config.embedded.guard import reap
from config.embedded.processes import kill_group, stop

Start = Callable[[], subprocess.Popen[bytes]]
_LONGEST_PAUSE = 30.0
# Who lived this long is healthy: its next death counts as the first.
_HEALTHY_SECONDS = 60.0


@dataclass(slots=True)
class Service:
    """One program: how it is started (returns when it is ready) and how it is asked to end."""

    name: str
    start: Start
    how: signal.Signals = signal.SIGTERM
    grace: float = 8.0
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started_at: float = 0.0
    again_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """The services of one system."""

    services: list[Service] = field(default_factory=list)
    ends: bool = False

    def run_up(self) -> None:
        """Start all in order; each is ready before the next starts."""
        for service in self.services:
            began = time.monotonic()
            service.process, service.started_at = service.start(), time.monotonic()
            say(f"  ✓ {service.name} ({time.monotonic() - began:.1f} s)")

    def look_after(self, *others: int) -> None:
        """Restart what died, later each time: call it again and again.

        Args:
            others: children of the caller, which the caller waits for.
        """
        for service in self.services:
            if service.process is None or service.process.poll() is None:
                continue
            if not service.again_at:
                self._plan_restart(service, service.process)
            elif time.monotonic() >= service.again_at:
                service.again_at = 0.0
                self._start_again(service)
        reap({*others, *(one.process.pid for one in self.services if one.process)})

    def _plan_restart(self, service: Service, dead: subprocess.Popen[bytes]) -> None:
        kill_group(dead.pid)
        if time.monotonic() - service.started_at > _HEALTHY_SECONDS:
            service.deaths = 0
        service.deaths += 1
        pause = min(0.5 * 2 ** (service.deaths - 1), _LONGEST_PAUSE)
        service.again_at = time.monotonic() + pause
        say(f"  ! {service.name} ended with {dead.returncode}: starts again in {pause:.1f} s")

    def _start_again(self, service: Service) -> None:
        service.started_at = time.monotonic()
        try:
            service.process = service.start()
        except (OSError, RuntimeError) as error:
            say(f"  ! {service.name} does not start: {error}")
        else:
            say(f"  ✓ {service.name} again ({time.monotonic() - service.started_at:.1f} s)")

    def run_down(self) -> None:
        """Stop all, last started first."""
        for service in reversed(self.services):
            if service.process is not None:
                stop(service.process, how=service.how, seconds=service.grace)
                service.process = None


def say(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
