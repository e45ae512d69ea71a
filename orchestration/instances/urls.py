"""Pages of instances."""

from django.urls import path

from orchestration.instances import views

app_name = "instances"
urlpatterns = [
    path("", views.listing, name="list"),
    path("of-line/<int:pk>", views.of_line, name="of_line"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/live", views.live, name="live"),
    path("<str:reference>/connection", views.connection, name="connection"),
]
