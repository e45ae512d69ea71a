"""Pages of maintenance windows."""

from django.urls import path

from orchestration.windows import views

app_name = "windows"
urlpatterns = [
    path("", views.listing, name="list"),
    path("new", views.new, name="new"),
    path("mine", views.mine, name="mine"),
    path("of-contract/<str:reference>", views.of_contract, name="of_contract"),
    path("times/<str:reference>/move", views.move, name="move"),
    path("times/<str:reference>/cancel", views.cancel, name="cancel"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/end", views.end, name="end"),
]
