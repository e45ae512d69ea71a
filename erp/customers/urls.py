"""Pages of organisations and their members."""

from django.urls import path

from erp.customers import token_views, view_as, views

app_name = "organisations"
urlpatterns = [
    path("", views.listing, name="list"),
    path("leave-view", view_as.leave_view, name="leave_view"),
    path("<str:reference>/view-as", view_as.view_as, name="view_as"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/customers/new", views.new_customer, name="new_customer"),
    path("<str:reference>/resellers/new", views.new_reseller, name="new_reseller"),
    path("<str:reference>/edit", views.edit, name="edit"),
    path("<str:reference>/terms", views.terms, name="terms"),
    path("<str:reference>/members/new", views.new_member, name="new_member"),
    path("<str:reference>/tokens", token_views.listing, name="tokens"),
    path("<str:reference>/tokens/<str:token>/revoke", token_views.revoke, name="revoke_token"),
]
