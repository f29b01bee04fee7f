"""The dashboards of rules, complaints, appeals, effort and hearing as Excel. No words of callers are in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.dashboards.appeals import AppealCounts, appeals_board, grouped_appeals, seen_appeals
from desk.dashboards.complaints import (
    COMPLAINT_GROUPS,
    complaint_groups,
    complaint_weeks,
    newest_complaints,
    seen_complaints,
)
from desk.dashboards.effort import effort_board
from desk.dashboards.excel import ExcelCell, ExcelColumn, ExcelKind, ExcelTable, LinkedCell, dashboard_excel
from desk.dashboards.frame import read_frame
from desk.dashboards.hearing import HEARING_GROUPS, hard_calls, hearing_of
from desk.dashboards.hearing_advice import FAULT_TITLES, LAYOUT_TITLES
from desk.dashboards.rules import rules_board
from desk.queues.people import rule_titles, shown_names
from desk.reviews.titles import APPEAL_TITLES
from desk.routing import Visit, endpoint
from desk.snapshot import Row
from pipeline.messages import Message
from pipeline.results.display import OUTCOME_LABELS, label_in

MOST_EXPORTED = 5000
"""Calls of a list."""


def _columns(visit: Visit, *given: tuple[Message, ExcelKind]) -> list[ExcelColumn]:
    return [ExcelColumn(title.in_language(visit.language), kind) for title, kind in given]


def _moment(visit: Visit, at: datetime | None) -> str:
    return f"{at.astimezone(ZoneInfo(visit.desk.snapshot.timezone)):%Y-%m-%d %H:%M}" if at else ""


@endpoint("/dashboard/rules.xlsx", "export")
def _rules(visit: Visit) -> Response:
    board = rules_board(visit)
    columns = _columns(
        visit, (Message("Rule"), "text"), (Message("Fails"), "number"), (Message("Fail rate"), "percent"),
        (Message("Rise"), "percent"), (Message("Points lost"), "number"), (Message("Fails that are right"), "percent"),
        (Message("samples"), "percent"), (Message("Answers"), "number"), (Message("right"), "number"),
        (Message("wrong"), "number"), (Message("cases"), "percent"),
    )  # fmt: skip
    rows = []
    for rule in board.rules:
        known = board.trust[rule.rule_id]
        sampled = known.sampled if known.sampled and not known.sampled.too_few else None
        rows.append(
            (
                board.title(rule.rule_id), LinkedCell(rule.fails, board.link(rule.rule_id)), rule.rate, rule.change,
                rule.deducted, known.share, sampled.value if sampled else None, sampled.n if sampled else None,
                known.right, known.wrong, min((case.value for case in known.cases), default=None),
            )
        )  # fmt: skip
    return dashboard_excel(visit, board.frame, [ExcelTable(visit.say("Failing rules"), columns, rows)])


@endpoint("/dashboard/complaints.xlsx", "export")
def _complaints(visit: Visit) -> Response:
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        weeks = complaint_weeks(reader, frame)
        groups = {column: complaint_groups(reader, frame, column) for column in COMPLAINT_GROUPS}
        found = newest_complaints(reader, frame, "all", MOST_EXPORTED)
    counts = _columns(
        visit, (Message("Complaints"), "number"), (Message("Dealt with"), "number"),
        (Message("Not dealt with"), "number"), (Message("unsure"), "number"), (Message("Who and when said"), "number"),
        (Message("Not said"), "number"),
    )  # fmt: skip

    def counted(row: Row) -> tuple[ExcelCell, ...]:
        names = ("complaints", "handled", "unhandled", "untold", "committed", "uncommitted")
        return tuple(row[name] for name in names)

    listed = _columns(
        visit, (Message("Call"), "text"), (Message("Time"), "text"), (Message("Agent"), "text"),
        (Message("Team"), "text"), (Message("Queue"), "text"), (Message("Dealt with"), "text"),
        (Message("Who and when said"), "text"),
    )  # fmt: skip
    language = visit.language
    calls = [
        (
            LinkedCell(row["call_id"] or row["file_name"], f"/calls/{call_id}"), _moment(visit, row["started_at"]),
            row["agent_name"] or row["agent_id"], row["team"], row["queue"],
            label_in(OUTCOME_LABELS, row["handled"], language),
            label_in(OUTCOME_LABELS, row["commitment"] or "not_applicable", language),
        )
        for call_id, row in seen_complaints(visit, found)
    ]  # fmt: skip
    week = _columns(visit, (Message("Week of"), "date"), (Message("Calls"), "number"))
    tables = [
        ExcelTable(visit.say("Newest complaints"), listed, calls),
        ExcelTable(visit.say("Week by week"), [*week, *counts], [(w["week"], w["calls"], *counted(w)) for w in weeks]),
    ]
    for column, title in COMPLAINT_GROUPS.items():
        rows = [(row["name"] or row["value"], *counted(row)) for row in groups[column]]
        tables.append(ExcelTable(title.in_language(language), [*_columns(visit, (title, "text")), *counts], rows))
    return dashboard_excel(visit, frame, tables)


@endpoint("/dashboard/appeals.xlsx", "export")
def _appeals(visit: Visit) -> Response:
    board, titles = appeals_board(visit), rule_titles(visit)
    counts = _columns(
        visit, (Message("Appeals"), "number"), (Message("Upheld"), "number"), (Message("Rejected"), "number"),
        (Message("Undecided"), "number"), (Message("Share upheld"), "percent"),
    )  # fmt: skip

    def table(name: str, head: Message, found: Sequence[AppealCounts]) -> ExcelTable:
        rows = [(c.name, c.made, c.upheld, c.rejected, c.undecided, c.share.value) for c in found]
        return ExcelTable(name, [*_columns(visit, (head, "text")), *counts], rows)

    listed = _columns(
        visit, (Message("Call"), "text"), (Message("Rule"), "text"), (Message("Agent"), "text"),
        (Message("Team"), "text"), (Message("Made"), "text"), (Message("State"), "text"),
        (Message("Working days"), "number"), (Message("Until"), "date"),
    )  # fmt: skip
    rows = [
        (
            LinkedCell(each.call["call_id"] or each.call["file_name"], f"/calls/{call_id}#{each.appeal.key.rule_id}"),
            titles.get(each.appeal.key.rule_id, each.appeal.key.rule_id),
            each.call["agent_name"] or each.appeal.agent_id, each.call["team"],
            _moment(visit, datetime.fromtimestamp(each.appeal.at).astimezone()),
            label_in(APPEAL_TITLES, each.appeal.state, visit.language), each.took, each.due,
        )
        for call_id, each in seen_appeals(visit, board.chosen("all", "")[:MOST_EXPORTED])
    ]  # fmt: skip
    by_rule = grouped_appeals(board.made, lambda each: titles.get(each.appeal.key.rule_id, each.appeal.key.rule_id))
    by_team = grouped_appeals(board.made, lambda each: each.call["team"] or "")
    return dashboard_excel(visit, board.frame, [
        ExcelTable(visit.say("Appeals"), listed, rows),
        table(visit.say("Rules that are overturned"), Message("Rule"), by_rule),
        table(visit.say("Teams"), Message("Team"), by_team),
        table(visit.say("Week by week"), Message("Week of"), board.weeks()),
    ])  # fmt: skip


@endpoint("/dashboard/effort.xlsx", "export")
def _effort(visit: Visit) -> Response:
    board, shown = effort_board(visit), shown_names(visit)
    columns = _columns(
        visit, (Message("Reviewer"), "text"), (Message("Day"), "date"), (Message("Answers"), "number"),
        (Message("Minutes open"), "number"), (Message("Minutes listened"), "number"),
        (Message("Decided without listening"), "number"), (Message("not measured"), "number"),
        (Message("Blind"), "number"), (Message("Could not tell"), "number"),
    )  # fmt: skip
    rows = [
        (
            shown.get(each.person, each.person), each.day, each.answers, each.open_s / 60, each.listened_s / 60,
            each.unheard, each.answers - each.measured, each.blind, each.cannot_tell,
        )
        for each in board.days
    ]  # fmt: skip
    return dashboard_excel(visit, board.frame, [ExcelTable(visit.say("Reviewers' effort"), columns, rows, fixed=2)])


@endpoint("/dashboard/hearing.xlsx", "export")
def _hearing(visit: Visit) -> Response:
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        groups = {column: hearing_of(reader, frame, column) for column in ("week", *HEARING_GROUPS)}
        found = hard_calls(reader, frame, MOST_EXPORTED)
    counts = _columns(
        visit, (Message("Calls"), "number"), (Message("Hours"), "number"), (Message("Speech with words"), "percent"),
        (Message("Hard to hear"), "number"), (Message("Not heard whole"), "number"),
    )  # fmt: skip
    heads = {"week": (Message("Week of"), "date"), **{name: (title, "text") for name, title in HEARING_GROUPS.items()}}
    language, tables = visit.language, []
    for column, (title, kind) in heads.items():
        rows = [
            (
                LAYOUT_TITLES[row["value"]].in_language(language) if column == "layout" else row["value"],
                row["calls"], row["audio_s"] / 3600, row["coverage"], row["hard_to_hear"], row["faulty"],
            )
            for row in groups[column]
        ]  # fmt: skip
        head = ExcelColumn(title.in_language(language), "date" if kind == "date" else "text")
        tables.append(ExcelTable(title.in_language(language), [head, *counts], rows))
    columns = _columns(
        visit, (Message("Call"), "text"), (Message("Time"), "text"), (Message("Agent"), "text"),
        (Message("Team"), "text"), (Message("Queue"), "text"), (Message("Speech with words"), "percent"),
        (Message("Channels"), "text"), (Message("Not heard whole"), "text"),
    )  # fmt: skip
    calls = [
        (
            LinkedCell(row["call_id"] or row["file_name"], f"/calls/{visit.desk.call_ids.of(row['sha256'])}"),
            _moment(visit, row["started_at"]), row["agent_name"] or row["agent_id"], row["team"], row["queue"],
            row["coverage"], LAYOUT_TITLES[row["layout"]].in_language(language),
            " · ".join(label_in(FAULT_TITLES, fault, language) for fault in row["sound_faults"]),
        )
        for row in found
    ]  # fmt: skip
    tables.append(ExcelTable(visit.say("Calls hard to hear"), columns, calls))
    return dashboard_excel(visit, frame, tables)
