"""Pages of mails."""

from django.urls import path

from erp.outbox import views

app_name = "mails"
urlpatterns = [
    path("", views.listing, name="list"),
    path("preferences", views.preferences, name="preferences"),
    path("leave", views.leave, name="leave"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/again", views.send_again, name="send_again"),
]
