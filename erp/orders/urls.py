"""Pages of orders."""

from django.urls import path

from erp.orders import views

app_name = "orders"
urlpatterns = [
    path("", views.listing, name="list"),
    path("<str:reference>", views.detail, name="detail"),
]
