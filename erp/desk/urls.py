"""Pages of desks."""

from django.urls import path

from erp.desk import views
from erp.desk.forms import FORMS

app_name = "desk"
_TEXTS = ("answer", "template")
urlpatterns = [
    path("", views.settings, name="settings"),
    path("new", views.new, name="new"),
    *(path(f"{one}/<str:reference>", views.edit, {"kind": one}, name=one) for one in FORMS),
    *(
        path(f"{one}/<str:reference>/remove", views.remove, {"kind": one}, name=f"remove_{one}")
        for one in _TEXTS
    ),
]
