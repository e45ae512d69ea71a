"""Pages of upgrade campaigns."""

from django.urls import path

from orchestration.campaigns import views

app_name = "campaigns"
urlpatterns = [
    path("", views.listing, name="list"),
    path("by-mail", views.by_mail, name="by_mail"),
    path("new-agent", views.new_agent, name="new_agent"),
    path("new/<str:reference>", views.new, name="new"),
    path("of-contract/<str:reference>", views.of_contract, name="of_contract"),
    path("of-contract/<str:reference>/terms", views.terms, name="terms"),
    path("items/<str:reference>/answer", views.answer, name="answer"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/live", views.live, name="live"),
    path("<str:reference>/do/<slug:action>", views.act, name="act"),
]
