"""Pages of placement."""

from django.urls import path

from orchestration.allocation import views

app_name = "placement"
urlpatterns = [
    path("", views.dry_run, name="dry_run"),
    path("of-instance/<str:reference>", views.of_instance, name="of_instance"),
    path("drain/<str:reference>", views.drain, name="drain"),
]
