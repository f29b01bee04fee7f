"""The application: all endpoints, and the static files."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, ExceptionHandler, Scope

from desk.access.guard import Guard, broken
from desk.context import Desk
from desk.pages import STATIC
from desk.routing import no_such_page, routes

# each adds its endpoints
from desk import signing_in  # noqa: F401  # isort: skip
from desk.access import account_list, audit_page, openid_pages, own_account  # noqa: F401  # isort: skip
from desk.reviews import agent_home, answering, appealing, bulk_release, releasing  # noqa: F401  # isort: skip
from desk.reviews import good_clips, template_page  # noqa: F401  # isort: skip
from desk.calls import call_page, calls_list, sound  # noqa: F401  # isort: skip
from desk.calls import call_export, list_export, saved_filters  # noqa: F401  # isort: skip
from desk.corrections import pages as correction_pages  # noqa: F401  # isort: skip
from desk.queues import agreement_pages, calibration_pages, case_pages, my_queue, plan_pages  # noqa: F401  # isort: skip
from desk.sharing import lead_pages, with_team  # noqa: F401  # isort: skip

# addresses with names stand before those with a session's id
from desk.coaching import session_list, proposals, helped, planning, excerpt_steps, presented, session_page, agent_side  # noqa: F401  # isort: skip
from desk.dashboards import achievement, overview  # noqa: F401  # isort: skip
from desk.dashboards import appeals, complaints, effort, hearing, month, work_sheets  # noqa: F401  # isort: skip
from desk.dashboards import rules as failing_rules  # noqa: F401  # isort: skip
from desk.sql import download, kept_queries  # noqa: F401  # isort: skip
from desk.sql import page as sql_page  # noqa: F401  # isort: skip


class _Static(StaticFiles):
    """Files that everybody may read; those asked for by their version are kept by browsers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if scope["query_string"].startswith(b"v=") and response.status_code == 200:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def make_app(desk: Desk) -> ASGIApp:
    """The application on a desk."""
    faults: dict[Any, ExceptionHandler] = {404: no_such_page, 405: no_such_page, 500: broken}
    app = Starlette(routes=[*routes(), Mount("/static", _Static(directory=STATIC))], exception_handlers=faults)
    app.state.desk = desk
    return Guard(app, desk)
