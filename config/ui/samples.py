"""What the gallery shows: components fed with invented facts, no database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils.timezone import now

from config.ui.tones import label_of, look_of
from erp.base.money import Amount
from erp.base.periods import Period, month_of

WORDS = [
    "active",
    "started",
    "ready",
    "paid",
    "issued",
    "suspended",
    "overdue",
    "draining",
    "failed",
    "unreachable",
    "refused",
    "enrolling",
    "building",
    "starting",
    "waiting",
    "placed",
    "in_review",
    "open",
    "stopped",
    "draft",
    "ended",
    "wiped",
    "credited",
]


class SampleForm(forms.Form):
    """One field of every kind."""

    name = forms.CharField(max_length=40, help_text="Shown to the customer on the invoice.")
    size = forms.ChoiceField(choices=[("s", "Small, 1 GiB"), ("m", "Medium, 4 GiB")])
    quantity = forms.IntegerField(min_value=1, max_value=99, initial=1)
    until = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    why = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    term = forms.ChoiceField(
        choices=[("month", "Monthly, end any day"), ("year", "Yearly, 10 % less")],
        widget=forms.RadioSelect,
    )
    agreed = forms.BooleanField(label="I agree to the terms", help_text="Version 3, May 2026.")


def everything(request: HttpRequest) -> dict[str, Any]:
    """Return the facts of the gallery."""
    if "messages" in request.GET:
        messages.success(request, "Invoice F-2026-0042 was issued.")
        messages.error(request, "The bank file has no transactions.")
    return {
        "words": WORDS,
        "looks": [(word, label_of(word), look_of(word)) for word in WORDS],
        "form": SampleForm(),
        "wrong_form": SampleForm({"name": "", "size": "m", "quantity": "0", "term": "month"}),
        **_objects(now()),
        **_shapes(),
    }


def _objects(at: datetime) -> dict[str, Any]:
    service = SimpleNamespace(
        state="suspended", state_since=at - timedelta(hours=3), state_reason="Invoice 17 days late"
    )
    return {
        "service": service,
        "amount": Amount(123456, "EUR"),
        "at": at - timedelta(minutes=5),
        "month": month_of(at),
        "hours": Period(at - timedelta(hours=5), at),
        "rows": _rows(at),
        "events": _events(at),
    }


def _rows(at: datetime) -> list[SimpleNamespace]:
    listed = [
        ("S-000012", "Static site", "active", 1290),
        ("S-000013", "File storage", "building", 4900),
        ("S-000014", "A service with quite a long name that has to wrap somewhere", "failed", 0),
    ]
    return [
        SimpleNamespace(
            reference=reference, name=name, state=state, state_since=at - timedelta(days=i),
            state_reason="", cost=Amount(cost, "EUR"),
        )
        for i, (reference, name, state, cost) in enumerate(listed)
    ]  # fmt: skip


def _events(at: datetime) -> list[SimpleNamespace]:
    told = [
        ("suspended", "dunning", "Second reminder unanswered for 7 days"),
        ("failed", "node kappa", "Promise site-answers: connection refused on port 8080"),
        ("started", "agnes@example.org", ""),
        ("placed", "agnes@example.org", "Order O-000031"),
    ]
    return [
        SimpleNamespace(event=event, by=by, why=why, at=at - timedelta(hours=7 * i))
        for i, (event, by, why) in enumerate(told)
    ]


def _shapes() -> dict[str, Any]:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    values = [3, 5, 4, 8, 13, 9, None, None, 6, 7, 12, 15, 14, 9, 4, 3, 5, 6, 8, 11]
    points = [
        (f"{start + timedelta(days=i):%d %b}", None if v is None else Decimal(v) * Decimal("1.25"))
        for i, v in enumerate(values)
    ]
    steps: list[tuple[str, str, int | None, str]]
    steps = [("Connect", "done", 1, ""), ("Build the release", "running", 24, "Installing wsgidav")]
    steps += [("Start", "waiting", None, ""), ("Check", "failed", 3, "Port 8080 does not answer")]
    return {
        "points": points,
        "steps": [{"name": n, "state": s, "seconds": t, "message": m} for n, s, t, m in steps],
        "log": "12:00:01 connected to kappa\n12:00:02 release webdav-2.1: building",
        "figures": [
            {"label": "To issue", "value": "12", "note": "€4,210.00", "url": "#figures"},
            {"label": "Overdue", "value": "€1,290.00", "note": "3 invoices", "tone": "bad"},
            {"label": "Unbilled usage", "value": "€318.20"},
            {"label": "Nodes ready", "value": "4 of 4", "tone": "ok"},
        ],
        "tabs": [
            {"label": "Overview", "url": "#tabs", "current": True},
            {"label": "Invoices", "url": "#tabs", "shown": 3},
            {"label": "Timeline", "url": "#tabs"},
        ],
        "crumbs": [("Services", "#crumbs"), ("S-000012", "#crumbs")],
        "facts": [("URL", "https://site.example.org/"), ("Node", "kappa"), ("Region", "")],
        "goes": ["the instance and its data", "its 3 backups", "the address 10.0.0.7:8080"],
    }
