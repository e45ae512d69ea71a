"""Pages of direct debits, refunds by file, and mandates."""

from django.urls import path

from billing.sepa import desk, views

app_name = "sepa"
urlpatterns = [
    path("", views.listing, name="list"),
    path("creditor", views.creditor, name="creditor"),
    path("status", views.status, name="status"),
    path("debits", views.new_debits, name="debits"),
    path("transfers", views.new_transfers, name="transfers"),
    path("mandates/of/<str:reference>", desk.of_organisation, name="of_organisation"),
    path("mandates/of/<str:reference>/sign", desk.sign, name="sign"),
    path("mandates/<str:reference>/revoke", desk.revoke, name="revoke"),
    path("mandates/<str:reference>/last", desk.make_last, name="make_last"),
    path("<str:reference>", views.run, name="run"),
    path("<str:reference>/file", views.file, name="file"),
    *(path(f"<str:reference>/{one}", views.act, {"action": one}, name=one) for one in views.WORK),
]
