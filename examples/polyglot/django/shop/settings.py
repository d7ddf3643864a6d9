"""Django: one of three applications that share their sessions. REDIS_URL and SESSION_SECRETS (the newest first) say where."""

import os

# Not one of the sessions' secrets: Django ends the sessions of everybody when it changes.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "for this example only")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "sojourn.django",
    "shop",
]
MIDDLEWARE = [
    "sojourn.django.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DATABASE", "people.sqlite3")}}

SESSION_ENGINE = "sojourn.django"
# As on Node and in Spring Boot. A cookie of this name is Secure: one proxy ends TLS.
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
# As those of the other two.
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

SOJOURN = {
    "REDIS": os.environ["REDIS_URL"],
    "SECRETS": os.environ["SESSION_SECRETS"].split(","),
    "SEAL": os.environ.get("SESSION_SEAL", True),
    "IDLE_TIMEOUT": "30m",
    # What the three call a user. By default it would be the primary key.
    "PRINCIPAL": "username",
    "MAX_SESSIONS": 5,
    "MERGE": {"visits": "counter"},
}
