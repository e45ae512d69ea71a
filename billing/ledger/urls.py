"""Pages of the ledger."""

from django.urls import path

from billing.ledger import desk, views

app_name = "ledger"
urlpatterns = [
    path("", views.journal, name="list"),
    path("new", views.new, name="new"),
    path("opening", views.opening, name="opening"),
    path("books", desk.settings, name="settings"),
    *(path(f"books/{one}", desk.act, {"action": one}, name=one) for one in desk.WORK),
    path("entries/<str:reference>/reverse", views.reversal, name="reverse"),
    path("accounts/<int:pk>", views.account, name="account"),
    path("accounts/<int:pk>/letter", views.letter, name="letter"),
    path("accounts/<int:pk>/letters/<str:code>/off", views.unletter, name="unletter"),
]
