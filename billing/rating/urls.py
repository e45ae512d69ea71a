"""Pages of billing runs."""

from django.urls import URLPattern

app_name = "billing-runs"
urlpatterns: list[URLPattern] = []
