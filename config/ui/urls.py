"""The theme, and the gallery of components."""

from django.urls import path

from config.ui import views

app_name = "ui"
urlpatterns = [
    path("theme", views.theme, name="theme"),
    path("gallery", views.gallery, name="gallery"),
]
