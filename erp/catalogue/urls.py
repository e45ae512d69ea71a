"""Pages of offers and price lists."""

from django.urls import path

from erp.catalogue import views

app_name = "catalogue"
urlpatterns = [
    path("", views.listing, name="list"),
    path("price-lists/new", views.new_list, name="new_list"),
    path("price-lists/<str:reference>", views.price_list, name="price_list"),
    path("price-lists/<str:reference>/end", views.end_list, name="end_list"),
    path("offers/new", views.new_offer, name="new_offer"),
    path("offers/<str:reference>", views.offer, name="offer"),
]
