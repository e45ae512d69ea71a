"""Pages of statements of account."""

from django.urls import path

from billing.reports import desk

app_name = "statements"
urlpatterns = [
    path("<str:reference>", desk.statement, name="of_organisation"),
    *(
        path(f"<str:reference>/{one}", desk.act, {"action": one}, name=one)
        for one in ("mail", "monthly", "stop")
    ),
]
