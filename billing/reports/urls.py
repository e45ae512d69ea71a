"""Pages of reports."""

from django.urls import path

from billing.reports import views

app_name = "reports"
urlpatterns = [
    *(path(name, views.report, {"name": name}, name=name) for name in views.REPORTS),
    path("proof", views.proof, name="proof"),
    path("proof/file", views.proof_file, name="proof_file"),
    path("exports", views.exports, name="exports"),
    path("exports/fec", views.fec_file, name="fec"),
    path("exports/datev", views.datev_file, name="datev"),
]
