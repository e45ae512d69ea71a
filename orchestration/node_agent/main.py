"""`python3 agent.zip bootstrap | session HOME | resident HOME | shim HOME NAME | …`."""

import sys

from .home import Home, version


def main(source):
    """Dispatch; every command imports only what it needs, and all of it before it begins.

    Args:
        source: the path of the zip that runs.
    """
    command, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if command == "shim":
        from . import shim

        return shim.main(*arguments)
    if command == "vault":
        from . import vault

        return vault.main(*arguments)
    if command == "session":
        from . import session

        return session.main(arguments[0], source)
    if command == "resident":
        from . import resident

        return resident.main(arguments[0], version(source))
    if command == "watch":
        from . import upgrade

        return upgrade.main(arguments[0])
    if command == "bootstrap":
        from . import bootstrap

        return bootstrap.main(source)
    if command == "enrol":
        from . import enrol

        return enrol.main(source, *arguments)
    if command == "halt":
        return halt(arguments[0])
    print(
        "commands: bootstrap, enrol, session, resident, watch, shim, vault, halt", file=sys.stderr
    )
    return 2


def halt(home_path):
    """Stop the agent and all that it runs: a machine that is switched off."""
    from . import upgrade
    from .processes import Processes

    home = Home(home_path)
    upgrade.stop(home)
    Processes(home).halt()
    return 0
