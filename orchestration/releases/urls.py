"""Pages of software releases."""

from django.urls import path

from orchestration.releases import views

app_name = "releases"
urlpatterns = [
    path("", views.listing, name="list"),
    path("<str:reference>", views.detail, name="detail"),
]
