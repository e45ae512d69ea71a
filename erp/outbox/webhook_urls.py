"""Pages of webhooks."""

from django.urls import path

from erp.outbox import webhook_views as views

app_name = "webhooks"
urlpatterns = [
    path("of/<str:reference>", views.of_organisation, name="of_organisation"),
    path("deliveries/<str:webhook_id>/replay", views.replay, name="replay"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/test", views.send_test, name="send_test"),
    path("<str:reference>/rotate", views.rotate, name="rotate"),
    path("<str:reference>/secret", views.secret, name="secret"),
    path("<str:reference>/act/<slug:action>", views.act, name="act"),
]
