"""A Django project with this engine, its database in memory and its sessions in a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.conf import settings

from ..conftest import SECRETS
from ..servers import Server

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    AUTH_PASSWORD_VALIDATORS=[],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "sojourn.django",
    ],
    MESSAGE_STORAGE="django.contrib.messages.storage.session.SessionStorage",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    # The tests sign in often, and do not test this.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF="tests.django.site",
    SECRET_KEY="a key of the tests",
    SESSION_COOKIE_NAME="__Host-session",
    SESSION_COOKIE_SECURE=True,
    SESSION_ENGINE="sojourn.django",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    USE_TZ=True,
)
django.setup()


@pytest.fixture(scope="session")
def database() -> Iterator[None]:
    from django.db import connection
    from django.test.utils import setup_test_environment, teardown_test_environment

    setup_test_environment()
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    yield
    connection.creation.destroy_test_db(":memory:", verbosity=0)
    teardown_test_environment()


@pytest.fixture(autouse=True)
def sojourn(server: Server, database: None, prefix: str) -> Iterator[Any]:
    """The settings of this case; called, it changes some of them until its end."""
    from django.test import override_settings

    stack: list[Any] = []

    def change(**options: Any) -> None:
        given = {**settings.SOJOURN, **options} if stack else {"REDIS": server.url, "SECRETS": SECRETS, "PREFIX": prefix}
        stack.append(override_settings(SOJOURN=given))
        stack[-1].enable()

    change()
    yield change
    for each in reversed(stack):
        each.disable()


@pytest.fixture
def users(sojourn: Any) -> Iterator[Any]:
    from django.contrib.auth import get_user_model

    yield get_user_model().objects
    get_user_model().objects.all().delete()


@pytest.fixture
def ada(users: Any) -> Any:
    return users.create_user("ada", "ada@example.org", "lovelace")


@pytest.fixture
def grace(users: Any) -> Any:
    return users.create_user("grace", "grace@example.org", "hopper")


@pytest.fixture
def node(server: Server, prefix: str) -> Iterator[Any]:
    """Another application on the same sessions, which is none of Django's."""
    from sojourn import Sessions

    with Sessions(server.url, secrets=SECRETS, prefix=prefix) as made:
        yield made
