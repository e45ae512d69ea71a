"""The one list of URL prefixes."""

from django.urls import include, path

from config import metrics, search, views
from orchestration.monitoring.views import status

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthy, name="healthy"),
    path("metrics", metrics.scrape, name="metrics"),
    path("search/", search.search, name="search"),
    path("status/", status, name="status"),
    path("accounts/", include("allauth.urls")),
    path("ui/", include("config.ui.urls")),
    path("organisations/", include("erp.customers.urls")),
    path("mails/", include("erp.outbox.urls")),
    path("webhooks/", include("erp.outbox.webhook_urls")),
    path("catalogue/", include("erp.catalogue.urls")),
    path("orders/", include("erp.orders.urls")),
    path("services/", include("erp.contracts.urls")),
    path("desk/", include("erp.desk.urls")),
    path("mails-in/", include("erp.mailroom.urls")),
    path("tickets/", include("erp.tickets.urls")),
    path("nodes/", include("orchestration.nodes.urls")),
    path("releases/", include("orchestration.releases.urls")),
    path("instances/", include("orchestration.instances.urls")),
    path("placement/", include("orchestration.allocation.urls")),
    path("metering/", include("orchestration.metering.urls")),
    path("maintenance/", include("orchestration.maintenance.urls")),
    path("campaigns/", include("orchestration.campaigns.urls")),
    path("windows/", include("orchestration.windows.urls")),
    path("backups/", include("orchestration.backup.urls")),
    path("monitoring/", include("orchestration.monitoring.urls")),
    path("ledger/", include("billing.ledger.urls")),
    path("reports/", include("billing.reports.urls")),
    path("statements/", include("billing.reports.statement_urls")),
    path("billing-runs/", include("billing.runs.urls")),
    path("changes/", include("billing.rating.resize_urls")),
    path("simulations/", include("billing.rating.urls")),
    path("invoices/", include("billing.invoicing.urls")),
    path("bank/", include("billing.bank.urls")),
    path("sepa/", include("billing.sepa.urls")),
    path("dunning/", include("billing.dunning.urls")),
    path("payments/", include("billing.payments.urls")),
    path("service-credits/", include("billing.sla.urls")),
    path("vat/", include("billing.vat.urls")),
    path("api/v1/", include("config.api")),
    path("api/", include("config.api_pages")),
]

handler400 = "config.problems.bad_request"
handler403 = "config.problems.permission_denied"
handler404 = "config.problems.page_not_found"
handler500 = "config.problems.server_error"
