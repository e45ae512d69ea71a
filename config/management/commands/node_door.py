"""`manage.py node_door`: listen for nodes that nobody can reach and that call themselves."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from erp.base.doors import now
from orchestration.convergence.door import Door

WAIT_SECONDS = 2.0


class Command(BaseCommand):
    """Serve until SIGTERM or SIGINT."""

    help = "Listen for nodes that call over HTTPS (docs/operations.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where to listen."""
        parser.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104
        parser.add_argument("--port", type=int, default=8443, help="port to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen."""
        asyncio.run(self._serve(options["host"], options["port"]))

    async def _serve(self, host: str, port: int) -> None:
        door = Door(clock=now)
        opening = asyncio.create_task(self._open(door, host, port))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, opening.cancel)
        await asyncio.wait([opening])
        if not opening.cancelled():
            opening.result()

    async def _open(self, door: Door, host: str, port: int) -> None:
        """Wait for the first provider of a new installation, then serve."""
        while not await door.is_wanted():
            await asyncio.sleep(WAIT_SECONDS)
        server = await door.open(host, port)
        self.stdout.write(f"the node door is open on {host}:{port}")
        await door.serve(server)
