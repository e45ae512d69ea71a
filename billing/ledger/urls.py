"""Pages of the ledger."""

from django.urls import path

from billing.ledger import views

app_name = "ledger"
urlpatterns = [
    path("", views.journal, name="list"),
    path("balances", views.balances, name="balances"),
]
