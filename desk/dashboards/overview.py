"""How it goes: calls, scores and achievement beside the time before, their trends, and what changed most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from desk.dashboards.achievement import agent_names, rule_names
from desk.dashboards.excel import ExcelCell, ExcelColumn, ExcelTable, LinkedCell, dashboard_excel
from desk.dashboards.frame import Frame, calls_link, dashboard_page, read_frame
from desk.dashboards.matrix import AchievementMatrix, MatrixAsked, MatrixRow, read_matrix
from desk.dashboards.rates import COMPARED_DECIDED, LISTED_SIGMAS, AchievementRate
from desk.dashboards.score_sums import ComparedSums, ScoreSums, compared_sums, week_sums
from desk.dashboards.trends import SpreadBar, TrendChart, spread_bars, trend_chart
from desk.routing import Visit, endpoint
from pipeline.results.agent_weeks import SCORE_BANDS, SCORE_STEP

LISTED_RULES, LISTED_GROUPS = 8, 8
"""Indicators and teams or agents that a list of the overview has."""


@dataclass(frozen=True, slots=True)
class BoardWeek:
    """A week of the trend: its Monday, its calls, its rate, and the address of its calls."""

    week: str
    sums: ScoreSums
    rate: AchievementRate
    href: str


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """Calls with a score from one number to another, now and before, and the address of those of now."""

    low: int
    name: str
    now: int
    before: int
    href: str


@dataclass(frozen=True, slots=True)
class _Overview:
    frame: Frame
    whole: ComparedSums | None
    matrix: AchievementMatrix
    titles: Mapping[str, str]
    weeks: Sequence[BoardWeek]
    teams: Sequence[ComparedSums]
    agents: Sequence[ComparedSums]
    names: Mapping[str, str]
    bands: Sequence[ScoreBand]


@endpoint("/dashboard", "dashboards")
def _overview(visit: Visit) -> Response:
    read = _read(visit)
    frame, rows = read.frame, [row for row in read.matrix.rows if row.whole.decided >= COMPARED_DECIDED]
    changed = sorted((row for row in rows if row.change and row.change.is_clear), key=_risen)
    return dashboard_page(
        visit, "dashboards/overview.html", frame, read=read, whole=read.whole, titles=read.titles, called=read.names,
        charts=_charts(visit, read), spread=_spread(visit, read.bands), rule_link=_rule_links(frame, rows),
        weakest=sorted(rows, key=lambda row: row.whole.share or 0)[:LISTED_RULES],
        worse=[row for row in changed if _risen(row) < 0][:LISTED_RULES],
        better=[row for row in reversed(changed) if _risen(row) > 0][:LISTED_RULES],
        teams=_most_changed(read.teams) if not frame.team and len(read.teams) > 1 else None,
        agents=_most_changed(read.agents), tile_links=_tile_links(frame), fewest=COMPARED_DECIDED,
        agent_link=lambda key: calls_link(frame, columns={"agent": (key,)}, sort="score"),
        agent_table=lambda key: f"/dashboard/achievement{frame.query(agent=key)}",
        team_calls=lambda key: calls_link(frame, columns={"team": (key,)}, sort="score"),
        team_link=lambda key: frame.query(team=key),
    )  # fmt: skip


def _read(visit: Visit) -> _Overview:
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        titles = rule_names(reader, visit.language)
        matrix = read_matrix(reader, frame, MatrixAsked("rule", "week"), titles, most=0)
        sums = week_sums(reader, frame.trend)
        whole = compared_sums(reader, frame, "all")
        teams, agents = compared_sums(reader, frame, "team"), compared_sums(reader, frame, "agent")
        names = agent_names(reader, frame)
    none = AchievementRate()
    weeks = [
        BoardWeek(
            str(week), sums.get(week, ScoreSums()), matrix.total.weeks.get(week, none), calls_link(frame, week, week)
        )
        for week in frame.trend.mondays()
    ]
    return _Overview(
        frame, whole[0] if whole else None, matrix, titles, weeks, teams, agents, names,
        _bands(frame, whole[0]) if whole else (),
    )  # fmt: skip


def _risen(row: MatrixRow) -> float:
    return row.change.by if row.change else 0.0


def _most_changed(groups: Iterable[ComparedSums]) -> list[ComparedSums]:
    """Those whose mean score changed most; out of so many some change much by chance alone, and are left out."""
    sure = [each for each in groups if each.score_change and each.score_change.sigmas >= LISTED_SIGMAS]
    return sorted(sure, key=lambda each: -abs(each.score_change.by if each.score_change else 0))[:LISTED_GROUPS]


def _rule_links(frame: Frame, rows: Iterable[MatrixRow]) -> dict[str, tuple[str, str]]:
    """Of each rule the address of its table, and of the calls that failed it."""
    return {
        row.key: (
            f"/dashboard/achievement{frame.query(rule=row.key, rows='agent')}",
            calls_link(frame, rule=(row.key, "fail")),
        )
        for row in rows
    }  # fmt: skip


def _tile_links(frame: Frame) -> dict[str, str]:
    return {
        "calls": calls_link(frame),
        "score": calls_link(frame, sort="score"),
        "fatal": calls_link(frame, flags=("fatal",)),
        "complaints": calls_link(frame, flags=("complaint",)),
        "achievement": f"/dashboard/achievement{frame.query()}",
    }


def _bands(frame: Frame, whole: ComparedSums) -> tuple[ScoreBand, ...]:
    """The distribution of scores."""
    return tuple(
        ScoreBand(
            low, f"{low}–{low + SCORE_STEP - 1}" if low < 100 else "100",
            whole.now.bands[place], whole.before.bands[place],
            # scores have two decimals at most
            calls_link(frame, scores=(low, min(100, low + SCORE_STEP - 0.001)), sort="score"),
        )
        for place, low in enumerate(SCORE_BANDS)
    )  # fmt: skip


def _charts(visit: Visit, read: _Overview) -> dict[str, TrendChart]:
    """Achievement, score and calls by week."""
    weeks, asked = read.weeks, read.frame.weeks
    if sum(bool(week.sums.calls) for week in weeks) < 2:
        return {}

    def named(week: BoardWeek, value: float | None, says: str) -> tuple[str, float | None, str]:
        return week.week[5:], value, f"{week.week}: {says if value is not None else '–'}"

    rates = [named(week, week.rate.share, f"{100 * (week.rate.share or 0):.1f} %") for week in weeks]
    scores = [named(week, week.sums.score, f"{week.sums.score or 0:.1f}") for week in weeks]
    most = max(week.sums.calls for week in weeks)
    unit = next(unit for power in range(12) for unit in (10**power / 2, 10**power) if most <= 10 * unit)
    calls = [named(week, week.sums.calls, f"{week.sums.calls:,}") for week in weeks]
    return {
        "achievement": trend_chart(rates, 0.1, "{:.0%}", visit.desk.settings.report.target, asked),
        "score": trend_chart(scores, 10, "{:.0f}", None, asked),
        "calls": trend_chart(calls, unit, "{:,.0f}", None, asked, from_nothing=True),
    }


def _spread(visit: Visit, bands: Sequence[ScoreBand]) -> tuple[SpreadBar, ...]:
    now, before = sum(band.now for band in bands), sum(band.before for band in bands)
    return spread_bars(
        [
            (
                str(band.low), band.now / max(1, now), band.before / before if before else None,
                visit.say(
                    "score {band}: {now} calls, before {before}", band=band.name, now=band.now, before=band.before
                ),
            )
            for band in bands
        ]
    )  # fmt: skip


@endpoint("/dashboard.xlsx", "export")
def _excel(visit: Visit) -> Response:
    read, say, target = _read(visit), visit.say, visit.desk.settings.report.target
    weeks: list[list[ExcelCell]] = [
        [each.week, LinkedCell(each.sums.calls, each.href), each.sums.score, each.rate.share, each.sums.fatal,
         each.sums.complaints]
        for each in read.weeks
    ]  # fmt: skip
    bands: list[list[ExcelCell]] = [[band.name, LinkedCell(band.now, band.href), band.before] for band in read.bands]
    rules: list[list[ExcelCell]] = [
        [read.titles.get(row.key, row.key), row.whole.share, row.whole.decided,
         LinkedCell(row.whole.fails, calls_link(read.frame, rule=(row.key, "fail"))), row.before.share,
         row.before.decided, round(100 * row.change.by, 1) if row.change else None]
        for row in read.matrix.rows
    ]  # fmt: skip
    calls, decided = ExcelColumn(say("Calls"), "number"), ExcelColumn(say("Decided"), "number")
    against = ExcelColumn(say("Against before, points"), "number")
    rate, before = ExcelColumn(say("Rate"), "percent"), ExcelColumn(say("Calls before"), "number")
    tables = [
        ExcelTable(
            say("Week by week"),
            (ExcelColumn(say("Week of")), calls, ExcelColumn(say("Mean score"), "number"), rate,
             ExcelColumn(say("Fatal"), "number"), ExcelColumn(say("Complaints"), "number")),
            weeks, target=target,
        ),
        ExcelTable(say("Distribution of scores"), (ExcelColumn(say("Score")), calls, before), bands),
        ExcelTable(
            say("Indicators"),
            (ExcelColumn(say("Indicators")), rate, decided, ExcelColumn(say("Fails"), "number"),
             ExcelColumn(say("Rate before"), "percent"), ExcelColumn(say("Decided before"), "number"), against),
            rules, target=target,
        ),
    ]  # fmt: skip
    for title, groups in ((say("Teams"), read.teams), (say("Agents"), read.agents)):
        rows: list[list[ExcelCell]] = [
            [read.names.get(each.key, each.key), each.now.calls, each.now.score, each.before.calls, each.before.score,
             each.now.fatal, each.now.complaints]
            for each in groups
        ]  # fmt: skip
        heads = (
            ExcelColumn(title), calls, ExcelColumn(say("Mean score"), "number"),
            ExcelColumn(say("Calls before"), "number"), ExcelColumn(say("Mean score before"), "number"),
            ExcelColumn(say("Fatal"), "number"),
            ExcelColumn(say("Complaints"), "number"),
        )  # fmt: skip
        tables.append(ExcelTable(title, heads, rows))
    return dashboard_excel(visit, read.frame, tables)
