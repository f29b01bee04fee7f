"""The SQL page: an editor beside the schema, answers below. The desk itself never runs or explains what is typed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from desk.routing import NotThere, Visit, endpoint
from desk.sql.answers import ON_A_PAGE, asked_messages, read_answers
from desk.sql.download import MOST_CSV_ROWS
from desk.sql.kept_queries import LONGEST_QUERY, asked_queries, read_number, remember_query, saved_queries
from desk.sql.questions import common_questions
from desk.sql.schema import SchemaTable, schema_of
from desk.sql.shown_answers import ShownAnswer, number_text, shown_answers
from desk.sql.turns import QueryResponse
from pipeline.errors import BadQuery, CallQAError
from pipeline.messages import Message
from pipeline.results.sql import FaultyQuery, QueryStop
from pipeline.results.workbook import MOST_SHEET_ROWS

PAGE_MAKING_S = 30.0
"""What starting a query and making its page may take beyond its own time."""


@dataclass(frozen=True, slots=True)
class AskedPage:
    """What became of a query. `problem` is what is wrong with it, at `line` where that is told; `left_out` answers are
    not shown."""

    sql: str
    answers: Sequence[ShownAnswer] = ()
    seconds: float = 0.0
    left_out: int = 0
    problem: str | CallQAError | None = None
    line: int | None = None


@endpoint("/sql", "sql")
def _page(visit: Visit) -> Response:
    sql, name, shared = "", "", False
    if visit.query("saved"):
        number = read_number(visit.query("saved"))
        kept = next((one for one in saved_queries(visit) if one.id == number), None)
        if kept is None:
            raise NotThere
        sql, name, shared = kept.sql, kept.name if kept.own else "", kept.shared
    elif visit.query("asked"):
        number = read_number(visit.query("asked"))
        sql = next((one.sql for one in asked_queries(visit) if one.id == number), "")
    elif visit.query("question"):
        number = read_number(visit.query("question"))
        if not 1 <= number <= len(common_questions()):
            raise NotThere
        sql = common_questions()[number - 1].sql
    return _whole(visit, sql.strip(), name, shared)


def _whole(visit: Visit, sql: str, name: str = "", shared: bool = False, asked: AskedPage | None = None) -> Response:
    tables: Sequence[SchemaTable] = ()
    problem: CallQAError | None = None
    try:
        tables = schema_of(visit)
    except BadQuery as error:
        problem = error
    return visit.page(
        "sql/page.html", sql=sql, name=name, shared=shared, asked=asked, tables=tables, problem=problem,
        saved=saved_queries(visit), history=asked_queries(visit), questions=common_questions(),
        zone=visit.desk.settings.ingest.timezone, wait_ms=round(_limit_s(visit) * 1000) + 5000, most=LONGEST_QUERY,
        **_OFFERED,
    )  # fmt: skip


_OFFERED: dict[str, Any] = {"number": number_text, "csv_rows": MOST_CSV_ROWS, "sheet_rows": MOST_SHEET_ROWS}


def _limit_s(visit: Visit) -> float:
    return visit.desk.settings.sql.timeout_s + PAGE_MAKING_S


def _told(visit: Visit, asked: AskedPage, status: int = 200) -> Response:
    """The answers alone, or the whole page where there are no scripts."""
    name, shared = visit.field("name"), bool(visit.field("shared"))
    if not visit.partial:
        return _whole(visit, asked.sql, name, shared, asked)
    return visit.page("sql/answers.html", status, asked=asked, name=name, shared=shared, **_OFFERED)


@endpoint("/sql", "sql", "POST")
def _ask(visit: Visit) -> Response:
    sql = visit.field("sql").strip()
    if not sql:
        return _told(visit, AskedPage(sql, problem=Message("write a query, or begin with a common question")))
    if len(sql) > LONGEST_QUERY:
        return _told(visit, AskedPage("", problem=Message("a query has 1 to {most} characters", most=LONGEST_QUERY)))

    def answer(stop: QueryStop) -> Response:
        return _told(visit, _answered(visit, sql, stop))

    def busy() -> Response:
        problem = Message("others are asking the database just now; wait a moment and ask again")
        return _told(visit, AskedPage(sql, problem=problem), 503)

    return QueryResponse(visit.desk.queries, visit.whose.name, answer, busy, _limit_s(visit))


def _answered(visit: Visit, sql: str, stop: QueryStop) -> AskedPage:
    if stop.is_stopped:
        return AskedPage(sql, problem=Message("stopped"))
    begun = time.monotonic()
    try:
        visit.desk.trail.note("query", visit.whose.name, where="desk")
        remember_query(visit, sql)
        with closing(asked_messages(visit, sql, ON_A_PAGE, stop)) as messages:
            answers, left_out = read_answers(messages)
        seconds = time.monotonic() - begun
        return AskedPage(sql, shown_answers(visit, answers), seconds, left_out)
    except FaultyQuery as error:
        return AskedPage(sql, seconds=time.monotonic() - begun, problem=error.fault.placed, line=error.fault.line)
    except CallQAError as error:
        return AskedPage(sql, seconds=time.monotonic() - begun, problem=error)


@endpoint("/sql/stop", "sql", "POST")
def _stop(visit: Visit) -> Response:
    visit.desk.queries.stop(visit.whose.name)
    return Response(status_code=204) if visit.partial else visit.to("/sql")
