"""The report of a night: one HTML page that a coach opens and plays from, anywhere, without a network.

The page carries its style, its script and, up to a limit, its clips; beyond the limit the clips lie in a folder
beside it. It is made from the published database alone. Everything that strangers wrote (words, file names,
CDR fields) is escaped, and a content security policy forbids whatever the page does not bring along itself.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.results.excerpts import COMPLAINT, Excerpt, read_excerpts
from pipeline.results.store import open_database
from pipeline.results.tables import COUNTS
from pipeline.results.workbook import NAME as WORKBOOK
from pipeline.results.workbook import write_workbook
from pipeline.settings import Settings
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home, Run

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EMBED_BYTES = 20_000_000
"""Clips of up to this size in all are carried inside the page; more go to a folder beside it."""
MOST_CALLS = 1000
MOST_CLIPS = 400
MOST_FAILURES = 200
MOST_COLUMNS = 6
MOST_BEST = 60
MOST_WEEKS = 12
"""What a page can show and still be read; it says how much it leaves to `callqa sql`."""

HARD_TO_HEAR = 0.6
"""A call with words for less of its speech than this is counted: its verdicts rest on little."""

TEMPLATES = Path(__file__).parent / "templates"
_SEVERITIES = ("fatal", "serious", "normal", "minor")


@dataclass(frozen=True, slots=True)
class Title:
    """A name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Rate:
    """An achievement rate (平均实现率): `value` is passes ÷ decided, 0–1, None where nothing was decided."""

    passes: int
    decided: int
    value: float | None
    below: bool


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row of the achievement table; `by_team` is in the order of `Page.columns`."""

    rule_id: str
    title: Title
    dimension: Title
    severity: str
    rate: Rate
    fails: int
    unsure: int
    not_applicable: int
    by_team: tuple[Rate | None, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """An agent or a team, with its calls of the night. `key` is what its clips carry."""

    key: str
    name: str
    number: str
    team: str
    calls: int
    mean_score: float | None
    lowest_score: float | None
    rate: Rate
    fails: int
    unsure: int
    fatal: int
    coverage: float | None


@dataclass(frozen=True, slots=True)
class Chip:
    """A failed or undecided indicator of a call."""

    title: Title
    outcome: Literal["fail", "unsure"]
    severity: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call. `anchor` is the id of its first clip on the page, or ""."""

    name: str
    started: str
    agent: str
    team: str
    duration_s: float
    score: float | None
    passed: bool | None
    fatal: bool
    hung_up_by: str
    passes: int
    chips: tuple[Chip, ...]
    anchor: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """A line of a clip: the words before, within and after the evidence's own."""

    role: str
    at_s: float
    before: str
    marked: str
    after: str
    evidence: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip with its words. `source` is a data URI or a path relative to the page; "" when the file is gone."""

    anchor: str
    sha256: str
    agent_key: str
    agent: str
    team: str
    rule_id: str
    title: Title
    severity: str
    reason: str
    call: str
    started: str
    at_s: float
    duration_s: float
    source: str
    bubbles: tuple[Bubble, ...]


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A file that could not be dealt with."""

    name: str
    stage: str
    reason: str
    message: str
    at: str


@dataclass(frozen=True, slots=True)
class Week:
    """A week in the trend: its Monday, its mean score (0–100) and its achievement rate (0–1)."""

    monday: str
    calls: int
    mean_score: float | None
    rate: float | None


@dataclass(frozen=True, slots=True)
class Complaint:
    """A call of the complaint queue; `anchor` is the id of its clip on the page, or ""."""

    call: str
    started: str
    agent: str
    team: str
    at_s: float | None
    words: str
    handled: str
    commitment: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Watched:
    """An agent of the watch list; `below` tells the two reasons apart."""

    agent: str
    team: str
    month: str
    below: bool
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A row of the daily sheet."""

    day: str
    agent: str
    team: str
    calls: int
    handled_minutes: float
    talk_minutes: float
    bookings: int
    mean_score: float | None


@dataclass(frozen=True, slots=True)
class Page:
    """All that the template may use."""

    language: str
    title: Title
    when: str
    minutes: float | None
    calls_total: int
    without_rulebook: tuple[tuple[str, int], ...]
    hard_to_hear: int
    hours: float
    mean_score: float | None
    scored: int
    passed: int | None
    rate: Rate
    failed_checks: int
    flagged_calls: int
    target: float
    columns: tuple[str, ...]
    indicators: tuple[Indicator, ...]
    teams: tuple[Group, ...]
    agents: tuple[Group, ...]
    calls: tuple[CallRow, ...]
    clips: tuple[tuple[Group, tuple[Clip, ...]], ...]
    clips_total: int
    best: tuple[Clip, ...]
    complaints: tuple[Complaint, ...]
    complaint_clips: tuple[Clip, ...]
    watched: tuple[Watched, ...]
    days: tuple[Day, ...]
    weeks: tuple[Week, ...]
    spread: tuple[int, ...]
    workbook: str
    failures: tuple[FailureRow, ...]
    failures_total: int


def write_report(
    home: Home,
    settings: Settings,
    run: Run | None = None,
    calls: Collection[str] | None = None,
    embed_bytes: int = EMBED_BYTES,
) -> Path:
    """Write the report over some calls (SHA-256s; None: all), a workbook beside it, and return its index.html.

    Reads the published database and the clips of the home; `run` gives the report its name and date. Raises
    BadQuery when there is no database, OSError when the page cannot be written.
    """
    zone = settings.ingest.timezone
    folder = home.reports / _folder_name(run, zone)
    with open_database(home.database, zone) as connection:
        _select(connection, calls)
        page = _page(connection, home, settings, run)
    chosen = [*(clip for _, clips in page.clips for clip in clips), *page.best, *page.complaint_clips]
    sizes = sum((home.root / clip.source).stat().st_size for clip in chosen if clip.source)
    sources = _embedded(home, chosen) if sizes <= embed_bytes else _copied(home, chosen, folder / "clips")
    if sizes <= embed_bytes:
        shutil.rmtree(folder / "clips", ignore_errors=True)
    html = render(page, sources, embedded=sizes <= embed_bytes)
    write_workbook(home, settings, folder)
    path = folder / "index.html"
    write_whole(path, html.encode("utf-8", "replace"))
    return path


def render(page: Page, sources: dict[str, str], embedded: bool) -> str:
    """The page as HTML; `sources` maps a clip's anchor to where its sound is."""
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    media = "data:" if embedded else "'self' file:"
    policy = policy_of(style, f"script-src {_csp_hash(script)}; media-src {media}; ")
    html: str = (
        environment()
        .get_template("report.html")
        .render(page=page, sources=sources, policy=policy, style=Markup(style), script=Markup(script))
    )
    return html


def environment() -> Environment:
    """What templates are rendered with: everything escaped, nothing undefined."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"clock": _clock, "percent": _percent, "points": _points, "hue": _hue}
    return made


def policy_of(style: str, more: str = "") -> str:
    """A content security policy that allows this style, what `more` allows, and nothing from anywhere else."""
    return f"default-src 'none'; style-src {_csp_hash(style)}; {more}img-src data:; base-uri 'none'; form-action 'none'"


def _csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _folder_name(run: Run | None, zone: str) -> str:
    if run is None:
        return "all-calls"
    started = run.started_at.astimezone(ZoneInfo(zone))
    return f"{started:%Y-%m-%d_%H%M}-{re.sub(r'[^A-Za-z0-9_-]+', '-', run.run_id)[:40]}"


def _embedded(home: Home, clips: Sequence[Clip]) -> dict[str, str]:
    return {
        clip.anchor: "data:audio/mpeg;base64," + base64.b64encode((home.root / clip.source).read_bytes()).decode()
        for clip in clips
        if clip.source
    }


def _copied(home: Home, clips: Sequence[Clip], folder: Path) -> dict[str, str]:
    """Clips beside the page, as hard links where the file system can, so that the folder can be given away."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {}
    for clip in clips:
        if clip.source:
            file, target = home.root / clip.source, folder / Path(clip.source).name
            if not target.exists():
                try:
                    os.link(file, target)
                except OSError:
                    shutil.copyfile(file, target)
            sources[clip.anchor] = f"clips/{target.name}"
    for path in folder.iterdir():
        if f"clips/{path.name}" not in sources.values():
            path.unlink()
    return sources


def _clock(seconds: float | None) -> str:
    """Seconds as m:ss, or h:mm:ss."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.2f}".rstrip("0").rstrip(".") + "%"


def _points(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}".removesuffix(".0")


def _hue(score: float | None) -> str:
    """The class of a score's colour."""
    if score is None:
        return "none"
    return "good" if score >= 90 else "fair" if score >= 80 else "poor" if score >= 60 else "bad"


def _rows(connection: DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, list(parameters))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _select(connection: DuckDBPyConnection, calls: Collection[str] | None) -> None:
    """Make the temporary tables night_calls and night_verdicts, with a name for everybody."""
    connection.execute(
        """CREATE TEMP TABLE night_calls AS SELECT *, coalesce(agent_id, agent_name, '') AS agent_key,
            coalesce(agent_name, agent_id, '') AS agent, strftime(started_at, '%Y-%m-%d %H:%M') AS started
        FROM calls WHERE $shas IS NULL OR list_contains($shas, sha256)""",
        {"shas": None if calls is None else sorted(calls)},
    )
    connection.execute(
        "CREATE TEMP TABLE night_verdicts AS SELECT v.*, agent_key, agent, team, company, call_id, file_name, started "
        "FROM verdicts AS v JOIN night_calls USING (sha256)"
    )


def _rate(row: dict[str, Any]) -> Rate:
    return Rate(row["passes"], row["decided"], row["achievement"], bool(row["below_target"]))


def _page(connection: DuckDBPyConnection, home: Home, settings: Settings, run: Run | None) -> Page:
    total = _rows(
        connection,
        f"""SELECT count(*) AS calls, coalesce(sum(duration_s), 0) / 3600 AS hours, avg(score) AS mean_score,
            count(score) AS scored, count(*) FILTER (passed) AS passed, count(passed) AS marked,
            count(*) FILTER (failed_rules > 0) AS flagged,
            count(*) FILTER (coverage < {HARD_TO_HEAR}) AS hard_to_hear FROM night_calls""",
    )[0]
    unjudged = _rows(
        connection,
        "SELECT language, count(*) AS calls FROM night_calls WHERE rulebook IS NULL GROUP BY ALL ORDER BY ALL",
    )
    checks = _rows(connection, f"SELECT {COUNTS} FROM night_verdicts")[0]
    agents = _groups(connection, "agent_key")
    teams = _groups(connection, "team")
    columns = tuple(team.key for team in teams[:MOST_COLUMNS]) if 1 < len(teams) <= MOST_COLUMNS else ()
    clips, clips_total = _clips(connection, home, agents)
    best, complained = _best(connection, home), _complaint_clips(connection, home)
    anchors = {clip.sha256: clip.anchor for _, group in reversed(clips) for clip in reversed(group)}
    failures = _rows(
        connection,
        "SELECT file_name AS name, stage, reason, message, strftime(failed_at, '%Y-%m-%d %H:%M') AS at FROM failures "
        "ORDER BY failed_at DESC, name",
    )
    started = run.started_at.astimezone(ZoneInfo(settings.ingest.timezone)) if run else None
    return Page(
        language=settings.report.language,
        title=Title("夜间质检报告", "Nightly quality report") if run else Title("质检报告", "Quality report"),
        when=f"{started:%Y-%m-%d %H:%M}" if started else "",
        minutes=(run.ended_at - run.started_at).total_seconds() / 60 if run and run.ended_at else None,
        calls_total=total["calls"],
        hard_to_hear=total["hard_to_hear"],
        without_rulebook=tuple((row["language"], row["calls"]) for row in unjudged),
        hours=total["hours"],
        mean_score=total["mean_score"],
        scored=total["scored"],
        passed=total["passed"] if total["marked"] else None,
        rate=_rate(checks),
        failed_checks=checks["fails"],
        flagged_calls=total["flagged"],
        target=settings.report.target,
        columns=columns,
        indicators=_indicators(connection, columns),
        teams=teams if len(teams) > 1 else (),
        agents=agents,
        calls=_calls(connection, anchors),
        clips=clips,
        clips_total=clips_total,
        best=best,
        complaints=_complaints(connection, complained),
        complaint_clips=tuple(complained.values()),
        watched=_watched(connection),
        days=_days(connection),
        weeks=_weeks(connection),
        spread=_spread(connection),
        workbook=WORKBOOK,
        failures=tuple(FailureRow(**{k: v or "" for k, v in row.items()}) for row in failures[:MOST_FAILURES]),
        failures_total=len(failures),
    )


def _titles(row: dict[str, Any]) -> Title:
    return Title(row["title_zh"] or row["rule_id"], row["title_en"] or row["rule_id"])


def _indicators(connection: DuckDBPyConnection, columns: Sequence[str]) -> tuple[Indicator, ...]:
    by_team = {
        (row["rule_id"], row["team"]): _rate(row)
        for row in _rows(
            connection, f"SELECT rule_id, coalesce(team, '') AS team, {COUNTS} FROM night_verdicts GROUP BY ALL"
        )
    }
    rows = _rows(
        connection,
        f"""SELECT v.rule_id, any_value(title_zh) AS title_zh, any_value(title_en) AS title_en,
            any_value(v.dimension) AS dimension, any_value(dimension_zh) AS dimension_zh,
            any_value(dimension_en) AS dimension_en, any_value(v.severity) AS severity, {COUNTS}
        FROM night_verdicts AS v
        LEFT JOIN (SELECT rule_id, any_value(dimension_zh) AS dimension_zh, any_value(dimension_en) AS dimension_en
            FROM rules GROUP BY rule_id) AS r USING (rule_id)
        GROUP BY v.rule_id
        ORDER BY dimension NULLS LAST, achievement NULLS LAST, v.rule_id""",
    )
    return tuple(
        Indicator(
            rule_id=row["rule_id"],
            title=_titles(row),
            dimension=Title(
                row["dimension_zh"] or row["dimension"] or "", row["dimension_en"] or row["dimension"] or ""
            ),
            severity=row["severity"] or "normal",
            rate=_rate(row),
            fails=row["fails"],
            unsure=row["unsure"],
            not_applicable=row["not_applicable"],
            by_team=tuple(by_team.get((row["rule_id"], team)) for team in columns),
        )
        for row in rows
    )


def _groups(connection: DuckDBPyConnection, column: Literal["agent_key", "team"]) -> tuple[Group, ...]:
    """The night by agent or by team, the lowest mean score first."""
    name = "any_value(agent)" if column == "agent_key" else "coalesce(team, '')"
    rows = _rows(
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


def _call_name(row: dict[str, Any]) -> str:
    return str(row["file_name"] or row["call_id"] or row["sha256"][:12])


def _calls(connection: DuckDBPyConnection, anchors: dict[str, str]) -> tuple[CallRow, ...]:
    """The lowest scores of the night, with what failed and what could not be told."""
    rows = _rows(
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
        CallRow(
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


def _chip(row: dict[str, Any]) -> Chip:
    return Chip(_titles(row), row["outcome"], row["severity"] if row["severity"] in _SEVERITIES else "normal")


def _clips(
    connection: DuckDBPyConnection, home: Home, agents: Iterable[Group]
) -> tuple[tuple[tuple[Group, tuple[Clip, ...]], ...], int]:
    """Clips by agent, the gravest first; each verdict's first clip before anybody's second."""
    rows = _rows(
        connection,
        f"""SELECT v.*, n, path FROM night_verdicts AS v JOIN clips USING (sha256, rule_id)
        WHERE outcome = 'fail' AND rule_id <> '{COMPLAINT}'
        ORDER BY n, list_position({list(_SEVERITIES)!r}, coalesce(severity, 'normal')), rule_id, started, sha256, n""",
    )
    by_agent: dict[str, list[Clip]] = {}
    for clip in _made(rows[:MOST_CLIPS], home):
        by_agent.setdefault(clip.agent_key, []).append(clip)
    groups = []
    for agent in agents:
        order = {severity: place for place, severity in enumerate(_SEVERITIES)}
        clips = sorted(by_agent.get(agent.key, ()), key=lambda c: (order.get(c.severity, 2), c.rule_id, c.started))
        if clips:
            groups.append((agent, tuple(clips)))
    return tuple(groups), len(rows)


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
    rows = _rows(
        connection,
        f"""SELECT v.*, n, path FROM night_verdicts AS v JOIN clips USING (sha256, rule_id)
        JOIN (SELECT sha256, score FROM night_calls) USING (sha256)
        WHERE outcome = 'pass' AND n = 1 AND rule_id <> '{COMPLAINT}'
        QUALIFY row_number() OVER (PARTITION BY rule_id ORDER BY score DESC NULLS LAST, sha256) = 1
        ORDER BY rule_id LIMIT {MOST_BEST}""",
    )
    return tuple(_made(rows, home))


def _complaint_clips(connection: DuckDBPyConnection, home: Home) -> dict[str, Clip]:
    """The customer's words of every complaint of the night, by SHA-256."""
    rows = _rows(
        connection,
        f"""SELECT v.*, n, path FROM night_verdicts AS v JOIN clips USING (sha256, rule_id)
        WHERE rule_id = '{COMPLAINT}' AND n = 1 ORDER BY started, sha256 LIMIT {MOST_CLIPS}""",
    )
    return {clip.sha256: clip for clip in _made(rows, home)}


def _complaints(connection: DuckDBPyConnection, clips: dict[str, Clip]) -> tuple[Complaint, ...]:
    rows = _rows(
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
            words=row["words"] or "",
            handled=row["handled"],
            commitment=row["commitment"] or "",
            anchor=clips[row["sha256"]].anchor if row["sha256"] in clips else "",
        )
        for row in rows
    )


def _watched(connection: DuckDBPyConnection) -> tuple[Watched, ...]:
    """The watch list of the newest month that has one."""
    rows = _rows(
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
    rows = _rows(
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
    rows = _rows(
        connection,
        f"""WITH c AS (
            SELECT week, count(*) AS calls, avg(score) AS mean_score FROM calls WHERE week IS NOT NULL GROUP BY week
        ), v AS (SELECT week, {COUNTS} FROM verdicts JOIN calls USING (sha256) GROUP BY week)
        SELECT strftime(week, '%m-%d') AS monday, calls, mean_score, achievement
        FROM c LEFT JOIN v USING (week) ORDER BY week DESC LIMIT {MOST_WEEKS}""",
    )
    return tuple(Week(row["monday"], row["calls"], row["mean_score"], row["achievement"]) for row in reversed(rows))


def _spread(connection: DuckDBPyConnection) -> tuple[int, ...]:
    """How many calls of the night scored 0–9, 10–19, … 90–100."""
    rows = _rows(
        connection,
        "SELECT least(9, floor(score / 10))::INTEGER AS tenth, count(*) AS calls FROM night_calls "
        "WHERE score IS NOT NULL GROUP BY tenth",
    )
    counts = {row["tenth"]: row["calls"] for row in rows}
    return tuple(counts.get(tenth, 0) for tenth in range(10)) if counts else ()


def _clip(row: dict[str, Any], excerpt: Excerpt, home: Home) -> Clip:
    exists = (home.root / row["path"]).is_file()
    return Clip(
        anchor=f"clip-{row['sha256'][:12]}-{row['rule_id']}-{row['n']}",
        sha256=row["sha256"],
        agent_key=row["agent_key"],
        agent=row["agent"],
        team=row["team"] or "",
        rule_id=row["rule_id"],
        title=_titles(row),
        severity=row["severity"] or "normal",
        reason=row["reason"],
        call=_call_name(row),
        started=row["started"] or "",
        at_s=excerpt.span.start_s,
        duration_s=excerpt.span.duration_s,
        source=row["path"] if exists else "",
        bubbles=tuple(_bubbles(excerpt)),
    )


def _bubbles(excerpt: Excerpt) -> Iterable[Bubble]:
    for line in excerpt.lines:
        before, marked, after = line.text, "", ""
        if line.evidence and excerpt.quote and excerpt.quote in line.text:
            before, marked, after = line.text.partition(excerpt.quote)
        yield Bubble(line.role, line.span.start_s, before, marked, after, line.evidence)
