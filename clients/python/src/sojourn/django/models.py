from __future__ import annotations

from django.db import models


class Session(models.Model):
    """In no table: it gives the page in the admin its place, and its permissions `sojourn.view_session` and
    `sojourn.delete_session`."""

    id = models.CharField(primary_key=True, max_length=25)

    class Meta:
        app_label = "sojourn"
        managed = False
        default_permissions = ("view", "delete")
