from django.urls import path

from . import views

urlpatterns = [
    path("login", views.sign_in),
    path("logout", views.sign_out),
    path("logout-others", views.sign_out_others),
    path("me", views.me),
    path("attributes/<name>", views.attribute),
    path("visit", views.visit),
    path("rotate", views.rotate),
    path("devices", views.devices),
    path("devices/<id>", views.device),
    path("password", views.password),
    path("values", views.values),
]
