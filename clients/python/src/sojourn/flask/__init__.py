"""Sessions for Flask: `SojournSessionInterface(sessions).init_app(app)`, or all of it from `app.config`."""

from .interface import SojournSessionInterface
from .login import follow_flask_login
from .session import FlaskSession

__all__ = ["FlaskSession", "SojournSessionInterface", "follow_flask_login"]
