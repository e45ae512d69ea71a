"""Pages that change plan and quantity of a service."""

from django.urls import path

from billing.rating import resizing

app_name = "changes"
urlpatterns = [path("<str:reference>/<int:position>", resizing.line, name="line")]
