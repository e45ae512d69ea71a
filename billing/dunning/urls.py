"""Pages of dunning."""

from django.urls import path

from billing.dunning import views

app_name = "dunning"
urlpatterns = [
    path("", views.desk, name="desk"),
    *(path(one, views.act, {"action": one}, name=one) for one in views.WORK),
    path("hold/end", views.end_hold, name="end_hold"),
]
