"""The app of what is owed."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Ledger, rating, invoicing, documents, payments."""

    name = "billing"
    verbose_name = "What is owed"
