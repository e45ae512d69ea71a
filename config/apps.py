"""The app of the composition root: commands, and the queue's app in every process."""

from importlib import import_module

from django.apps import AppConfig


class RootConfig(AppConfig):
    """Makes `shared_task` find our Celery app, also in web processes and commands."""

    name = "config"

    def ready(self) -> None:
        """Set the current Celery app."""
        import_module("config.celery")
