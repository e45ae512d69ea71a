"""Pages of software releases."""

from django.urls import path

from orchestration.releases import views

app_name = "releases"
urlpatterns = [
    path("", views.listing, name="list"),
    path("software.schema.json", views.software_schema, name="schema"),
    path("<str:reference>", views.detail, name="detail"),
]
