"""Pages of dunning."""

from django.urls import path

from billing.dunning import dispute_views, views

app_name = "dunning"
urlpatterns = [
    path("", views.desk, name="desk"),
    *(path(one, views.act, {"action": one}, name=one) for one in views.WORK),
    path("of-invoice/<str:reference>", dispute_views.of_invoice, name="of_invoice"),
    path("dispute/<str:reference>", dispute_views.dispute, name="dispute"),
    path("hold/end", views.end_hold, name="end_hold"),
]
