"""Fragments of usage."""

from django.urls import path

from orchestration.metering import views

app_name = "metering"
urlpatterns = [path("of-line/<int:pk>", views.of_line, name="of_line")]
