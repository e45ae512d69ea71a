"""The one list of API resources, version 1."""

from typing import Any

from django.urls import include, path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.routers import DefaultRouter

from erp.contracts.api import Services
from erp.contracts.ordering_api import Orders
from erp.tickets.api import Tickets
from orchestration.allocation.api import Placement

app_name = "api"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes API tokens; the schema finds it by being defined."""

    target_class = "erp.customers.bearer.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme as OpenAPI says it."""
        how = "An API token, made on the page of an organisation: Authorization: Bearer tenantry_…"
        return {"type": "http", "scheme": "bearer", "description": how}


router = DefaultRouter(trailing_slash=False)
router.include_format_suffixes = False
router.register("services", Services, basename="services")
router.register("orders", Orders, basename="orders")
router.register("tickets", Tickets, basename="tickets")
router.register("placement", Placement, basename="placement")

urlpatterns = [
    path("schema", SpectacularAPIView.as_view(permission_classes=[IsAuthenticated]), name="schema"),
    path("", include(router.urls)),
]
