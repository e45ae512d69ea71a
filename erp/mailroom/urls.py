"""Pages of the mails that came in."""

from django.urls import path

from erp.mailroom import views

app_name = "mailroom"
urlpatterns = [
    path("", views.listing, name="list"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/again", views.again, name="again"),
    path("<str:reference>/place", views.place, name="place"),
    path("<str:reference>/dismiss", views.dismiss, name="dismiss"),
]
