"""Pages of services: what a customer has under contract."""

from django.urls import path

from erp.contracts import ordering, views

app_name = "services"
urlpatterns = [
    path("", views.listing, name="list"),
    path("export.csv", views.export, name="export"),
    path("order/<str:buyer>/<int:plan>", ordering.order, name="order"),
    path("decide/<str:reference>/<slug:answer>", ordering.decide, name="decide"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/stop", views.stop, name="stop"),
    path("<str:reference>/start", views.start, name="start"),
    path("<str:reference>/end", views.end, name="end"),
    path("<str:reference>/parameters/<int:position>", views.parameters, name="parameters"),
    path("<str:reference>/changes/<str:change>/cancel", views.cancel_change, name="cancel_change"),
]
