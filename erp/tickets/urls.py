"""Pages of tickets."""

from django.urls import path

from erp.tickets import views, work_views

app_name = "tickets"
urlpatterns = [
    path("", views.listing, name="list"),
    path("new", views.new, name="new"),
    path("inbox", work_views.inbox, name="inbox"),
    path("customer/<str:reference>", work_views.customer, name="customer"),
    path("file/<str:reference>", views.file, name="file"),
    path("of/<str:reference>", views.of_contract, name="of_contract"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/reply", views.reply, name="reply"),
    path("<str:reference>/close", views.close, name="close"),
    path("<str:reference>/route", work_views.route, name="route"),
    path("<str:reference>/take", work_views.take, name="take"),
    path("<str:reference>/merge", work_views.merge, name="merge"),
    path("<str:reference>/link", work_views.link, name="link"),
    path("<str:reference>/unlink/<int:pk>", work_views.unlink, name="unlink"),
    path("<str:reference>/act", work_views.act, name="act"),
    path("<str:reference>/judge", work_views.judge, name="judge"),
]
