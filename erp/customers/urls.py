"""Pages of organisations and their members."""

from django.urls import path

from erp.customers import brand_views, token_views, view_as, views

app_name = "organisations"
urlpatterns = [
    path("", views.listing, name="list"),
    path("brand.css", brand_views.stylesheet, name="stylesheet"),
    path("logo.png", brand_views.logo, name="logo"),
    path("leave-view", view_as.leave_view, name="leave_view"),
    path("<str:reference>/view-as", view_as.view_as, name="view_as"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/customers/new", views.new_customer, name="new_customer"),
    path("<str:reference>/resellers/new", views.new_reseller, name="new_reseller"),
    path("<str:reference>/edit", views.edit, name="edit"),
    path("<str:reference>/terms", views.terms, name="terms"),
    path("<str:reference>/members/new", views.new_member, name="new_member"),
    path("<str:reference>/brand", brand_views.brand, name="brand"),
    path("<str:reference>/brand/logo/remove", brand_views.remove_logo, name="remove_logo"),
    path("<str:reference>/logo.png", brand_views.logo_of, name="logo_of"),
    path("<str:reference>/tokens", token_views.listing, name="tokens"),
    path("<str:reference>/tokens/<str:token>/revoke", token_views.revoke, name="revoke_token"),
]
