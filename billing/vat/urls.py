"""Pages of VAT numbers, parts of the page of a customer."""

from django.urls import path

from billing.vat import views

app_name = "vat"
urlpatterns = [
    path("<str:reference>", views.of_organisation, name="of_organisation"),
    path("<str:reference>/ask", views.ask, name="ask"),
    path("<str:reference>/confirm", views.confirm, name="confirm"),
]
