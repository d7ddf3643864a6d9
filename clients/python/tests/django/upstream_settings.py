"""For Django's own tests, run by its `runtests.py`: as its test_sqlite, with the sessions of this engine."""

from __future__ import annotations

import os

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}, "other": {"ENGINE": "django.db.backends.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SECRET_KEY = "a key of the tests"
SESSION_ENGINE = "sojourn.django"
SOJOURN = {
    "REDIS": os.environ["SOJOURN_TEST_REDIS"],
    "PREFIX": os.environ["SOJOURN_TEST_PREFIX"],
    "SECRETS": ["a secret of the tests: 0123456789abcdef"],
}
USE_TZ = False
