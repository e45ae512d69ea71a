"""Pages of compute nodes."""

from django.urls import path

from orchestration.nodes import cost_views, views

app_name = "nodes"
urlpatterns = [
    path("", views.listing, name="list"),
    path("add", views.add, name="add"),
    path("add-caller", views.add_caller, name="add_caller"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/live", views.live, name="live"),
    path("<str:reference>/costs", cost_views.page, name="costs"),
    path("<str:reference>/edit", views.edit, name="edit"),
    path("<str:reference>/try-again", views.try_again, name="try_again"),
    path("<str:reference>/host-key", views.confirm_host_key, name="confirm_host_key"),
    path("<str:reference>/command", views.command, name="command"),
    path("<str:reference>/withdraw", views.withdraw, name="withdraw"),
    path("<str:reference>/do/<slug:action>", views.act, name="act"),
]
