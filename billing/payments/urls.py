"""Pages of payments."""

from django.urls import path

from billing.payments import views

app_name = "payments"
urlpatterns = [
    path("", views.listing, name="list"),
    path("of-invoice/<str:reference>", views.of_invoice, name="of_invoice"),
    path("record/<str:reference>", views.record, name="record"),
]
