"""Rows of the database, made from the home's files: a call's, a clip's, a rulebook's, a failure's, a night's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pipeline.datatypes import CDR, Evidence, Facts, Scorecard, Verdict
from pipeline.errors import shown, shown_text
from pipeline.numbers import mask_numbers
from pipeline.results.excerpts import ExcerptSet, spoken_lines
from pipeline.results.quotes import mark, marked_quote, turn_of
from pipeline.results.row_source import SaidCall, SaidFile, SaidJudged
from pipeline.results.tables import (
    CallRow,
    ClipRow,
    EventRow,
    EvidenceCell,
    FailureRow,
    PastVerdictRow,
    RuleRow,
    RunRow,
    ScorecardRow,
    TableRow,
    TurnRow,
    VerdictRow,
)
from pipeline.storage.home import Failure, RecordingRecord, Run

if TYPE_CHECKING:
    from pipeline.judging.measured import Measured
    from pipeline.judging.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What the database tells of a rule beside its verdicts. `title` and `dimension_title` are by language."""

    rule_id: str
    title: Mapping[str, str]
    dimension: str
    severity: str
    weight: float
    status: str = "stable"
    why: str = ""
    dimension_title: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    kind: str = "require"
    measured: Measured | None = None


@dataclass(frozen=True, slots=True)
class RulebookInfo:
    """A rulebook as the database shows it; `pass_mark` is the score (0–100) from which a call passes."""

    name: str
    language: str
    hash: str
    pass_mark: float
    rules: tuple[RuleInfo, ...]


def rulebook_info(rulebook: Rulebook) -> RulebookInfo:
    """What building the database wants to know of a loaded rulebook."""
    dimensions = {
        name: {"zh": dimension.title.zh, "en": dimension.title.en} for name, dimension in rulebook.dimensions.items()
    }
    rules = tuple(
        RuleInfo(
            rule_id=rule.id,
            title={"zh": rule.title.zh, "en": rule.title.en},
            dimension=rule.dimension,
            severity=rule.severity,
            weight=rule.weight,
            status=rule.status,
            why=rule.why,
            dimension_title=dimensions[rule.dimension],
            tags=rule.tags,
            kind="require" if rule.require else "forbid",
            measured=rule.measured,
        )
        for rule in rulebook.rules
    )
    return RulebookInfo(rulebook.name, rulebook.language, rulebook.hash, rulebook.pass_mark, rules)


def rule_rows(rulebooks: Iterable[RulebookInfo]) -> Iterator[RuleRow]:
    """A row a rule."""
    for book in rulebooks:
        for rule in book.rules:
            yield RuleRow(
                rulebook=book.name,
                language=book.language,
                rule_id=rule.rule_id,
                title_zh=rule.title.get("zh", rule.rule_id),
                title_en=rule.title.get("en", rule.rule_id),
                dimension=rule.dimension,
                dimension_zh=rule.dimension_title.get("zh", rule.dimension),
                dimension_en=rule.dimension_title.get("en", rule.dimension),
                severity=rule.severity,
                tags=rule.tags,
                weight=rule.weight,
                status=rule.status,
                why=rule.why,
                kind=rule.kind,
                **_trust(rule.measured),
            )


def _trust(measured: Measured | None) -> dict[str, Any]:
    """Shares with their 95 % intervals, and of how many sentences; nothing where nothing was measured."""
    found: dict[str, Any] = {"n": measured.n if measured else None}
    for name, share in (("precision", measured and measured.precision), ("recall", measured and measured.recall)):
        low, high = (share.interval if share else None) or (None, None)
        found |= {name: share.value if share else None, f"{name}_low": low, f"{name}_high": high}
    return found


def call_rows(
    file: SaidFile,
    recording: RecordingRecord | None,
    books: Mapping[str, RulebookInfo],
    zone: ZoneInfo,
    built_from: str,
) -> Iterator[TableRow]:
    """All rows of one call but its clips; `built_from` marks the files they come from."""
    call, card = file.judged.call, file.judged.scorecard
    book = books.get(card.rulebook) if card else None
    passed = _passed(file.judged, book)
    day = call_day(call.cdr, zone)
    yield _call_row(file, recording, passed, zone, built_from)
    for turn in call.turns:
        role, span = call.role(turn), turn.span
        yield TurnRow(call.sha256, turn.index, role, turn.speaker, span.start_s, span.end_s, turn.text, day)
    for event in call.events:
        yield EventRow(
            call.sha256, event.kind, event.span.start_s, event.span.end_s, event.channel, event.count
        )  # fmt: skip
    rules = {rule.rule_id: rule for rule in book.rules} if book else {}
    for verdict in card.verdicts if card else ():
        yield _verdict_row(call, verdict, rules.get(verdict.rule_id), card.version if card else None, day)
    for past in file.past:
        for rule_id, outcome in past.outcomes.items():
            yield PastVerdictRow(call.sha256, past.rulebook, past.version, rule_id, outcome, past.score)
    if card:
        yield _scorecard_row(card, passed)


def _passed(judged: SaidJudged, book: RulebookInfo | None) -> bool | None:
    card = judged.scorecard
    if card is None or card.score is None or book is None:
        return None
    return not card.fatal and card.score >= book.pass_mark


def call_day(cdr: CDR, zone: ZoneInfo) -> date | None:
    """The day on which a call began, in the time zone of the settings."""
    started = cdr.started_at
    return (started.astimezone(zone) if started.tzinfo else started).date() if started else None


def monday(day: date) -> date:
    """Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def _call_row(
    file: SaidFile, recording: RecordingRecord | None, passed: bool | None, zone: ZoneInfo, built_from: str
) -> CallRow:
    call, card, hearing = file.judged.call, file.judged.scorecard, file.hearing
    cdr = call.cdr
    paths = tuple(mask_numbers(shown(file)) for file in (recording.named if recording else ()))
    started = cdr.started_at
    day = call_day(cdr, zone)
    return CallRow(
        sha256=call.sha256,
        call_id=cdr.call_id,
        file_name=Path(paths[0]).name if paths else None,
        paths=paths,
        size_bytes=recording.size_bytes if recording else None,
        first_seen=recording.first_seen if recording else None,
        started_at=started.replace(tzinfo=started.tzinfo or zone) if started else None,
        day=day,
        week=monday(day) if day else None,
        month=day.replace(day=1) if day else None,
        agent_id=cdr.agent_id,
        agent_name=cdr.agent_name,
        team=cdr.team,
        company=cdr.company,
        queue=cdr.queue,
        direction=cdr.direction,
        scenario=cdr.scenario,
        caller_hash=cdr.caller_hash,
        cdr_ring_count=cdr.ring_count,
        wait_s=cdr.wait_s,
        release_party=cdr.release_party,
        language=call.language,
        language_probability=hearing.language_probability if hearing else None,
        layout=hearing.layout if hearing else None,
        sound_faults=tuple(fault.kind for fault in hearing.faults) if hearing else (),
        roles_method=call.roles.method,
        roles_confidence=call.roles.confidence,
        hung_up_by=call.hang_up.by,
        hung_up_method=_hung_up_method(call),
        hung_up_at_s=call.hang_up.at_s,
        **{name: getattr(call.facts, name) for name in Facts.__slots__},
        rulebook=card.rulebook if card else None,
        rulebook_hash=card.rulebook_hash if card else None,
        version=card.version if card else None,
        score=card.score if card else None,
        score_coverage=card.coverage if card else None,
        passed=passed,
        fatal=card.fatal if card else None,
        failed_rules=sum(verdict.outcome == "fail" for verdict in card.verdicts) if card else None,
        fingerprint=hearing.fingerprint if hearing else None,
        built_from=built_from,
        heard_with=hearing.provenance if hearing else None,
    )


def _hung_up_method(call: SaidCall) -> str:
    method = call.hang_up.method
    return f"{method}: {call.cdr.release_method}" if method == "cdr" and call.cdr.release_method else method


def _verdict_row(
    call: SaidCall, verdict: Verdict, rule: RuleInfo | None, version: str | None, day: date | None
) -> VerdictRow:
    return VerdictRow(
        sha256=call.sha256,
        rule_id=verdict.rule_id,
        title_zh=rule.title.get("zh", rule.rule_id) if rule else verdict.rule_id,
        title_en=rule.title.get("en", rule.rule_id) if rule else verdict.rule_id,
        dimension=rule.dimension if rule else None,
        severity=rule.severity if rule else None,
        tags=rule.tags if rule else (),
        outcome=verdict.outcome,
        occurrences=verdict.occurrences,
        deducted=verdict.deducted,
        nothing_found=verdict.nothing_found,
        suspicion=verdict.suspect.suspicion if verdict.suspect else None,
        suspect=_evidence_cell(call, verdict.suspect.evidence) if verdict.suspect else None,
        reason=verdict.reason,
        rule_hash=verdict.rule_hash,
        version=version,
        evidence=_evidence_cells(call, verdict.evidence),
        grounds=_evidence_cells(call, verdict.grounds),
        call_day=day,
    )


def _evidence_cells(call: SaidCall, evidence: tuple[Evidence, ...]) -> tuple[EvidenceCell, ...]:
    return tuple([_evidence_cell(call, item) for item in evidence]) if evidence else ()


def _evidence_cell(call: SaidCall, evidence: Evidence) -> EvidenceCell:
    turn = turn_of(evidence, call)
    quote = marked_quote(evidence, call)
    return EvidenceCell(
        turn=evidence.turn,
        role=call.role(turn) if turn else None,
        start_s=evidence.span.start_s if evidence.span else None,
        end_s=evidence.span.end_s if evidence.span else None,
        quote=quote.text,
        reason=evidence.reason,
        sentence=quote.sentence,
        matched=evidence.matched,
    )


def _scorecard_row(card: Scorecard, passed: bool | None) -> ScorecardRow:
    outcomes = [verdict.outcome for verdict in card.verdicts]
    return ScorecardRow(
        sha256=card.sha256,
        rulebook=card.rulebook,
        rulebook_hash=card.rulebook_hash,
        version=card.version,
        score=card.score,
        coverage=card.coverage,
        passed=passed,
        fatal=card.fatal,
        passes=outcomes.count("pass"),
        fails=outcomes.count("fail"),
        unsure=outcomes.count("unsure"),
        not_applicable=outcomes.count("not_applicable"),
        deducted=sum(verdict.deducted for verdict in card.verdicts),
    )


def clip_rows(excerpts: ExcerptSet, folder: Path) -> Iterator[ClipRow]:
    """A row a clip; `folder` is theirs, relative to the home."""
    for excerpt in excerpts.excerpts:
        quote = mark(excerpt.sentence or excerpt.matched, excerpt.matched)
        yield ClipRow(
            sha256=excerpts.sha256,
            rule_id=excerpt.rule_id,
            n=excerpt.n,
            path=str(folder / excerpt.file),
            start_s=excerpt.span.start_s,
            end_s=excerpt.span.end_s,
            quote=quote.text,
            sentence=quote.sentence,
            matched=excerpt.matched,
            words=spoken_lines(excerpt),
        )


def failure_row(failure: Failure) -> FailureRow:
    """A failure as people see it: telephone numbers masked."""
    path = mask_numbers(shown_text(failure.path))
    return FailureRow(
        key=failure.key,
        file_name=Path(path).name,
        path=path,
        stage=failure.stage,
        reason=failure.reason,
        message=mask_numbers(shown_text(failure.message)),
        failed_at=failure.at,
    )


def run_row(run: Run) -> RunRow:
    """A night's own record."""
    return RunRow(**asdict(run))
