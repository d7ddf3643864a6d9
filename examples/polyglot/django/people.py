"""Makes the database, and the people of the example in it."""

import os

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()
call_command("migrate", verbosity=0)

from django.contrib.auth.models import User  # noqa: E402 (needs the settings)

for name, password in (("ada", "lovelace"), ("bob", "bobby")):
    if not User.objects.filter(username=name).exists():
        User.objects.create_user(name, password=password)
