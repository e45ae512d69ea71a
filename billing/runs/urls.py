"""Pages of billing runs."""

from django.urls import path

from billing.runs import views

app_name = "billing-runs"
urlpatterns = [
    path("", views.listing, name="list"),
    path("new", views.new, name="new"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/live", views.live, name="live"),
    path("<str:reference>/issue", views.issue, name="issue"),
    path("<str:reference>/items/<int:pk>/retry", views.retry, name="retry"),
]
