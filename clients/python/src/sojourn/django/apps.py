from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from .checks import check_deployment, check_settings


class SojournConfig(AppConfig):
    name = "sojourn.django"
    label = "sojourn"
    verbose_name = "Sojourn"

    def ready(self) -> None:
        checks.register(check_settings, checks.Tags.security, "sessions")
        checks.register(check_deployment, checks.Tags.security, "sessions", deploy=True)
