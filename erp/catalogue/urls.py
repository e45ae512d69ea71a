"""Pages of offers and price lists."""

from django.urls import URLPattern

app_name = "catalogue"
urlpatterns: list[URLPattern] = []
