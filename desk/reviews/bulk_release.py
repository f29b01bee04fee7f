"""The calls of a list, released to their agents at once."""

from __future__ import annotations

import secrets
from itertools import islice
from urllib.parse import parse_qsl

from starlette.responses import Response

from desk.calls.calls_list import AskedList, asked_list
from desk.calls.found import FoundCall, find_call
from desk.reviews.results import call_result
from desk.routing import NotThere, Visit, endpoint
from pipeline.messages import Message
from pipeline.reviews.events import BadStep
from pipeline.reviews.releases import release

MOST_RELEASED = 2000
"""Calls that are released at once: those that stand first in the list."""

_AT_ONCE = 50


@endpoint("/releases", "release")
def _ask(visit: Visit) -> Response:
    query = visit.query("list")
    count, exact = list_of(visit, query).listing.count()
    return visit.page(
        "reviews/bulk_release.html", list=query, count=count, exact=exact, most=MOST_RELEASED, done=None,
        token=secrets.token_urlsafe(12),
    )  # fmt: skip


@endpoint("/releases", "release", "POST")
def _release_all(visit: Visit) -> Response:
    desk, user, query = visit.desk, visit.whose, visit.field("list")
    if "list" not in visit.form:
        raise BadStep(Message("choose the calls to release in the list first"))
    listed = [call.sha256 for call in islice(list_of(visit, query).listing.all(), MOST_RELEASED)]
    counts = {"released": 0, "before": 0, "nobody": 0}
    for first in range(0, len(listed), _AT_ONCE):
        seen = [found for sha256 in listed[first : first + _AT_ONCE] if (found := _seen(visit, sha256)) is not None]
        known = [found for found in seen if found.cdr.agent_id is not None]
        counts["nobody"] += len(seen) - len(known)
        for found in known:
            desk.trail.note("review", user.name, found.sha256, what="released")
        with desk.reviews.file.writing() as rows:
            for found in known:
                result = call_result(desk, rows, found.stored)
                done = release(rows, user.name, user.authority, visit.field("token"), result)
                counts["released" if done else "before"] += 1
    return visit.page(
        "reviews/bulk_release.html", list=query, count=len(listed), exact=True, most=MOST_RELEASED, done=counts,
        token="",
    )  # fmt: skip


def _seen(visit: Visit, sha256: str) -> FoundCall | None:
    try:
        return find_call(visit, visit.desk.call_ids.of(sha256))
    except NotThere:
        return None


def list_of(visit: Visit, query: str) -> AskedList:
    """The list of an address's query, within what who asks may see."""
    return asked_list(visit, parse_qsl(query))


def next_in_list(visit: Visit, query: str, sha256: str) -> str | None:
    """The id of the call after one in a list; None after the last, or where it is not near the list's beginning."""
    asked = list_of(visit, query)
    if asked.faults:
        return None
    calls = islice(asked.listing.all(), 5000)
    for call in calls:
        if call.sha256 == sha256:
            following = next(calls, None)
            return visit.desk.call_ids.of(following.sha256) if following else None
    return None
