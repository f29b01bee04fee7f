"""What a run says when it is over: counts, scorecards, achievement rates, and what wants attention."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.console import out, print_json, table
from flows.language import LANGUAGE, localised, say
from pipeline.errors import shown
from pipeline.judging.versions import pending
from pipeline.results.display import percent
from pipeline.results.sql import run_query
from pipeline.settings import Settings
from pipeline.storage.home import Home

if TYPE_CHECKING:
    from flows.night import Night
    from flows.tally import Tally
    from pipeline.intake.sources import RecognisedFile

SHOWN_WARNINGS = 5
"""Faults of CDR rows shown on the terminal."""

SHOWN_TABLES = 5
"""Names of tables that are not used, shown on the terminal."""

SHOWN_AGENTS = 30
"""Rows of the scorecard table on the terminal; the rest is a query away."""


def print_summary(night: Night, json_output: bool, nothing: str | None = None) -> None:
    """The summary of a run; `nothing`: what to say of one that had nothing to do."""
    places = _places(night.settings)
    if json_output:
        print_json(json.dumps({**_counts(night, nothing is not None), **places}, ensure_ascii=False))
        return
    _print_scorecards(night.settings)
    tally = night.tally
    if nothing is not None:
        out.print(nothing)
    else:
        out.print(
            say(
                "Found {found}, transcribed {heard} ({minutes:.1f} minutes), scored {judged}.",
                found=tally.found,
                heard=tally.heard,
                minutes=tally.audio_s / 60,
                judged=tally.judged,
            )
        )
    if not night.settings.privacy.mask:
        out.print(say("Published unmasked: numbers and addresses stand in it as they were said."), style="yellow")
    _print_attention(night)
    names = {"database": say("database"), "excerpts": say("clips"), "report": say("report")}
    for name, path in places.items():
        out.print(say("{what}: {path}", what=names[name], path=path), soft_wrap=True)


def print_metadata(night: Night) -> None:
    """What call metadata was recognised, and what looks like a table and is not used: the first lines of a run."""
    tally = night.tally
    if text := metadata_text(tally.metadata, tally.cdr_calls):
        out.print(text, soft_wrap=True)
    if tally.tables_unread:
        names = ", ".join(shown(Path(path.name)) for path in tally.tables_unread[:SHOWN_TABLES])
        text = say(
            "Not used, though they may be tables of calls: {count} files ({names}); what is missing: callqa cdr FILE",
            count=len(tally.tables_unread),
            names=names if len(tally.tables_unread) <= SHOWN_TABLES else f"{names}, …",
        )
        out.print(text, style="yellow", soft_wrap=True)


def metadata_text(files: Sequence[RecognisedFile], calls: int) -> str:
    """How many files of call metadata were read, of which systems, and how many calls they tell of; "" for none."""
    if not files:
        return ""
    sources = ", ".join(dict.fromkeys(file.source for file in files))
    return say(
        "Call metadata: {count} files ({sources}), {calls} calls.", count=len(files), sources=sources, calls=calls
    )


def _places(settings: Settings) -> dict[str, str]:
    home = Home(settings.paths.home)
    reports = sorted(home.reports.glob("*/index.html"), key=lambda page: page.stat().st_mtime)
    places = {"database": home.database, "excerpts": home.excerpts, "report": reports[-1] if reports else home.reports}
    return {name: str(path) for name, path in places.items() if path.exists()}


def _counts(night: Night, idle: bool) -> dict[str, Any]:
    tally = night.tally
    return {
        "run_id": None if idle else night.run_id,
        "found": tally.found,
        "copies": tally.copies,
        "pairs": tally.pairs,
        "one_sided": tally.one_sided,
        "mixes_left_out": tally.mixes,
        "superseded": tally.superseded,
        "forgotten": tally.forgotten,
        "not_erased": tally.not_erased,
        "calls_expired": tally.calls_expired,
        "transcripts_expired": tally.transcripts_expired,
        "clips_expired": tally.clips_expired,
        "passed_over": tally.passed_over,
        "names": tally.names,
        "waiting": tally.waiting,
        "warnings": len(tally.warnings),
        "metadata": [{"file": shown(file.path), "source": file.source, "rows": file.legs} for file in tally.metadata],
        "tables_not_used": [shown(path) for path in tally.tables_unread],
        "cdr_calls": tally.cdr_calls,
        "cdr_rows_without_recording": tally.rows_unused,
        "recordings_without_cdr_row": tally.without_row,
        "heard": tally.heard,
        "judged": tally.judged,
        "failed": tally.failed + tally.known_failures,
        "lost": tally.lost,
        "without_clips": tally.without_clips,
        "damaged": tally.damaged,
        "left": tally.left,
        "audio_s": round(tally.audio_s, 1),
        "seconds": round((datetime.now(UTC) - night.started_at).total_seconds(), 1),
    }


def _print_attention(night: Night) -> None:
    """What somebody should look at: faults of the CDR, what was left out, what could not be transcribed."""
    tally, settings = night.tally, night.settings
    _print_files(tally)
    for warning in tally.warnings[:SHOWN_WARNINGS]:
        out.print(say("CDR: {warning}", warning=localised(warning)), style="yellow", soft_wrap=True)
    if len(tally.warnings) > SHOWN_WARNINGS:
        more = len(tally.warnings) - SHOWN_WARNINGS
        out.print(say("CDR: {more} more like these.", more=more), style="yellow")
    if tally.rows_unused or tally.without_row:
        rows = say(
            "CDR: rows without a recording {rows}, recordings without a row {recordings}.",
            rows=tally.rows_unused,
            recordings=tally.without_row,
        )
        out.print(rows)
    if tally.waiting:
        out.print(say("Still being written, left for the next run: {waiting}.", waiting=tally.waiting))
    if tally.left:
        out.print(say("{left} recordings are left (--limit, or ingest.cache_gb).", left=tally.left))
    if incomplete := _rows(settings, "SELECT count(*) FROM calls WHERE len(sound_faults) > 0")[:1]:
        query = 'callqa sql "SELECT file_name, sound_faults FROM calls WHERE len(sound_faults) > 0"'
        calls = int(incomplete[0][0])
        if calls:
            text = say("Recordings of which a part was not heard: {calls}; which: {query}", calls=calls, query=query)
            out.print(text, style="yellow", soft_wrap=True)
    for language, calls in _without_rulebook(settings):
        text = say(
            "Calls in a language without a rulebook ({language}): {calls}; transcribed, not scored.",
            language=language,
            calls=calls,
        )
        out.print(text, style="yellow")
    for folder, version in _unpublished_edits(settings):
        text = say(
            "{folder} was edited since version {version}, which is in force: callqa rules publish {folder}",
            folder=folder,
            version=version,
        )
        out.print(text, style="yellow", soft_wrap=True)
    failed = tally.failed + tally.known_failures
    query = 'callqa sql "SELECT file_name, reason, message FROM failures"'
    if failed:
        out.print(say("Not read or not transcribed: {failed} of the files; why: {query}", failed=failed, query=query))
    if tally.lost:
        out.print(
            say("Gone or changed during the run: {files} files; the next run takes what is there.", files=tally.lost)
        )
    if tally.damaged:
        out.print(say("Damaged files in the home, left out: {files}; which: {query}", files=tally.damaged, query=query))
    if tally.without_clips:
        out.print(say("Clips could not be cut: {calls} calls; why: {query}", calls=tally.without_clips, query=query))


SHOWN_ENDINGS = 8
"""Kinds of files that were passed over shown on the terminal."""


def _print_files(tally: Tally) -> None:
    """What the files of the inbox were beside recordings that are heard as they are."""
    if tally.copies:
        out.print(say("Copies of the same recording: {copies}.", copies=tally.copies))
    if tally.names:
        known = ", ".join(f"{name} {count}" for name, count in tally.names.items())
        out.print(say("File names that tell of the call: {names}.", names=known))
    if tally.pairs or tally.mixes:
        text = say(
            "Calls in two files, a side each: {pairs}; their mixes are not heard a second time: {mixes}.",
            pairs=tally.pairs,
            mixes=tally.mixes,
        )
        out.print(text)
    if tally.one_sided:
        text = say("One side only, the other file is missing: {calls} calls.", calls=tally.one_sided)
        out.print(text, style="yellow")
    if tally.forgotten:
        text = say(
            "Recordings of calls that were forgotten: {calls}; they are not transcribed again.", calls=tally.forgotten
        )
        out.print(text)
    if tally.calls_expired or tally.transcripts_expired or tally.clips_expired:
        text = say(
            "Kept for their time and deleted: calls {calls}, transcripts {transcripts}, clips of {clips} calls.",
            calls=tally.calls_expired,
            transcripts=tally.transcripts_expired,
            clips=tally.clips_expired,
        )
        out.print(text)
    if tally.not_erased:
        text = say(
            "Could not be erased yet: {files} files; the next run tries again; which: callqa forget",
            files=tally.not_erased,
        )
        out.print(text, style="yellow", soft_wrap=True)
    if tally.superseded:
        text = say("Replaced by the whole recording and no longer counted: {calls}.", calls=tally.superseded)
        out.print(text)
    if tally.passed_over:
        endings = [f"{_ending(name)} {count}" for name, count in tally.passed_over.items()][:SHOWN_ENDINGS]
        text = say(
            "Not read, neither recordings nor call metadata: {files} files ({endings}); recordings among them: add "
            "their ending to ingest.extensions; tables: callqa cdr FILE.",
            files=sum(tally.passed_over.values()),
            endings=", ".join(endings),
        )
        out.print(text, style="yellow", soft_wrap=True)


def _ending(name: str) -> str:
    """What a kind of files that were passed over is called (see `Scan.passed_over`)."""
    return {"": say("no ending"), "*": say("others")}.get(name, name)


def _without_rulebook(settings: Settings) -> Sequence[tuple[str, int]]:
    """Languages that calls are in and no rulebook judges, and how many calls."""
    query = "SELECT language, count(*) FROM calls WHERE rulebook IS NULL GROUP BY ALL ORDER BY ALL"
    return [(str(language), int(calls)) for language, calls in _rows(settings, query)]


def _unpublished_edits(settings: Settings) -> Sequence[tuple[Path, str]]:
    """Rulebooks whose edits do not count yet, and the version that does."""
    home = Home(settings.paths.home)
    edits = [(folder, pending(home, folder)) for folder in settings.paths.rulebooks.values()]
    return [(folder, version) for folder, version in edits if version is not None]


def _print_scorecards(settings: Settings) -> None:
    """The agents' scorecards and the achievement rate of every indicator."""
    agents = _rows(
        settings,
        f"""SELECT coalesce(agent_name, agent_id, '–'), team, calls, mean_score, lowest_score,
        passed_calls, fails, unsure, achievement FROM agent_scorecard ORDER BY mean_score NULLS LAST, 1
        LIMIT {SHOWN_AGENTS + 1}""",
    )
    if agents:
        texts = [say("agent"), say("team")]
        figures = [say("calls"), say("mean"), say("lowest"), say("passed calls"), say("failed"), say("unsure")]
        table(
            say("Scorecard"),
            _columns(texts, [*figures, say("achieved")]),
            [(*row[:8], percent(row[8])) for row in agents[:SHOWN_AGENTS]],
        )
        if len(agents) > SHOWN_AGENTS:
            out.print(say("more: {query}", query='callqa sql "FROM agent_scorecard"'))
    title = "title_zh" if LANGUAGE == "zh" else "title_en"
    rules = _rows(
        settings,
        f"""SELECT coalesce({title}, rule_id), achievement, passes, fails, unsure, not_applicable
        FROM achievement ORDER BY achievement NULLS LAST, 1""",
    )
    if rules:
        figures = [say("achieved"), say("passed"), say("failed"), say("unsure"), say("n/a")]
        table(
            say("Achievement rate"),
            _columns([say("indicator")], figures),
            [(row[0], percent(row[1]), *row[2:]) for row in rules],
        )


def _columns(texts: Sequence[str], figures: Sequence[str]) -> list[tuple[str, str]]:
    return [*((text, "left") for text in texts), *((figure, "right") for figure in figures)]


def _rows(settings: Settings, sql: str) -> Sequence[tuple[Any, ...]]:
    """Rows of a query; none where there is no database."""
    database = Home(settings.paths.home).database
    return run_query(database, sql, settings.sql)[0].rows if database.exists() else ()
