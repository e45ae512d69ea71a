"""Pages of payments."""

from django.urls import path

from billing.payments import credits, desk, views

app_name = "payments"
urlpatterns = [
    path("", views.listing, name="list"),
    path("prepaid", credits.listing, name="prepaid"),
    path("prepaid/<str:reference>/new", credits.top_up, name="top_up"),
    path("of-invoice/<str:reference>", views.of_invoice, name="of_invoice"),
    path("of/<str:reference>", views.of_organisation, name="of_organisation"),
    path("record/<str:reference>", views.record, name="record"),
    path("difference/<str:reference>", views.difference, name="difference"),
    path("fees/<str:reference>/waive", views.waive, name="waive"),
    path("<str:reference>", desk.detail, name="detail"),
    *(path(f"<str:reference>/{one}", desk.act, {"action": one}, name=one) for one in desk.WORK),
]
