"""平均实现率 as a page: a table whose cells lead to their calls, for a team, an agent or an indicator; and as Excel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from desk.calls.call_filters import NOT_GIVEN
from desk.dashboards.drawings import spark_points
from desk.dashboards.excel import ExcelCell, ExcelColumn, ExcelKind, ExcelTable, LinkedCell, dashboard_excel
from desk.dashboards.frame import Frame, dashboard_page, read_frame
from desk.dashboards.matrix import (
    MATRIX_COLUMNS,
    MATRIX_ROWS,
    SHOWN_ROWS,
    AchievementMatrix,
    MatrixAsked,
    MatrixKey,
    MatrixRow,
    MatrixSide,
    read_matrix,
)
from desk.dashboards.rates import AchievementRate, NumberChange, rate_step
from desk.dashboards.trends import TrendChart, trend_chart
from desk.routing import Visit, endpoint
from desk.snapshot import Reader

EXCEL_ROWS = 1000

_SORTS = ("name", "rate", "change", "decided")


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A cell as it is written: its number, the class of its colour, what it says in full, and its calls ("": none)."""

    text: str
    kind: str
    says: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """A row as it is written; `href` is the page of what stands in it."""

    name: str
    href: str
    cells: tuple[MatrixCell, ...]
    whole: MatrixCell
    change: NumberChange | None
    spark: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class _Board:
    """What a request is about, read once."""

    visit: Visit
    frame: Frame
    matrix: AchievementMatrix
    titles: Mapping[str, str]
    agents: Mapping[str, str]

    @property
    def asked(self) -> MatrixAsked:
        return self.matrix.asked

    def name(self, side: MatrixSide, key: MatrixKey) -> str:
        """What a row or column is called."""
        if isinstance(key, date):
            return f"{key:%m-%d}"
        if key == NOT_GIVEN:
            return self.visit.say("none named")
        return (self.titles if side == "rule" else self.agents if side == "agent" else {}).get(key, key)

    def address(self, **changed: object) -> str:
        """This table, asked for otherwise."""
        asked = self.asked
        given = {"rows": asked.rows, "columns": asked.columns, "agent": asked.agent, "rule": asked.rule,
                 "sort": asked.sort, "order": "desc" if asked.descending else ""}  # fmt: skip
        return f"/dashboard/achievement{self.frame.query(**{**given, **changed})}"

    def sorting(self, sort: str) -> str:
        """This table sorted by something; the other way where it is so already."""
        turned = self.asked.sort == sort and not self.asked.descending
        return self.address(sort=sort, order="desc" if turned else "")

    def page_of(self, side: MatrixSide, key: str) -> str:
        """The table of what stands in a row."""
        match side:
            case "rule":
                return self.address(rule=key, rows="agent", columns="week", sort="", order="")
            case "agent":
                return self.address(agent=key, rows="rule", columns="week", sort="", order="")
        return self.address(team=key, rows="rule", columns="week", sort="", order="")


@endpoint("/dashboard/achievement", "dashboards")
def _achievement(visit: Visit) -> Response:
    board = _read(visit)
    frame, asked, matrix = board.frame, board.asked, board.matrix
    link = _linker(board)
    rows = tuple(_shown_row(board, row, link) for row in matrix.shown)
    total = replace(_shown_row(board, matrix.total, link), name=visit.say("All together"), href="")
    columns = [(board.name(asked.columns, key), str(key), board.sorting(str(key))) for key in matrix.columns]
    return dashboard_page(
        visit, "dashboards/achievement.html", frame, board=board, asked=asked, matrix=matrix, rows=rows, total=total,
        columns=columns, sides=(MATRIX_ROWS, MATRIX_COLUMNS), chart=_chart(board), shown_rows=SHOWN_ROWS,
        heading=_heading(board),
    )  # fmt: skip


@endpoint("/dashboard/achievement.xlsx", "export")
def _excel(visit: Visit) -> Response:
    board = _read(visit, EXCEL_ROWS)
    asked, matrix, say = board.asked, board.matrix, visit.say
    link = _linker(board)
    side = MATRIX_ROWS[asked.rows].in_language(visit.language)
    other = MATRIX_COLUMNS[asked.columns].in_language(visit.language)
    heads = [
        ExcelColumn(side), ExcelColumn(say("Rate"), "percent"), ExcelColumn(say("Decided"), "number"),
        ExcelColumn(say("Against before, points"), "number"),
        *(ExcelColumn(str(key) if isinstance(key, date) else board.name(asked.columns, key), "percent")
          for key in matrix.columns),
    ]  # fmt: skip
    wide: list[list[ExcelCell]] = []
    long: list[list[ExcelCell]] = []
    for row in matrix.shown:
        name = board.name(asked.rows, row.key)
        change = round(100 * row.change.by, 1) if row.change else None
        line: list[ExcelCell] = [name, row.whole.share, row.whole.decided, change]
        for key in matrix.columns:
            rate = row.cells.get(key, AchievementRate())
            path = link(row, key, rate)
            line.append(LinkedCell(rate.share, path) if path else rate.share)
            if rate.decided:
                column = key if isinstance(key, date) else board.name(asked.columns, key)
                fails = LinkedCell(rate.fails, path) if path else rate.fails
                long.append([name, column, rate.share, rate.passes, fails])
        wide.append(line)
    note, target = _heading(board), visit.desk.settings.report.target
    kind: ExcelKind = "date" if asked.columns == "week" else "text"
    counted = [
        ExcelColumn(side), ExcelColumn(other, kind), ExcelColumn(say("Rate"), "percent"),
        ExcelColumn(say("Passed"), "number"), ExcelColumn(say("Fails"), "number"),
    ]  # fmt: skip
    tables = (
        ExcelTable(say("Achievement rate"), heads, wide, note, target=target),
        ExcelTable(say("Counts"), counted, long, note, fixed=2, target=target),
    )
    return dashboard_excel(visit, board.frame, tables)


def _read(visit: Visit, most: int = SHOWN_ROWS) -> _Board:
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        titles, agents = rule_names(reader, visit.language), agent_names(reader, frame)
        asked = _asked(visit, titles, agents)
        names = {"rule": titles, "agent": agents}.get(asked.rows, {})
        matrix = read_matrix(reader, frame, asked, names, most)
    order: Callable[[MatrixKey], MatrixKey] = lambda key: key  # noqa: E731
    if asked.columns == "rule":
        places = {rule_id: f"{place:05}" for place, rule_id in enumerate(titles)}
        order = lambda key: places.get(str(key), str(key))  # noqa: E731
    elif asked.columns == "agent":
        order = lambda key: agents.get(str(key), str(key))  # noqa: E731
    matrix = replace(matrix, columns=tuple(sorted(matrix.columns, key=order)))
    return _Board(visit, frame, matrix, titles, agents)


def rule_names(reader: Reader, language: str) -> dict[str, str]:
    """The titles of all rules that ever judged, by their ids, in the order of the rulebooks."""
    title = "title_zh" if language == "zh" else "title_en"
    found = reader.rows(
        f"SELECT rule_id, {title} AS title, dimension FROM totals.group_counts WHERE grouped_by = 'all' "
        "ORDER BY dimension, rule_id"
    )
    return {row["rule_id"]: row["title"] or row["rule_id"] for row in found}


def agent_names(reader: Reader, frame: Frame) -> dict[str, str]:
    """The last names of the agents of a frame, by their numbers."""
    found = reader.rows(
        "SELECT agent, any_value(agent_name ORDER BY last_call DESC) AS name FROM totals.agent_weeks "
        f"WHERE {frame.condition} AND agent IS NOT NULL GROUP BY agent",
        dict(frame.values),
    )
    return {row["agent"]: row["name"] or row["agent"] for row in found}


def _asked(visit: Visit, titles: Mapping[str, str], agents: Mapping[str, str]) -> MatrixAsked:
    agent, rule = visit.query("agent"), visit.query("rule")
    agent = agent if agent in agents or agent == NOT_GIVEN else ""
    rule = rule if rule in titles else ""
    rows: MatrixSide = next((side for side in MATRIX_ROWS if side == visit.query("rows")), "rule")
    if rule and rows == "rule":
        rows = "agent"
    columns: MatrixSide = next((side for side in MATRIX_COLUMNS if side == visit.query("columns")), "week")
    if columns == rows or (rule and columns == "rule"):
        columns = "week"
    start = visit.query("start")
    return MatrixAsked(
        rows, columns, agent, rule, visit.query("sort") or "rate", visit.query("order") == "desc",
        int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 0,
    )  # fmt: skip


def _linker(board: _Board) -> Callable[[MatrixRow, MatrixKey | None, AchievementRate], str]:
    """What gives the address of a cell's calls: those that failed its rule; without a rule all of them, the worst
    first. A cell without a column is that of the whole time."""
    frame, asked = board.frame, board.asked
    given = {"company": frame.company, "agent": asked.agent}
    base = urlencode({name: value for name, value in given.items() if value})
    team = urlencode({"team": frame.team}) if frame.team else ""
    whole = urlencode({"from": frame.first, "to": frame.last_day}) if frame.first else ""
    is_of_rule = "rule" in (asked.rows, asked.columns)
    end = urlencode({"rule": f"{asked.rule}:fail"}) if asked.rule else "" if is_of_rule else "sort=score&order=asc"
    known: dict[tuple[MatrixSide, MatrixKey], str] = {}

    def part(side: MatrixSide, key: MatrixKey) -> str:
        if (side, key) not in known:
            if isinstance(key, date):
                known[side, key] = urlencode({"from": key, "to": key + timedelta(days=6)})
            else:
                known[side, key] = urlencode({str(side): f"{key}:fail" if side == "rule" else key})
        return known[side, key]

    def link(row: MatrixRow, key: MatrixKey | None, rate: AchievementRate) -> str:
        if not rate.decided or ((asked.rule or is_of_rule) and not rate.fails):
            return ""
        if (
            is_of_rule
            and not asked.rule
            and ((asked.rows == "rule" and not row.key) or (asked.columns == "rule" and key is None))
        ):
            return ""  # of all rules together
        has_team = (asked.rows == "team" and row.key) or (asked.columns == "team" and key is not None)
        parts = [base, "" if has_team else team, part(asked.rows, row.key) if row.key else "", end]
        parts += [part(asked.columns, key)] if key is not None else []
        if asked.columns != "week" or key is None:
            parts.append(whole)
        return "/calls?" + "&".join(filter(None, parts))

    return link


def _shown_row(
    board: _Board, row: MatrixRow, link: Callable[[MatrixRow, MatrixKey | None, AchievementRate], str]
) -> MatrixLine:
    asked, target = board.asked, board.visit.desk.settings.report.target
    none = AchievementRate()
    # a text is looked up once, and not for every cell
    pattern = board.visit.say("{passes} of {decided} passed, {fails} failed", passes="{0}", decided="{1}", fails="{2}")

    def shown(key: MatrixKey | None, rate: AchievementRate) -> MatrixCell:
        if rate.share is None:
            return MatrixCell("", "none", "")
        says = pattern.format(rate.passes, rate.decided, rate.fails)
        href = link(row, key, rate)
        if rate.is_few:
            return MatrixCell(f"{rate.passes}/{rate.decided}", "few", says, href)
        step = rate_step(rate.share, target)
        # what is marked as below the target does not read as if it were met
        percent = round(100 * rate.share)
        if rate.share < target <= percent / 100:
            percent = int(100 * rate.share)
        return MatrixCell(str(percent), f"s{step}", says, href)

    weeks = [row.weeks.get(week) for week in board.frame.trend.mondays()]
    return MatrixLine(
        board.name(asked.rows, row.key) if row.key else "", board.page_of(asked.rows, row.key) if row.key else "",
        tuple(shown(key, row.cells.get(key, none)) for key in board.matrix.columns), shown(None, row.whole), row.change,
        tuple(spark_points([rate.share if rate else None for rate in weeks], 1.0)),
    )  # fmt: skip


def _heading(board: _Board) -> str:
    """Of whom or what the table is."""
    parts = [board.visit.say("Achievement rate")]
    if board.asked.agent:
        parts.append(board.name("agent", board.asked.agent))
    if board.asked.rule:
        parts.append(board.name("rule", board.asked.rule))
    return " · ".join(parts)


def _chart(board: _Board) -> TrendChart | None:
    """The trend of the whole table."""
    weeks, total = board.frame.trend.mondays(), board.matrix.total
    if len(total.weeks) < 2:
        return None
    values = []
    for week in weeks:
        rate = total.weeks.get(week, AchievementRate())
        share = rate.share
        says = f"{week}: " + ("–" if share is None else f"{100 * share:.1f} % ({rate.passes}/{rate.decided})")
        values.append((f"{week:%m-%d}", share, says))
    return trend_chart(values, 0.1, "{:.0%}", board.visit.desk.settings.report.target, board.frame.weeks)
