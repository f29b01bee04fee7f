"""A list of calls as CSV, for who may take results out of the desk."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.responses import Response, StreamingResponse

from desk.calls.calls_list import asked_list, reviewed_calls
from desk.calls.listing import ListedCall
from desk.routing import Visit, endpoint
from pipeline.results.csv_cells import guarded
from pipeline.storage import audit


@endpoint("/calls.csv", "export")
def _export(visit: Visit) -> Response:
    asked = asked_list(visit)
    if asked.faults:
        raise asked.faults[0]
    count, exact = asked.listing.count()
    audit.record(visit.desk.home, "export", user=visit.whose.name, what="list of calls", rows=count, counted=exact)
    lines = _lines(visit, asked.listing.all(), frozenset(reviewed_calls(visit)))
    name = f"calls-{datetime.now(ZoneInfo(visit.desk.settings.ingest.timezone)):%Y-%m-%d}.csv"
    return StreamingResponse(
        lines, media_type="text/csv; charset=utf-8", headers={"content-disposition": f'attachment; filename="{name}"'}
    )


def _lines(visit: Visit, calls: Iterator[ListedCall], reviewed: frozenset[str]) -> Iterator[bytes]:
    zone, yes = ZoneInfo(visit.desk.settings.ingest.timezone), visit.say("yes")
    heads = (
        visit.say("Time"), visit.say("Call id"), visit.say("Agent's number"), visit.say("Agent"), visit.say("Team"),
        visit.say("Queue"), visit.say("Direction"), visit.say("Language"), visit.say("Scenario"),
        visit.say("Length in seconds"), visit.say("Score"), visit.say("fatal"), visit.say("Failed"),
        visit.say("Failed rules"), visit.say("something unsure"), visit.say("complaint"), visit.say("reviewed"),
    )  # fmt: skip
    yield b"\xef\xbb\xbf" + _line(heads)  # else Excel takes Chinese for something else
    for call in calls:
        row = call.row
        started = "" if row["started"] is None else f"{datetime.fromtimestamp(row['started'], zone):%Y-%m-%d %H:%M:%S}"
        rules = "; ".join(getattr(rule, f"title_{visit.language}") for rule in call.failed)
        yield _line(
            (
                started, row["call_id"] or row["file_name"], row["agent_id"], row["agent_name"], row["team"],
                row["queue"], row["direction"], row["language"], row["scenario"], f"{row['length']:.1f}",
                row["score"], yes if row["fatal"] else "", row["failed"], rules, yes if row["unsure"] else "",
                yes if row["complaint"] else "", yes if call.sha256 in reviewed else "",
            )
        )  # fmt: skip


def _line(cells: tuple[object, ...]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerow(guarded(cell) for cell in cells)
    return stream.getvalue().encode("utf-8", "replace")
