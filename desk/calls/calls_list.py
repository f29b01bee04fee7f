"""The list of calls: filters in the address, newest first, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.calls.call_filters import (
    COLUMNS,
    FLAGS,
    OUTCOME_TITLES,
    SORTS,
    WHEN_TITLES,
    BadFilter,
    CallFilters,
    condition_of,
    read_filters,
)
from desk.calls.call_index import IndexState
from desk.calls.list_chips import FLAG_TITLES, VALUE_TITLES, chips_of
from desk.calls.listing import ListedCall, Listing, ListPage, ListPlace, Quoted
from desk.calls.saved_filters import saved_for
from desk.calls.scope import index_scope
from desk.calls.search_words import BadSearch, Search, marked_pieces
from desk.routing import Visit, endpoint
from pipeline.messages import Message
from pipeline.reviews.releases import released_to


@dataclass(frozen=True, slots=True)
class AskedList:
    """A list as somebody asked for it. `faults` are what is wrong with the address: then nothing is listed."""

    filters: CallFilters
    faults: Sequence[BadFilter | BadSearch]
    state: IndexState
    listing: Listing
    search: Search | None


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A row of the list, as it is shown."""

    id: str
    title: str
    started: datetime | None
    agent: str
    team: str
    direction: str
    length_s: float
    failed: tuple[tuple[str, bool], ...]
    score: float | None
    unsure: bool
    complaint: bool
    reviewed: bool
    quotes: tuple[tuple[Quoted, Sequence[tuple[str, bool]]], ...]


def asked_list(visit: Visit, given: Sequence[tuple[str, str]] | None = None) -> AskedList:
    """The list that an address asks for, or `given` in its place, within what who asks may see."""
    filters, faults = read_filters(visit.request.query_params.multi_items() if given is None else given)
    if visit.whose.scope == "own":
        # what was released to them may differ from what was found: there is no filter by the latter
        filters = replace(filters, rules=(), flags=(), reviewed="", score_from=None, score_to=None)
        filters = filters if filters.sort in ("time", "length") else replace(filters, sort="time")
    desk, scope = visit.desk, index_scope(visit)
    zone = ZoneInfo(desk.settings.ingest.timezone)
    reviewed = reviewed_calls(visit) if filters.reviewed else None
    condition = condition_of(filters, datetime.now(zone).date(), reviewed)
    sql = scope.sql if condition.sql == "true" else f"{scope.sql} AND {condition.sql}"
    condition = replace(condition, sql=sql, values={**condition.values, **scope.values})
    state, search = desk.index.state(), filters.search()
    listing = Listing(desk.index, state, condition, filters.sort, filters.ascending, search)
    return AskedList(filters, faults, state, listing, search)


@endpoint("/calls", "calls")
def _list(visit: Visit) -> Response:
    asked = asked_list(visit)
    filters, state = asked.filters, asked.state
    if not visit.partial and not asked.faults and _untidy(visit):
        return visit.to(filters.address())
    faults: list[Any] = list(asked.faults)
    place = None
    try:
        place = _read_place(visit)
    except BadFilter as fault:
        faults.append(fault)
    page = asked.listing.page(place) if not faults else ListPage((), False, False)
    count, exact = asked.listing.count() if not faults else (0, True)
    choices = visit.desk.choices.of(visit.desk.index, state, index_scope(visit))
    names = dict(choices.agents)
    titles = {rule: getattr(found, f"title_{visit.language}") for rule, found in choices.rules.items()}
    response = visit.page(
        "calls/results.html" if visit.partial else "calls/list.html",
        400 if faults else 200,
        filters=filters, faults=faults, state=state, calls=_shown(visit, page, asked.search), count=count, exact=exact,
        chips=chips_of(visit, filters, titles, names), choices=choices, titles=titles,
        before=_beside(visit, filters, page, "before") if page.before else None,
        after=_beside(visit, filters, page, "after") if page.after else None,
        saved=saved_for(visit), whens=WHEN_TITLES, outcomes=OUTCOME_TITLES, flags=FLAGS, columns=COLUMNS, sorts=SORTS,
        own=visit.whose.scope == "own", value_titles=VALUE_TITLES, flag_titles=FLAG_TITLES,
    )  # fmt: skip
    if visit.partial and not faults:
        response.headers["hx-push-url"] = filters.address()
    return response


@endpoint("/", "signed-in")
def _home(visit: Visit) -> Response:
    return visit.to("/my" if visit.whose.may("appeal") else "/calls")


def _untidy(visit: Visit) -> bool:
    """Whether an address is one that a form without scripts made: fields that are empty, a rule to be added."""
    given = visit.request.query_params.multi_items()
    return any(not value or name in ("add_rule", "add_outcome") for name, value in given)


def _shown(visit: Visit, page: ListPage, search: Search | None) -> list[ShownCall]:
    zone = ZoneInfo(visit.desk.settings.ingest.timezone)
    calls = page.calls
    reviewed = frozenset(reviewed_calls(visit, [call.sha256 for call in calls]))
    own = _own_results(visit, calls)
    shown = []
    for call in calls:
        row, started = call.row, call.row["started"]
        score, failed = own.get(call.sha256, (row["score"], None))
        rules = call.failed if failed is None else tuple(rule for rule in call.rules if rule.rule_id in failed)
        shown.append(
            ShownCall(
                visit.desk.call_ids.of(call.sha256), row["call_id"] or row["file_name"] or visit.say("Call"),
                None if started is None else datetime.fromtimestamp(started, zone),
                row["agent_name"] or row["agent_id"] or "–", row["team"] or "–", row["direction"] or "", row["length"],
                tuple((getattr(rule, f"title_{visit.language}"), rule.severity == "fatal") for rule in rules), score,
                bool(row["unsure"]) and not own, bool(row["complaint"]) and not own, call.sha256 in reviewed,
                tuple((quote, marked_pieces(quote.text, search.phrases if search else ())) for quote in call.quotes),
            )
        )  # fmt: skip
    return shown


def _own_results(visit: Visit, calls: Sequence[ListedCall]) -> dict[str, tuple[float | None, frozenset[str]]]:
    """Of an agent's calls the score and the failed rules that were released; nothing for others."""
    user = visit.whose
    if user.scope != "own" or not user.agent_id or not calls:
        return {}
    with visit.desk.reviews.file.reading() as rows:
        steps = released_to(rows, user.agent_id)
    return {
        step.result.sha256: (
            step.result.score if step.result.reviewed_score is None else step.result.reviewed_score,
            frozenset(verdict.rule_id for verdict in step.result.verdicts if verdict.stands == "fail"),
        )
        for step in steps
    }


def reviewed_calls(visit: Visit, among: Sequence[str] | None = None) -> list[str]:
    """The calls of which a verdict was reviewed, or those among some; agents are not told."""
    if visit.whose.scope == "own" or not visit.desk.reviews.file.is_there or among == []:
        return []
    condition = "true" if among is None else "sha256 IN (SELECT value FROM json_each(?))"
    values = () if among is None else (json.dumps(among),)
    with visit.desk.reviews.file.reading() as rows:
        found = rows.execute(f"SELECT DISTINCT sha256 FROM verdict_reviews WHERE {condition}", values).fetchall()
    return [row["sha256"] for row in found]


def _beside(visit: Visit, filters: CallFilters, page: ListPage, side: Literal["after", "before"]) -> str:
    """The address of the page after this, or before."""
    place = page.calls[-1 if side == "after" else 0].place(filters.sort, filters.ascending, side)
    call_id = visit.desk.call_ids.of(place.sha256)
    return filters.address(**{side: f"{place.key!r}~{place.started!r}~{call_id}"})


def _read_place(visit: Visit) -> ListPlace | None:
    for side in ("after", "before"):
        if given := visit.query(side):
            key, _, rest = given.partition("~")
            started, _, call_id = rest.partition("~")
            beginning = visit.desk.call_ids.beginning(call_id)
            try:
                if beginning is None:
                    raise ValueError
                return ListPlace(float(key), float(started), beginning, "after" if side == "after" else "before")
            except ValueError:
                raise BadFilter(Message("this page of the list is not there; begin at its first page")) from None
    return None
