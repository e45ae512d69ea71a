"""Pages of simulations."""

from django.urls import path

from billing.rating import views

app_name = "simulations"
urlpatterns = [
    path("price-lists/<str:reference>", views.price_list, name="price_list"),
    path("services/<str:reference>", views.service, name="service"),
]
