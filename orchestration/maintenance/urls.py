"""Pages of checks and of work on nodes."""

from django.urls import path

from orchestration.maintenance import views

app_name = "maintenance"
urlpatterns = [
    path("", views.listing, name="list"),
    path("of-node/<str:reference>", views.of_node, name="of_node"),
    path("of-node/<str:reference>/plan", views.plan, name="plan"),
    path("of-node/<str:reference>/rotate-key", views.rotate_key, name="rotate_key"),
    path("of-node/<str:reference>/accept", views.accept, name="accept"),
    path("works/<str:reference>", views.work, name="work"),
    path("works/<str:reference>/live", views.work_live, name="work_live"),
    path("works/<str:reference>/done", views.work_done, name="work_done"),
    path("works/<str:reference>/cancel", views.work_cancel, name="work_cancel"),
    path("checks/<str:reference>", views.check, name="check"),
    path("checks/<str:reference>/owner", views.owner, name="owner"),
]
