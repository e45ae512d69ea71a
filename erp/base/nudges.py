"""Announce an event so that the next step hurries; every step also finds its work by a sweep."""

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string


def announce(event: str, **keys: int | str) -> None:
    """Tell the composition root, after the commit, that something happened.

    `keys` name rows and carry no secrets: they travel through the queue.
    """
    hurry: Callable[..., None] = import_string(settings.NUDGES)
    transaction.on_commit(partial(hurry, event, **keys), robust=True)
