"""The report's numbers: what the database and the clips of a home say of some calls, a part of the page each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pipeline.messages import Message
from pipeline.results.agent_weeks import HARD_TO_HEAR
from pipeline.results.display import SEVERITY_LABELS
from pipeline.results.excerpts import Excerpt, Line, read_excerpts
from pipeline.results.page import Bilingual
from pipeline.results.quotes import marked_parts, read_marked
from pipeline.results.report_page import (
    Bubble,
    CallLine,
    Chip,
    Clip,
    Complaint,
    Day,
    FailureLine,
    Group,
    Indicator,
    Rate,
    ReportPage,
    Summary,
    Trusted,
    Watched,
    Week,
)
from pipeline.results.store import open_database, records
from pipeline.results.views import COUNTS
from pipeline.results.workbook import WORKBOOK
from pipeline.settings import Settings
from pipeline.storage.home import Home, Run

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_CALLS = 1000
MOST_CLIPS = 400
MOST_FAILURES = 200
MOST_COLUMNS = 6
MOST_BEST = 60
MOST_WEEKS = 12
"""What a page can show and still be read; it says how much it leaves to `callqa sql`."""

_SEVERITIES = tuple(SEVERITY_LABELS)


def read_night(home: Home, settings: Settings, run: Run | None, calls: Collection[str] | None) -> ReportPage:
    """What the report over some calls (SHA-256s; None: all) shows. Raises BadQuery when there is no database."""
    zone = settings.ingest.timezone
    started = run.started_at.astimezone(ZoneInfo(zone)) if run else None
    with open_database(home.database, zone) as connection:
        _select(connection, calls)
        agents, teams = _groups(connection, "agent_key"), _groups(connection, "team")
        columns = tuple(team.key for team in teams) if 1 < len(teams) <= MOST_COLUMNS else ()
        clips, clips_total = _clips(connection, home, agents)
        complained = _complaint_clips(connection, home)
        anchors = {clip.sha256: clip.anchor for _, group in reversed(clips) for clip in reversed(group)}
        return ReportPage(
            language=settings.report.language,
            title=Message("Nightly quality report") if run else Message("Quality report"),
            when=f"{started:%Y-%m-%d %H:%M}" if started else "",
            minutes=(run.ended_at - run.started_at).total_seconds() / 60 if run and run.ended_at else None,
            target=settings.report.target,
            workbook=WORKBOOK,
            summary=_summary(connection),
            columns=columns,
            indicators=_indicators(connection, columns),
            teams=teams if len(teams) > 1 else (),
            agents=agents,
            calls=_calls(connection, anchors),
            clips=clips,
            clips_total=clips_total,
            best=_best(connection, home),
            complaints=_complaints(connection, complained),
            complaint_clips=tuple(complained.values()),
            watched=_watched(connection),
            days=_days(connection),
            weeks=_weeks(connection),
            spread=_spread(connection),
            failures=_failures(connection),
        )


def _failures(connection: DuckDBPyConnection) -> tuple[FailureLine, ...]:
    """The latest files that could not be dealt with."""
    rows = records(
        connection,
        f"""SELECT file_name AS name, stage, reason, message, strftime(failed_at, '%Y-%m-%d %H:%M') AS at FROM failures
        ORDER BY failed_at DESC, name LIMIT {MOST_FAILURES}""",
    )
    return tuple(FailureLine(**{name: value or "" for name, value in row.items()}) for row in rows)


def _titles(row: Mapping[str, Any]) -> Bilingual:
    return Bilingual(row["title_zh"] or row["rule_id"], row["title_en"] or row["rule_id"])


def _select(connection: DuckDBPyConnection, calls: Collection[str] | None) -> None:
    """Make the temporary tables night_calls and night_verdicts, with a name for everybody."""
    connection.execute(
        """CREATE TEMP TABLE night_calls AS SELECT *, coalesce(agent_id, agent_name, '') AS agent_key,
            coalesce(agent_name, agent_id, '') AS agent, strftime(started_at, '%Y-%m-%d %H:%M') AS started
        FROM calls WHERE $all OR sha256 IN (SELECT unnest($shas::VARCHAR[]))""",
        {"all": calls is None, "shas": sorted(calls or ())},
    )
    first, last = connection.execute("SELECT min(day), max(day) FROM night_calls").fetchone() or (None, None)
    # by name: the evidence, which is most of a verdict, is not shown from here but from the clips' own records
    connection.execute(
        """CREATE TEMP TABLE night_verdicts AS SELECT sha256, rule_id, title_zh, title_en, v.dimension, severity, tags,
            outcome, nothing_found, reason, agent_key, agent, team, call_id, file_name, started, score
        FROM verdicts AS v JOIN night_calls USING (sha256)
        -- only so that what lies on other days need not be read
        WHERE call_day BETWEEN $first AND $last OR call_day IS NULL""",
        {"first": first, "last": last},
    )


def _severity(row: Mapping[str, Any]) -> str:
    return row["severity"] if row["severity"] in _SEVERITIES else "normal"


def _rate(row: Mapping[str, Any]) -> Rate:
    return Rate(row["passes"], row["decided"], row["achievement"], bool(row["below_target"]))


def _summary(connection: DuckDBPyConnection) -> Summary:
    total = records(
        connection,
        f"""SELECT count(*) AS calls, coalesce(sum(duration_s), 0) / 3600 AS hours, avg(score) AS mean_score,
            count(score) AS scored, count(*) FILTER (passed) AS passed, count(passed) AS marked,
            count(*) FILTER (failed_rules > 0) AS flagged,
            count(*) FILTER (coverage < {HARD_TO_HEAR}) AS hard_to_hear FROM night_calls""",
    )[0]
    unjudged = records(
        connection,
        "SELECT language, count(*) AS calls FROM night_calls WHERE rulebook IS NULL GROUP BY ALL ORDER BY ALL",
    )
    checks = records(connection, f"SELECT {COUNTS} FROM night_verdicts")[0]
    return Summary(
        calls=total["calls"],
        hours=total["hours"],
        without_rulebook=tuple((row["language"], row["calls"]) for row in unjudged),
        hard_to_hear=total["hard_to_hear"],
        mean_score=total["mean_score"],
        scored=total["scored"],
        passed=total["passed"] if total["marked"] else None,
        rate=_rate(checks),
        failed_checks=checks["fails"],
        flagged_calls=total["flagged"],
        failures_total=records(connection, "SELECT count(*) AS files FROM failures")[0]["files"],
    )


def _indicators(connection: DuckDBPyConnection, columns: Sequence[str]) -> tuple[Indicator, ...]:
    by_team = {
        (row["rule_id"], row["team"]): _rate(row)
        for row in records(
            connection, f"SELECT rule_id, coalesce(team, '') AS team, {COUNTS} FROM night_verdicts GROUP BY ALL"
        )
    }
    rows = records(
        connection,
        f"""SELECT v.rule_id, any_value(title_zh) AS title_zh, any_value(title_en) AS title_en,
            any_value(v.dimension) AS dimension, any_value(dimension_zh) AS dimension_zh,
            any_value(dimension_en) AS dimension_en, any_value(v.severity) AS severity, {COUNTS},
            any_value(trust) AS trust, bool_or(nothing_found) AS nothing_found
        FROM night_verdicts AS v
        LEFT JOIN (SELECT rule_id, any_value(dimension_zh) AS dimension_zh, any_value(dimension_en) AS dimension_en,
                -- where both languages' rulebooks have it, the one to be trusted less
                arg_min({{precision: precision, precision_low: precision_low, precision_high: precision_high,
                    recall: recall, recall_low: recall_low, recall_high: recall_high, n: n}}, recall) AS trust
            FROM rules GROUP BY rule_id) AS r USING (rule_id)
        GROUP BY v.rule_id
        ORDER BY dimension NULLS LAST, achievement NULLS LAST, v.rule_id""",
    )
    return tuple(
        Indicator(
            rule_id=row["rule_id"],
            title=_titles(row),
            dimension=Bilingual(
                row["dimension_zh"] or row["dimension"] or "", row["dimension_en"] or row["dimension"] or ""
            ),
            severity=_severity(row),
            rate=_rate(row),
            fails=row["fails"],
            unsure=row["unsure"],
            not_applicable=row["not_applicable"],
            by_team=tuple(by_team.get((row["rule_id"], team)) for team in columns),
            trust=_trusted(row),
        )
        for row in rows
    )


def _trusted(row: Mapping[str, Any]) -> Trusted | None:
    trust = row["trust"]
    if trust is None or trust["precision"] is None:
        return None
    return Trusted(**trust, nothing_found=bool(row["nothing_found"]))


def _groups(connection: DuckDBPyConnection, column: Literal["agent_key", "team"]) -> tuple[Group, ...]:
    """The night by agent or by team, the lowest mean score first."""
    name = "any_value(agent)" if column == "agent_key" else "coalesce(team, '')"
    rows = records(
        connection,
        f"""WITH c AS (
            SELECT coalesce({column}, '') AS key, {name} AS name, any_value(agent_id) AS number,
                any_value(team) AS team, count(*) AS calls, avg(score) AS mean_score, min(score) AS lowest_score,
                count(*) FILTER (fatal) AS fatal, avg(score_coverage) AS coverage
            FROM night_calls GROUP BY {column}
        ), v AS (SELECT coalesce({column}, '') AS key, {COUNTS} FROM night_verdicts GROUP BY {column})
        SELECT * FROM c LEFT JOIN v USING (key) ORDER BY mean_score NULLS LAST, key""",
    )
    return tuple(
        Group(
            key=row["key"],
            name=row["name"] or "",
            number=row["number"] or "" if column == "agent_key" else "",
            team=row["team"] or "",
            calls=row["calls"],
            mean_score=row["mean_score"],
            lowest_score=row["lowest_score"],
            rate=Rate(row["passes"] or 0, row["decided"] or 0, row["achievement"], bool(row["below_target"])),
            fails=row["fails"] or 0,
            unsure=row["unsure"] or 0,
            fatal=row["fatal"],
            coverage=row["coverage"],
        )
        for row in rows
    )


def _call_name(row: Mapping[str, Any]) -> str:
    return str(row["file_name"] or row["call_id"] or row["sha256"][:12])


def _calls(connection: DuckDBPyConnection, anchors: dict[str, str]) -> tuple[CallLine, ...]:
    """The lowest scores of the night, with what failed and what could not be told."""
    rows = records(
        connection,
        f"""WITH shown AS (SELECT * FROM night_calls ORDER BY score NULLS LAST, started, sha256 LIMIT {MOST_CALLS})
        SELECT shown.*,
            (SELECT count(*) FROM night_verdicts AS v WHERE v.sha256 = shown.sha256 AND outcome = 'pass') AS passes,
            (SELECT list({{'rule_id': rule_id, 'title_zh': title_zh, 'title_en': title_en, 'outcome': outcome,
                'severity': severity}} ORDER BY outcome, rule_id)
            FROM night_verdicts AS v WHERE v.sha256 = shown.sha256 AND outcome IN ('fail', 'unsure')) AS chips
        FROM shown ORDER BY score NULLS LAST, started, sha256""",
    )
    return tuple(
        CallLine(
            name=_call_name(row),
            started=row["started"] or "",
            agent=row["agent"],
            team=row["team"] or "",
            duration_s=row["duration_s"],
            score=row["score"],
            passed=row["passed"],
            fatal=bool(row["fatal"]),
            hung_up_by=row["hung_up_by"] or "",
            passes=row["passes"],
            chips=tuple(sorted(map(_chip, row["chips"] or ()), key=lambda chip: _SEVERITIES.index(chip.severity))),
            anchor=anchors.get(row["sha256"], ""),
        )
        for row in rows
    )


def _chip(row: Mapping[str, Any]) -> Chip:
    return Chip(_titles(row), row["outcome"], _severity(row))


def _clips(
    connection: DuckDBPyConnection, home: Home, agents: Iterable[Group]
) -> tuple[tuple[tuple[Group, tuple[Clip, ...]], ...], int]:
    """Clips by agent, the gravest first; each verdict's first clip before anybody's second."""
    failed = """FROM night_verdicts AS v JOIN clips USING (sha256, rule_id)
        WHERE outcome = 'fail' AND NOT list_contains(tags, 'complaint')"""
    rows = records(
        connection,
        f"""SELECT v.*, n, path {failed}
        ORDER BY n, list_position({list(_SEVERITIES)!r}, coalesce(severity, 'normal')), rule_id, started, sha256
        LIMIT {MOST_CLIPS}""",
    )
    by_agent: dict[str, list[Clip]] = {}
    for clip in _made(rows, home):
        by_agent.setdefault(clip.agent_key, []).append(clip)
    groups = []
    for agent in agents:
        order = {severity: place for place, severity in enumerate(_SEVERITIES)}
        clips = sorted(by_agent.get(agent.key, ()), key=lambda c: (order.get(c.severity, 2), c.rule_id, c.started))
        if clips:
            groups.append((agent, tuple(clips)))
    return tuple(groups), int(records(connection, f"SELECT count(*) AS clips {failed}")[0]["clips"])


def _made(rows: Iterable[dict[str, Any]], home: Home) -> Iterable[Clip]:
    """The clips of some rows; those that are no longer in their recording's record are left out."""
    records: dict[str, tuple[Excerpt, ...]] = {}
    for row in rows:
        sha256 = row["sha256"]
        excerpts = records.setdefault(sha256, read_excerpts(home, sha256))
        excerpt = next((e for e in excerpts if e.rule_id == row["rule_id"] and e.n == row["n"]), None)
        if excerpt:
            yield _clip(row, excerpt, home)


def _best(connection: DuckDBPyConnection, home: Home) -> tuple[Clip, ...]:
    """What went well tonight, one clip an indicator, from the best calls."""
    rows = records(
        connection,
        f"""SELECT v.*, n, path FROM night_verdicts AS v JOIN clips USING (sha256, rule_id)
        WHERE outcome = 'pass' AND n = 1 AND NOT list_contains(tags, 'complaint')
        QUALIFY row_number() OVER (PARTITION BY rule_id ORDER BY score DESC NULLS LAST, sha256) = 1
        ORDER BY rule_id LIMIT {MOST_BEST}""",
    )
    return tuple(_made(rows, home))


def _complaint_clips(connection: DuckDBPyConnection, home: Home) -> dict[str, Clip]:
    """The customer's words of every complaint of the night, by SHA-256."""
    rows = records(
        connection,
        f"""SELECT v.*, n, path FROM night_verdicts AS v JOIN clips USING (sha256, rule_id)
        WHERE list_contains(tags, 'complaint') AND n = 1 ORDER BY started, sha256 LIMIT {MOST_CLIPS}""",
    )
    return {clip.sha256: clip for clip in _made(rows, home)}


def _complaints(connection: DuckDBPyConnection, clips: dict[str, Clip]) -> tuple[Complaint, ...]:
    rows = records(
        connection,
        """SELECT c.*, n.agent, n.started FROM complaints AS c
        JOIN (SELECT sha256, agent, started FROM night_calls) AS n USING (sha256) ORDER BY n.started, sha256""",
    )
    return tuple(
        Complaint(
            call=_call_name(row),
            started=row["started"] or "",
            agent=row["agent"] or "",
            team=row["team"] or "",
            at_s=row["at_s"],
            quote=read_marked(row["words"] or "", row["matched"] or ""),
            handled=row["handled"],
            commitment=row["commitment"] or "",
            anchor=clips[row["sha256"]].anchor if row["sha256"] in clips else "",
        )
        for row in rows
    )


def _watched(connection: DuckDBPyConnection) -> tuple[Watched, ...]:
    """The watch list of the newest month that has one."""
    rows = records(
        connection,
        """SELECT *, strftime(month, '%Y-%m') AS named FROM watch_list
        WHERE month = (SELECT max(month) FROM agent_month) ORDER BY reason, score, agent_id""",
    )
    return tuple(
        Watched(
            row["agent_name"] or row["agent_id"], row["team"] or "", row["named"], row["reason"] == "below",
            tuple(row["scores"]),
        )
        for row in rows
    )  # fmt: skip


def _days(connection: DuckDBPyConnection) -> tuple[Day, ...]:
    """The daily sheet of the newest day of the night."""
    rows = records(
        connection,
        """SELECT *, strftime(day, '%Y-%m-%d') AS named FROM agent_day
        WHERE day = (SELECT max(day) FROM night_calls) ORDER BY calls DESC, agent_id""",
    )
    return tuple(
        Day(
            row["named"], row["agent_name"] or row["agent_id"] or "", row["team"] or "", row["calls"],
            row["handled_minutes"], row["talk_minutes"], row["bookings"], row["mean_score"],
        )
        for row in rows
    )  # fmt: skip


def _weeks(connection: DuckDBPyConnection) -> tuple[Week, ...]:
    """The last weeks of all calls, the oldest first."""
    rows = records(
        connection,
        f"""WITH c AS (
            SELECT week, count(*) AS calls, avg(score) AS mean_score FROM calls WHERE week IS NOT NULL GROUP BY week
        ), v AS (
            SELECT value::DATE AS week, sum(passes) / nullif(sum(decided), 0) AS achievement
            FROM achievement_groups WHERE grouped_by = 'week' GROUP BY value
        )
        SELECT strftime(week, '%m-%d') AS monday, calls, mean_score, round(achievement, 4) AS achievement
        FROM c LEFT JOIN v USING (week) ORDER BY week DESC LIMIT {MOST_WEEKS}""",
    )
    return tuple(Week(row["monday"], row["calls"], row["mean_score"], row["achievement"]) for row in reversed(rows))


def _spread(connection: DuckDBPyConnection) -> tuple[int, ...]:
    """How many calls of the night scored 0–9, 10–19, … 90–100."""
    rows = records(
        connection,
        "SELECT least(9, floor(score / 10))::INTEGER AS tenth, count(*) AS calls FROM night_calls "
        "WHERE score IS NOT NULL GROUP BY tenth",
    )
    counts = {row["tenth"]: row["calls"] for row in rows}
    return tuple(counts.get(tenth, 0) for tenth in range(10)) if counts else ()


def _clip(row: Mapping[str, Any], excerpt: Excerpt, home: Home) -> Clip:
    exists = (home.root / row["path"]).is_file()
    return Clip(
        anchor=f"clip-{row['sha256'][:12]}-{row['rule_id']}-{row['n']}",
        sha256=row["sha256"],
        agent_key=row["agent_key"],
        agent=row["agent"],
        team=row["team"] or "",
        rule_id=row["rule_id"],
        title=_titles(row),
        severity=_severity(row),
        reason=row["reason"],
        call=_call_name(row),
        started=row["started"] or "",
        at_s=excerpt.span.start_s,
        duration_s=excerpt.span.duration_s,
        source=row["path"] if exists else "",
        bubbles=tuple(_bubble(line, excerpt) for line in excerpt.lines),
    )


def _bubble(line: Line, excerpt: Excerpt) -> Bubble:
    # lines of clips that an earlier version cut do not say what was matched in them
    matched = line.matched or (excerpt.matched,) if line.evidence else ()
    return Bubble(line.role, line.span.start_s, tuple(marked_parts(line.text, matched)), line.evidence)
