"""When instances did not keep their promises."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from erp.base.tenancy import TenantQuerySet
from erp.customers.models import Organisation
from erp.tickets.models import Ticket
from orchestration.instances.models import Instance


class Outage(models.Model):
    """One promise of one instance failed over [since, until); an open one still fails.

    The times are the Master's, from the reports: a node whose clock is wrong changes nothing.
    `ticket` is the incident that tells of it; what was shorter than its tolerance has none.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="outages")
    promise = models.CharField(max_length=80)
    message = models.TextField(blank=True)
    tolerance_seconds = models.PositiveIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    ticket = models.ForeignKey(Ticket, null=True, blank=True, on_delete=models.PROTECT)
    # The incident said that it is over: it is not said again when somebody reopens the ticket.
    told_over_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Outage"].as_manager()

    class Meta:
        ordering = ["since", "pk"]
        indexes = [
            models.Index(fields=["since"], condition=Q(until=None), name="outage_open"),
            models.Index(
                fields=["instance"],
                condition=Q(ticket__isnull=False, told_over_at=None),
                name="outage_told",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="outage_ends_after_it_starts",
                condition=Q(until=None) | Q(until__gte=F("since")),
            ),
            ExclusionConstraint(
                name="outage_once_at_a_time",
                expressions=[
                    ("instance", RangeOperators.EQUAL),
                    ("promise", RangeOperators.EQUAL),
                    (
                        Func(
                            "since",
                            "until",
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.promise} since {self.since:%Y-%m-%d %H:%M:%S}"
