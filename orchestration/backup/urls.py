"""Pages of backups."""

from django.urls import path

from orchestration.backup import desk, views

app_name = "backup"
urlpatterns = [
    path("", desk.overview, name="overview"),
    path("of-line/<int:pk>", views.of_line, name="of_line"),
    path("policy/<int:pk>", desk.policy, name="policy"),
    path("drill/<str:reference>", views.drill, name="drill"),
    path("drill/<str:reference>/end", views.end_drill, name="end_drill"),
    path("drill/<str:reference>/connection", views.drill_connection, name="drill_connection"),
    path("going/<str:reference>", views.relocation, name="relocation"),
    path("going/<str:reference>/cancel", desk.cancel, name="cancel"),
    path("takeover/<str:reference>", desk.takeover, name="takeover"),
    path("give-up/<str:reference>", desk.give_up, name="give_up"),
    path("keep/<str:reference>", desk.keep, name="keep"),
    path("leave/<str:reference>", desk.leave, name="leave"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/now", views.save_now, name="save_now"),
    path("<str:reference>/restore/<int:pk>", views.restore, name="restore"),
    path("<str:reference>/copy/<int:pk>", views.copy, name="copy"),
    path("<str:reference>/move", desk.move, name="move"),
]
