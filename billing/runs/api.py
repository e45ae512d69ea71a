"""Billing runs as JSON: open one, look at what it made, issue its drafts."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing.runs import queries, services
from billing.runs.access import run_for
from billing.runs.forms import RunForm
from billing.runs.models import BillingRun, Outcome, RunItem
from erp.base.api import cleaned, filled, who
from erp.base.doors import now
from erp.base.rows import Remembered, Rows, paged
from erp.customers.access import sellers_for
from erp.customers.states import Right


class RunOut(serializers.ModelSerializer[BillingRun]):
    """All contracts of one seller up to the end of a period, and what was made of them."""

    issuer = serializers.CharField(source="organisation.reference", read_only=True)
    drafted = serializers.IntegerField(read_only=True)
    parked = serializers.IntegerField(read_only=True)
    issued = serializers.IntegerField(read_only=True)
    total_minor = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = BillingRun
        fields = (
            "reference", "issuer", "starts_at", "ends_at", "cut_off_at", "opened_at", "opened_by",
            "finished_at", "issue_asked_at", "issue_ended_at", "drafted", "parked", "issued",
            "total_minor",
        )  # fmt: skip
        read_only_fields = fields


class RunIn(serializers.Serializer[Any]):
    """Whose contracts, and which days, both included and in UTC."""

    issuer = serializers.CharField(max_length=12, help_text="O-…")
    first_day = serializers.DateField()
    last_day = serializers.DateField()


class ItemOut(serializers.ModelSerializer[RunItem]):
    """One contract in one run: its draft, or the reason why there is none."""

    id = serializers.IntegerField(read_only=True)
    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    service = serializers.CharField(source="contract.reference", read_only=True)
    outcome = serializers.CharField(read_only=True)
    invoice = serializers.CharField(source="invoice.reference", read_only=True, allow_null=True)
    total_minor = serializers.IntegerField(
        source="invoice.total_minor", read_only=True, allow_null=True
    )

    class Meta:
        model = RunItem
        fields = (
            "id", "organisation", "service", "outcome", "reason", "invoice", "total_minor"
        )  # fmt: skip
        read_only_fields = fields


class BillingRuns(Remembered[BillingRun], Rows[BillingRun]):
    """Billing runs of the sellers for whom the reader bills."""

    queryset = BillingRun.objects.none()
    serializer_class = RunOut
    needs = frozenset({Right.RUN_BILLING})

    def get_queryset(self) -> QuerySet[BillingRun]:
        """Return what this user may see."""
        issuers = sellers_for(self.request.user, Right.RUN_BILLING)
        return queries.listed(self.request.user).filter(organisation__in=issuers)

    def get_object(self) -> BillingRun:
        """Return one run."""
        return run_for(self.request.user, self.kwargs["reference"], right=Right.RUN_BILLING)

    @extend_schema(request=RunIn, responses={201: RunOut})
    def create(self, request: Request) -> Response:
        """Open a run: a worker makes its drafts; what was billed is never billed again."""
        at, issuers = now(), sellers_for(request.user, Right.RUN_BILLING)
        form = RunForm(issuers, filled(RunIn, request))
        issuer, by = cleaned(form)["issuer"], who(request)
        run = services.open_run(issuer, form.period(at), cut_off=at, at=at, by=by)
        self.kwargs["reference"] = run.reference
        return Response(RunOut(self.get_object()).data, status=201)

    @extend_schema(
        responses=ItemOut(many=True),
        parameters=[OpenApiParameter("outcome", str, enum=Outcome.values)],
    )
    @action(detail=True, methods=["get"])
    def items(self, request: Request, reference: str) -> Response:
        """Return what the run made of each contract."""
        outcome = request.query_params.get("outcome", "")
        rows = queries.items_of(self.get_object(), outcome=outcome)
        return paged(self, rows, ItemOut)

    @extend_schema(request=None, responses=RunOut)
    @action(detail=True, methods=["post"])
    def issue(self, request: Request, reference: str) -> Response:
        """Have all drafts of the run issued; again changes nothing."""
        services.ask_to_issue(self.get_object(), at=now(), by=who(request))
        return Response(RunOut(self.get_object()).data)

    @extend_schema(
        request=None, responses=ItemOut, parameters=[OpenApiParameter("item", int, "path")]
    )
    @action(detail=True, methods=["post"], url_path="items/(?P<item>[0-9]{1,18})/retry")
    def retry(self, request: Request, reference: str, item: str) -> Response:
        """Look at one parked contract again."""
        found = get_object_or_404(self.get_object().items.all(), pk=int(item))
        return Response(ItemOut(services.retry(found, at=now(), by=who(request))).data)
