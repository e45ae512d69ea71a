"""Start a command of the agent as a process of its own."""

import os
import sys


def start(home, agent, command="resident"):
    """Start a command in the background; harmless when it is there."""
    home.make()
    with (home.logs / "agent-start.log").open("ab") as output:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        os.chdir(str(home.path))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        os.closerange(3, 256)
        os.execv(sys.executable, [sys.executable, str(agent), command, str(home.path)])
