"""Pages of services: what a customer has under contract."""

from django.urls import path

from erp.contracts import budget_views, ordering, views

app_name = "services"
urlpatterns = [
    path("", views.listing, name="list"),
    path("export.csv", views.export, name="export"),
    path("order/<str:buyer>/<int:plan>", ordering.order, name="order"),
    path("decide/<str:reference>/<slug:answer>", ordering.decide, name="decide"),
    path("budget/<str:organisation>", budget_views.of_customer, name="budget"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/budget", budget_views.of_service, name="budget_of_service"),
    path("<str:reference>/stop", views.stop, name="stop"),
    path("<str:reference>/start", views.start, name="start"),
    path("<str:reference>/end", views.end, name="end"),
    path("<str:reference>/parameters/<int:position>", views.parameters, name="parameters"),
    path("<str:reference>/changes/<str:change>/cancel", views.cancel_change, name="cancel_change"),
]
