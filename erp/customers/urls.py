"""Pages of organisations and their members."""

from django.urls import URLPattern

app_name = "organisations"
urlpatterns: list[URLPattern] = []
