"""Screens are walked in the world that access is tried in."""

from tests.access.conftest import _ports

__all__ = ["_ports"]
