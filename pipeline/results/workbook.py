"""The same numbers as an Excel workbook, for people who live in Excel: a sheet each, links to the clips.

Made from the published database alone. Every cell that strangers wrote goes in as text, never as a formula.
"""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import xlsxwriter

from pipeline.results.store import open_database
from pipeline.settings import Settings
from pipeline.storage.files import put_in_place
from pipeline.storage.home import Home

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

NAME = "callqa.xlsx"
MOST_ROWS = 50_000
"""Rows a sheet; Excel opens more, but nobody reads them. `callqa sql … --format csv` has no limit."""
WIDEST = 60
"""Characters; longer text is wrapped."""
MOST_GROUPS = 200
"""Columns of an achievement sheet."""

Kind = Literal["text", "number", "percent", "date", "time", "clip", "outcome"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a query: its name there, its headings, and how it is shown."""

    name: str
    zh: str
    en: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: its names, its query and its columns; `fixed` columns stay in sight."""

    zh: str
    en: str
    query: str
    columns: tuple[Column, ...]
    fixed: int = 1


_AGENT = (
    Column("agent_id", "工号", "Agent no."),
    Column("agent_name", "坐席", "Agent"),
    Column("team", "班组", "Team"),
)
_CALL = (
    Column("started_at", "通话时间", "Call at", "time"),
    Column("call_id", "通话编号", "Call id"),
    Column("file_name", "文件", "File"),
)
_COUNTS = (
    Column("achievement", "平均实现率", "Achievement", "percent"),
    Column("passes", "达成", "Passed", "number"),
    Column("fails", "未达成", "Failed", "number"),
    Column("unsure", "不可判", "Unsure", "number"),
    Column("not_applicable", "不适用", "N/A", "number"),
)
_INDICATOR = Column("title", "指标", "Indicator")
_AT = Column("at_s", "时刻（秒）", "At (s)", "number")

SHEETS = (
    Sheet(
        "坐席成绩", "Agents",
        "FROM agent_scorecard ORDER BY mean_score NULLS LAST, agent_id",
        (*_AGENT, Column("calls", "通话", "Calls", "number"), Column("mean_score", "平均分", "Mean score", "number"),
         Column("lowest_score", "最低分", "Lowest", "number"), Column("passed_calls", "及格", "Passing", "number"),
         Column("fatal_calls", "触犯红线", "Fatal", "number"), *_COUNTS,
         Column("talk_minutes", "说话分钟", "Talk (min)", "number")),
        2,
    ),
    Sheet(
        "日报", "Daily sheet",
        "FROM agent_day ORDER BY day DESC NULLS LAST, agent_id",
        (Column("day", "日期", "Day", "date"), *_AGENT, Column("calls", "通话", "Calls", "number"),
         Column("handled_minutes", "通话分钟", "Calls (min)", "number"),
         Column("talk_minutes", "说话分钟", "Talk (min)", "number"),
         Column("bookings", "预约成功", "Bookings", "number"), Column("complaints", "投诉", "Complaints", "number"),
         Column("mean_score", "平均分", "Mean score", "number"), Column("fails", "未达成", "Failed", "number")),
        3,
    ),
    Sheet(
        "月度", "Month",
        "FROM agent_month ORDER BY month DESC, score NULLS LAST, agent_id",
        (Column("month", "月份", "Month", "date"), *_AGENT, Column("calls", "通话", "Calls", "number"),
         Column("quality", "质检", "Quality", "number"), Column("supervisor", "主管", "Supervisor", "number"),
         Column("departments", "其他部门", "Departments", "number"), Column("peers", "同事", "Peers", "number"),
         Column("sustained_complaints", "成立投诉", "Sustained complaints", "number"),
         Column("score", "月度得分", "Score", "number")),
        3,
    ),
    Sheet(
        "关注名单", "Watch list",
        "SELECT *, array_to_string(scores, ' → ') AS course FROM watch_list ORDER BY month DESC, reason, agent_id",
        (Column("month", "月份", "Month", "date"), *_AGENT, Column("reason", "原因", "Reason", "outcome"),
         Column("score", "月度得分", "Score", "number"), Column("course", "近几个月", "Last months")),
        3,
    ),
    Sheet(
        "投诉", "Complaints",
        "FROM complaints ORDER BY started_at NULLS LAST, sha256",
        (*_CALL, *_AGENT, _AT, Column("words", "客户原话", "The customer's words"),
         Column("clip", "片段", "Clip", "clip"), Column("handled", "处理流程", "Handled", "outcome"),
         Column("commitment", "时限承诺", "Commitment", "outcome"),
         Column("reason", "理由", "Reason")),
        2,
    ),
    Sheet(
        "值得一听", "Clips to share",
        "SELECT *, {title} AS title FROM clips_to_share ORDER BY week DESC NULLS LAST, rule_id, kind",
        (Column("week", "周", "Week", "date"), _INDICATOR, Column("kind", "好坏", "Kind", "outcome"), *_AGENT, *_CALL,
         Column("path", "片段", "Clip", "clip"), Column("quote", "原话", "Words"),
         Column("words", "对话", "In the clip"),
         Column("score", "通话得分", "Score", "number")),
        3,
    ),
    Sheet(
        "未达成", "Failed checks",
        "SELECT *, {title} AS title FROM failed_checks ORDER BY started_at DESC NULLS LAST, sha256, rule_id",
        (*_CALL, *_AGENT, _INDICATOR, Column("severity", "严重程度", "Severity", "outcome"),
         Column("deducted", "扣分", "Points", "number"), _AT, Column("quote", "原话", "Words"),
         Column("reason", "理由", "Reason"), Column("clip", "片段", "Clip", "clip")),
        2,
    ),
    Sheet(
        "语速与音量", "Pace and level",
        "FROM agent_tone ORDER BY team NULLS LAST, agent_id",
        (*_AGENT, Column("calls", "通话", "Calls", "number"), Column("rate", "语速（字/分）", "Pace (/min)", "number"),
         Column("rate_percentile", "班组内百分位", "In the team", "percent"),
         Column("level_dbfs", "音量（dBFS）", "Level (dBFS)", "number"),
         Column("level_percentile", "班组内百分位", "In the team", "percent"),
         Column("rate_ratio", "语速比", "Rate ratio", "number"),
         Column("talk_share", "说话占比", "Talk share", "percent")),
        2,
    ),
)  # fmt: skip
GROUPS = (
    ("company", "实现率·公司", "Achievement by company"), ("team", "实现率·班组", "Achievement by team"),
    ("agent_id", "实现率·坐席", "Achievement by agent"), ("week", "实现率·周", "Achievement by week"),
)  # fmt: skip
_NAMES = {
    "pass": ("达成", "pass"), "fail": ("未达成", "fail"), "unsure": ("不可判", "unsure"),
    "not_applicable": ("不适用", "n/a"), "best": ("最好", "best"), "worst": ("最差", "worst"),
    "below": ("连续低于标准", "below the mark"), "full-marks": ("满分", "full marks"), "fatal": ("红线", "fatal"),
    "serious": ("严重", "serious"), "normal": ("一般", "normal"), "minor": ("轻微", "minor"),
}  # fmt: skip


def write_workbook(home: Home, settings: Settings, folder: Path) -> Path:
    """Write the workbook into a folder and return its path.

    Raises BadQuery when there is no database, OSError when it cannot be written; an old one then stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary,
        open_database(home.database, settings.ingest.timezone) as connection,
    ):
        path = Path(temporary) / NAME
        options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": False}
        with xlsxwriter.Workbook(str(path), options) as book:
            _Writer(book, connection, settings, home, folder).write()
        put_in_place(path, folder / NAME)
    return folder / NAME


class _Writer:
    def __init__(
        self, book: Workbook, connection: DuckDBPyConnection, settings: Settings, home: Home, folder: Path
    ) -> None:
        self.book, self.connection, self.home, self.folder = book, connection, home, folder
        self.chinese = settings.report.language == "zh"
        self.target = settings.report.target
        base = {"font_name": "Microsoft YaHei" if self.chinese else "Calibri", "font_size": 10, "valign": "top"}
        self.head = book.add_format(
            {
                **base,
                "bold": True,
                "bg_color": "#0B6E69",
                "font_color": "#FFFFFF",
                "text_wrap": True,
                "valign": "vcenter",
            }
        )
        numbers = {"text": "@", "number": "0.##", "percent": "0.0%", "date": "yyyy-mm-dd", "time": "yyyy-mm-dd hh:mm"}
        self.formats: dict[str, Format] = {
            kind: book.add_format({**base, "num_format": shape, "text_wrap": kind == "text"})
            for kind, shape in numbers.items()
        }
        self.formats["outcome"] = self.formats["text"]
        self.formats["clip"] = book.add_format({**base, "font_color": "#0B6E69", "underline": 1})
        self.below = book.add_format({"bg_color": "#FEE4E2", "font_color": "#B42318"})

    def say(self, zh: str, en: str) -> str:
        return zh if self.chinese else en

    def rows(self, query: str) -> list[dict[str, Any]]:
        title = "title_zh" if self.chinese else "title_en"
        cursor = self.connection.execute(f"{query.format(title=title)} LIMIT {MOST_ROWS + 1}")
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def write(self) -> None:
        side = "zh" if self.chinese else "en"
        indicators = self.rows(
            f"""SELECT title_{side} AS title, coalesce(named, dimension) AS dimension, achievement, passes, fails,
                unsure, not_applicable
            FROM achievement LEFT JOIN (
                SELECT rule_id, any_value(dimension_{side}) AS named FROM rules GROUP BY rule_id
            ) USING (rule_id)
            ORDER BY achievement NULLS LAST, rule_id"""
        )
        columns = (_INDICATOR, Column("dimension", "维度", "Dimension"), *_COUNTS)
        first = self.sheet(self.say("平均实现率", "Achievement"), columns, indicators, 1)
        self.chart(first, len(indicators))
        for by, zh, en in GROUPS:
            self.grouped(by, self.say(zh, en))
        for sheet in SHEETS:
            self.sheet(self.say(sheet.zh, sheet.en), sheet.columns, self.rows(sheet.query), sheet.fixed)

    def grouped(self, by: str, name: str) -> None:
        """Indicators down, groups across: one glance shows who lacks what."""
        title = "title_zh" if self.chinese else "title_en"
        found = self.rows(
            f"SELECT rule_id, {title} AS title, value, achievement FROM achievement_groups WHERE grouped_by = '{by}' "
            "ORDER BY value, rule_id"
        )
        groups = list(dict.fromkeys(row["value"] for row in found))
        if by == "week":
            groups = groups[::-1]
        groups = groups[:MOST_GROUPS]
        by_rule: dict[str, dict[str, Any]] = {}
        for row in found:
            by_rule.setdefault(row["rule_id"], {"title": row["title"]})[f"g{row['value']}"] = row["achievement"]
        columns = [_INDICATOR, *(Column(f"g{group}", str(group), str(group), "percent") for group in groups)]
        self.sheet(name, columns, list(by_rule.values()), 1)

    def sheet(self, name: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], fixed: int) -> Worksheet:
        sheet: Worksheet = self.book.add_worksheet(name)
        sheet.set_row(0, 24)
        for number, column in enumerate(columns):
            heading = self.say(column.zh, column.en)
            sheet.write_string(0, number, heading, self.head)
            widths = [_width(heading) + 3, *(_width(self.shown(column, row)) for row in rows[:500])]
            sheet.set_column(number, number, min(WIDEST, max(8, *widths) + 1))
            for place, row in enumerate(rows[:MOST_ROWS], start=1):
                self.cell(sheet, place, number, column, row.get(column.name))
            if column.kind == "percent" and (column.name == "achievement" or column.name.startswith("g")):
                area = (1, number, max(1, len(rows)), number)
                blank = {"type": "blanks", "stop_if_true": True, "format": self.formats["percent"]}
                sheet.conditional_format(*area, blank)
                low = {"type": "cell", "criteria": "<", "value": self.target, "format": self.below}
                sheet.conditional_format(*area, low)
        if len(rows) > MOST_ROWS:
            more = self.say("只列出前 {} 行，其余用 callqa sql 查询", "the first {} rows; callqa sql has the rest")
            sheet.write_string(MOST_ROWS + 1, 0, more.format(MOST_ROWS))
        sheet.freeze_panes(1, fixed)
        if rows and columns:
            sheet.autofilter(0, 0, min(len(rows), MOST_ROWS), len(columns) - 1)
        return sheet

    def shown(self, column: Column, row: Mapping[str, Any]) -> str:
        value = row.get(column.name)
        if value is None:
            return ""
        if column.kind == "clip":
            return self.say("播放", "play")
        if column.kind in ("date", "time"):
            return "2026-01-01" if column.kind == "date" else "2026-01-01 00:00"
        if column.kind in ("number", "percent"):
            return f"{value:.2f}"
        return max(str(value).split("\n"), key=_width)

    def cell(self, sheet: Worksheet, row: int, number: int, column: Column, value: Any) -> None:
        shape = self.formats[column.kind]
        if value is None:
            sheet.write_blank(row, number, None, shape)
        elif column.kind in ("number", "percent"):
            sheet.write_number(row, number, float(value), shape)
        elif column.kind in ("date", "time"):
            day = date.fromisoformat(value) if isinstance(value, str) else value
            moment = day.replace(tzinfo=None) if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
            sheet.write_datetime(row, number, moment, shape)
        elif column.kind == "clip":
            place = os.path.relpath(self.home.root / value, self.folder)
            sheet.write_url(row, number, f"external:{place}", shape, self.say("播放", "play"))
        else:
            pair = _NAMES.get(value) if column.kind == "outcome" else None
            sheet.write_string(row, number, (self.say(*pair) if pair else str(value))[:32_000], shape)

    def chart(self, sheet: Worksheet, count: int) -> None:
        """Bars of the achievement rate beside its table."""
        if not count:
            return
        chart: Any = self.book.add_chart({"type": "bar"})
        name = sheet.get_name()
        chart.add_series(
            {"categories": [name, 1, 0, count, 0], "values": [name, 1, 2, count, 2], "fill": {"color": "#2A9D8F"},
             "gap": 40}
        )  # fmt: skip
        chart.set_title({"name": self.say("平均实现率", "Achievement rate"), "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        chart.set_x_axis({"min": 0, "max": 1, "num_format": "0%", "major_gridlines": {"visible": True}})
        chart.set_y_axis({"reverse": True, "num_font": {"size": 9}})
        chart.set_size({"width": 760, "height": max(320, 18 * count + 90)})
        sheet.insert_chart(1, 9, chart)


def _width(text: str) -> int:
    """Columns that a text takes: a Han character is as wide as two letters."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
