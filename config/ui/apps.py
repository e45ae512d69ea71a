"""The app of the design layer."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    """Components, icons, shell."""

    name = "config.ui"
    label = "ui"
