"""Pages of the bank."""

from django.urls import path

from billing.bank import views

app_name = "bank"
urlpatterns = [
    path("", views.listing, name="list"),
    path("import", views.upload, name="import"),
    path("accept-sure", views.accept_sure, name="accept_sure"),
    path("files/<str:reference>", views.file, name="file"),
    path("<str:reference>", views.detail, name="detail"),
    *(path(f"<str:reference>/{one}", views.act, {"action": one}, name=one) for one in views.WORK),
]
