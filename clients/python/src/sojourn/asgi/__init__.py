"""Sessions for ASGI applications: Starlette, FastAPI, and whatever else speaks ASGI 3."""

from .middleware import SessionMiddleware

__all__ = ["SessionMiddleware"]
