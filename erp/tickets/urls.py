"""Pages of tickets."""

from django.urls import path

from erp.tickets import views

app_name = "tickets"
urlpatterns = [
    path("", views.listing, name="list"),
    path("new", views.new, name="new"),
    path("of/<str:reference>", views.of_contract, name="of_contract"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/reply", views.reply, name="reply"),
    path("<str:reference>/close", views.close, name="close"),
]
