"""Pages of services: what a customer has under contract."""

from django.urls import URLPattern

app_name = "services"
urlpatterns: list[URLPattern] = []
