"""The app of what runs."""

from django.apps import AppConfig


class OrchestrationConfig(AppConfig):
    """Nodes, releases, instances, allocation, convergence, metering."""

    name = "orchestration"
    verbose_name = "What runs"
