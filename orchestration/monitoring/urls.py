"""Fragments of monitoring; the public status page is in the composition root's list."""

from django.urls import path

from orchestration.monitoring import views

app_name = "monitoring"
urlpatterns = [path("of-line/<int:pk>", views.of_line, name="of_line")]
