"""The one list of API resources, version 1."""

from django.urls import include, path
from rest_framework.routers import DefaultRouter

from billing.bank.api import BankFiles, Movements
from billing.invoicing.api import Costs, Invoices
from billing.ledger.api import Entries
from billing.payments.api import Balances, Payments
from billing.reports.api import Books
from billing.runs.api import BillingRuns
from config import api_schema
from erp.catalogue.api import Catalogue, Offers, PriceLists
from erp.contracts.api import Services
from erp.contracts.ordering_api import Orders
from erp.customers.api import Me, Organisations
from erp.outbox.api import Deliveries, Mails, Preferences, Webhooks
from erp.tickets.api import Tickets
from orchestration.allocation.api import Placement
from orchestration.convergence.api import Passes
from orchestration.instances.api import Instances
from orchestration.metering.api import Usages
from orchestration.monitoring.api import Availabilities, Outages
from orchestration.nodes.api import Nodes
from orchestration.releases.api import Releases

app_name = "api"

RESOURCES = {
    "organisations": Organisations,
    "catalogue": Catalogue,
    "offers": Offers,
    "price-lists": PriceLists,
    "orders": Orders,
    "services": Services,
    "tickets": Tickets,
    "webhooks": Webhooks,
    "deliveries": Deliveries,
    "mails": Mails,
    "preferences": Preferences,
    "nodes": Nodes,
    "releases": Releases,
    "instances": Instances,
    "placement": Placement,
    "passes": Passes,
    "usage": Usages,
    "availability": Availabilities,
    "outages": Outages,
    "entries": Entries,
    "books": Books,
    "billing-runs": BillingRuns,
    "invoices": Invoices,
    "costs": Costs,
    "bank-files": BankFiles,
    "movements": Movements,
    "payments": Payments,
    "balances": Balances,
}

router = DefaultRouter(trailing_slash=False)
router.include_format_suffixes = False
for name, door in RESOURCES.items():
    router.register(name, door, basename=name)

urlpatterns = [
    path("me", Me.as_view({"get": "retrieve"}), name="me"),
    path("schema", api_schema.schema, name="schema"),
    path("", include(router.urls)),
]
