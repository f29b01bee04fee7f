"""The application: all endpoints, and the static files."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from desk.context import Desk
from desk.pages import STATIC
from desk.routing import routes

# each adds its endpoints
from desk import signing_in  # noqa: F401  # isort: skip
from desk.calls import call_page, calls_list, sound  # noqa: F401  # isort: skip


def make_app(desk: Desk) -> Starlette:
    """The application on a desk."""
    app = Starlette(routes=[*routes(), Mount("/static", StaticFiles(directory=STATIC))])
    app.state.desk = desk
    return app
