"""The app of what we agreed."""

from django.apps import AppConfig


class ErpConfig(AppConfig):
    """Customers, catalogue, orders, contracts, tickets."""

    name = "erp"
    verbose_name = "What we agreed"
