"""Pages of service credits."""

from django.urls import path

from billing.sla import views

app_name = "service-credits"
urlpatterns = [
    path("", views.listing, name="list"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/approve", views.approve, name="approve"),
    path("<str:reference>/refuse", views.refuse, name="refuse"),
]
