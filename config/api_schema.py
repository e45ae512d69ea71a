"""How the API describes itself: OpenAPI 3.1, made once in a process from the doors themselves."""

from functools import cache
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from erp.base.api import PROBLEM

SECONDS = 3600


class ProblemOut(serializers.Serializer[Any]):
    """Why it was refused, as RFC 9457 says it; some problems carry more facts."""

    type = serializers.CharField(help_text="urn:tenantry:… names the kind of problem for ever.")
    title = serializers.CharField(help_text="What is wrong, and what to do.")
    status = serializers.IntegerField()
    detail = serializers.CharField(required=False)
    errors = serializers.JSONField(  # type: ignore[assignment]
        required=False, help_text="What is wrong with which field."
    )


class Schema(AutoSchema):
    """Every operation may be refused; a list says what it may be asked for."""

    def get_override_parameters(self) -> list[Any]:
        """Add the query of a list."""
        found = super().get_override_parameters()
        asks = getattr(self.view, "asks", None)
        if asks and getattr(self.view, "action", "") == "list":
            found = [*found, asks]
        return found

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Add the answer to what is refused."""
        operation = super().get_operation(*args, **kwargs)
        if operation:
            responses: Any = self._get_response_for_code
            refused = responses(ProblemOut, "4XX", media_types=[PROBLEM])
            operation["responses"]["4XX"] = refused | {"description": "Refused: see the problem."}
        return operation


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes API tokens; the schema finds it by being defined."""

    target_class = "erp.customers.bearer.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme as OpenAPI says it."""
        how = "An API token, made on the page of an organisation: Authorization: Bearer tenantry_…"
        return {"type": "http", "scheme": "bearer", "description": how}


@cache
def document() -> dict[str, Any]:
    """Return the whole description: it changes with the code only."""
    generator: Any = SchemaGenerator
    made: dict[str, Any] = generator().get_schema(request=None, public=True)
    return made


@require_GET
@cache_control(public=True, max_age=SECONDS)
def schema(request: HttpRequest) -> JsonResponse:
    """Send the description to anybody: it holds no data of anyone."""
    return JsonResponse(document(), json_dumps_params={"ensure_ascii": False})
