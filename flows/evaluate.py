"""Scores a run against the truth: `callqa evaluate DIR`.

DIR holds recordings, each with its truth beside it as JSON of the same name (docs/truth.md), or a
`transcripts.tsv` of utterances (file, speaker, text), which are scored for their words alone. The truth's channels
are never given to the run: roles have to be found.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from rich.console import Group
from rich.table import Table

from flows.engines import load_engines
from flows.render import CODECS, render
from pipeline.datatypes import CDR, Judged, SpeakerSpan, Transcript, Verdict
from pipeline.errors import BadRecording, BadSetting, BadTruth
from pipeline.evaluation.metrics import (
    ErrorCount,
    Label,
    RoleTime,
    RuleCount,
    characters,
    error_count,
    hang_up_verdict,
    peak_memory_mb,
    permuted_error_count,
    role_time,
    roles_verdict,
    rule_count,
)
from pipeline.hearing.decode import decode
from pipeline.judging.notation import BadScript, call_from_truth
from pipeline.judging.rulebook import Rulebook, load_rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.language.normalise import normalise
from pipeline.run import Engines, hear_audio, judge
from pipeline.settings import Settings
from pipeline.storage.files import file_sha256
from pipeline.timeline import Span

TRANSCRIPTS = "transcripts.tsv"
"""Utterances without calls: one line a file, with file name, speaker and text between tabs."""

COLLAR_S = 0.25
"""Forgiven on either side of a reference boundary in `der_collar`, as NIST's md-eval does it."""

_NO_ERRORS = ErrorCount()

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file that comes next."""


class TruthTurn(BaseModel):
    """One turn of the truth. Some sources know only roles, only speakers, or no words."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    role: Literal["agent", "customer"] | None = None
    speaker: str | None = None
    start_s: float = Field(ge=0)
    end_s: float
    text: str | None = None

    @property
    def span(self) -> Span:
        return Span(self.start_s, self.end_s)

    @property
    def voice(self) -> str | None:
        return self.speaker or self.role


class Truth(BaseModel):
    """The ground truth of one call. Times in seconds from the recording's start."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str | None = None
    language: Literal["zh", "en"]
    duration_s: float | None = None
    turns: tuple[TruthTurn, ...]
    hung_up_first: Literal["agent", "customer"] | None = None
    labels: dict[str, Label] = Field(default_factory=dict)
    meta: dict[str, Any] = Field(default_factory=dict)

    @property
    def worded(self) -> bool:
        """Whether all that is said is written down."""
        return bool(self.turns) and all(turn.text is not None for turn in self.turns)


@dataclass(frozen=True)
class Case:
    """One thing to score. `raw` is the truth's JSON as it was read; None for an utterance of a table."""

    id: str
    truth: Truth
    recording: Path | None
    raw: dict[str, Any] | None


@dataclass(frozen=True)
class Score:
    """All counts of one file, or of many: scores add up."""

    cer: ErrorCount = _NO_ERRORS
    wer: ErrorCount = _NO_ERRORS
    cpcer: ErrorCount = _NO_ERRORS
    cpwer: ErrorCount = _NO_ERRORS
    der: ErrorCount = _NO_ERRORS
    der_collar: ErrorCount = _NO_ERRORS
    role_time: RoleTime = field(default_factory=RoleTime)
    roles: Counter[str] = field(default_factory=Counter)
    hangup: Counter[str] = field(default_factory=Counter)
    rules: dict[str, RuleCount] = field(default_factory=dict)
    not_judged: Counter[str] = field(default_factory=Counter)
    timings_s: dict[str, float] = field(default_factory=dict)
    audio_s: float = 0.0

    def __add__(self, other: Score) -> Score:
        by_key = ("rules", "timings_s")
        summed = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Score) if f.name not in by_key}
        rules = {
            rule: self.rules.get(rule, RuleCount()) + other.rules.get(rule, RuleCount())
            for rule in sorted({*self.rules, *other.rules})
        }
        timings_s = {
            stage: self.timings_s.get(stage, 0.0) + other.timings_s.get(stage, 0.0)
            for stage in dict.fromkeys((*self.timings_s, *other.timings_s))
        }
        return Score(**summed, rules=rules, timings_s=timings_s)


def evaluate(
    directory: Path,
    settings: Settings,
    *,
    mono: bool = False,
    engine: str | None = None,
    use_cdr: bool = True,
    scripted: bool = False,
    codec: str | None = None,
    noise_db: float | None = None,
    clip_db: float | None = None,
    faint_db: float | None = None,
    limit: int | None = None,
    engines: Engines | None = None,
    rulebooks: Mapping[str, Rulebook] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Hear and judge every call of `directory` that has a truth, and return the figures.

    The result is ``{"pooled": figures, "files": {id: figures}, "skipped": {file: why}}``, ready for JSON;
    shares and rates are 0–1 and up, a figure with no truth to compare is None. With `scripted` nothing is
    heard: the truth's own turns are judged, no recording is needed, and only rules are scored. `mono`, `codec`,
    `noise_db`, `clip_db` and `faint_db` render each recording first, as `flows.render.render` tells. `limit` takes
    that many files, evenly spread over the folder. `ears` and `rulebooks` are those of the settings, unless the
    caller has them loaded. Raises BadTruth when there is nothing to score, BadSetting for
    an unknown engine or codec.
    """
    if engine is not None:
        settings = _with_engine(settings, engine)
    if codec is not None and codec not in CODECS:
        raise BadSetting(f"codec {codec}: not known; choose one of {', '.join(CODECS)}")
    cases, skipped = find_cases(directory, settings, recordings=not scripted)
    if not cases:
        raise BadTruth(_nothing(directory, skipped))
    if limit is not None and limit < len(cases):
        cases = [cases[number * len(cases) // limit] for number in range(limit)]
    rulebooks = load_rulebooks(settings) if rulebooks is None else rulebooks
    if not scripted and engines is None:
        engines = load_engines(settings)
    poorer: dict[str, Any] = {
        "mono": mono, "codec": codec, "noise_db": noise_db, "clip_db": clip_db, "faint_db": faint_db
    }  # fmt: skip
    scores: dict[str, Score] = {}
    for number, case in enumerate(cases):
        if progress:
            progress(number, len(cases), case.id)
        try:
            if scripted:
                scores[case.id] = _judge_script(case, rulebooks, use_cdr)
            elif engines is not None:
                scores[case.id] = _hear_and_judge(case, engines, rulebooks, settings, poorer, use_cdr)
        except (BadRecording, BadTruth) as error:
            skipped[case.id] = str(error)
    if progress:
        progress(len(cases), len(cases), "")
    if not scores:
        raise BadTruth(_nothing(directory, skipped))
    # memory can only be measured for the process as a whole
    memory = {"peak_memory_mb": round(peak_memory_mb(), 1)}
    return {
        "pooled": _figures(sum(scores.values(), Score())) | memory,
        "files": {name: _figures(score) | memory for name, score in scores.items()},
        "skipped": skipped,
    }


def _with_engine(settings: Settings, engine: str) -> Settings:
    try:
        hear = type(settings.hear).model_validate({**settings.hear.model_dump(), "engine": engine})
    except ValidationError as error:
        raise BadSetting(f"engine {engine}: not known; choose faster-whisper or openai-whisper") from error
    return settings.model_copy(update={"hear": hear})


def load_rulebooks(settings: Settings) -> dict[str, Rulebook]:
    """The rulebooks of the settings, by language. Raises BadRule."""
    return {language: load_rulebook(folder) for language, folder in settings.paths.rulebooks.items()}


def _nothing(directory: Path, skipped: Mapping[str, str]) -> str:
    if not skipped:
        return f"{directory}: no truth here; put a JSON of the same name beside each recording, or a {TRANSCRIPTS}"
    first = next(iter(skipped.values()))
    more = f" (and {len(skipped) - 1} more like it)" if len(skipped) > 1 else ""
    return f"{directory}: nothing could be scored: {first}{more}"


# --- what there is to score ---


def find_cases(directory: Path, settings: Settings, recordings: bool = True) -> tuple[list[Case], dict[str, str]]:
    """List what can be scored in a folder (not its subfolders), and why the rest cannot: file → one line.

    With `recordings`, a truth without its recording is left out. Raises BadTruth when there is no folder.
    """
    if not directory.is_dir():
        raise BadTruth(f"{directory}: no such folder")
    cases: dict[str, Case] = {}
    skipped: dict[str, str] = {}
    metadata = {"cdr.json", Path(settings.ingest.metadata or "").name}
    for path in sorted(directory.glob("*.json")):
        if path.name in metadata:
            continue
        try:
            case = _read_truth(path, settings)
            if case.id in cases:
                raise BadTruth(f"{path}: the id {case.id} belongs to another file too; give each truth its own")
            if recordings and case.recording is None:
                raise BadTruth(f"{path}: no recording of that name beside it")
            cases[case.id] = case
        except BadTruth as error:
            skipped[path.name] = str(error)
    if recordings and (directory / TRANSCRIPTS).is_file():
        for case in _read_transcripts(directory / TRANSCRIPTS):
            if case.recording is not None and case.recording.is_file():
                cases[case.id] = case
            else:
                skipped[case.id] = f"{directory / TRANSCRIPTS}: {case.id} has no recording beside it"
    return list(cases.values()), skipped


def _read_truth(path: Path, settings: Settings) -> Case:
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
        truth = Truth.model_validate(raw)
    except ValidationError as error:
        # places and kinds only: the values are what people said
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()[:3])
        raise BadTruth(f"{path}: not the truth of a call: {faults}") from error
    except (OSError, ValueError) as error:
        raise BadTruth(f"{path}: cannot be read as JSON ({type(error).__name__})") from error
    beside = (path.with_suffix(suffix) for suffix in settings.ingest.extensions)
    recording = next((file for file in beside if file.is_file()), None)
    return Case(truth.id or path.stem, truth, recording, raw)


def _read_transcripts(path: Path) -> Iterable[Case]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadTruth(f"{path}: cannot be read as UTF-8 text") from error
    for number, line in enumerate(lines, start=1):
        cells = line.split("\t")
        if not line.strip() or (number == 1 and cells[0].strip() == "file"):
            continue
        if len(cells) != 3:
            raise BadTruth(
                f"{path}:{number}: three cells wanted between tabs (file, speaker, text), {len(cells)} found"
            )
        name, speaker, text = (cell.strip() for cell in cells)
        chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
        turn = TruthTurn(speaker=speaker, start_s=0, end_s=0, text=text)
        truth = Truth(language="zh" if chinese else "en", turns=(turn,))
        yield Case(Path(name).stem, truth, path.parent / name, None)


def cdr_from_truth(meta: Mapping[str, Any]) -> CDR:
    """The CDR that a truth's `meta` stands for; keys that no CDR field has go to `extra`.

    Raises BadTruth when a value is of the wrong type.
    """
    known = {f.name for f in fields(CDR)} - {"extra"}
    extra = {key: str(value) for key, value in meta.items() if key not in known}
    try:
        return TypeAdapter(CDR).validate_python({k: v for k, v in meta.items() if k in known} | {"extra": extra})
    except ValidationError as error:
        keys = ", ".join(sorted({str(e["loc"][0]) for e in error.errors()}))
        raise BadTruth(f"meta: {keys} has a value of the wrong type") from error


# --- scoring one ---


def _judge_script(case: Case, rulebooks: Mapping[str, Rulebook], use_cdr: bool) -> Score:
    assert case.raw is not None
    try:
        call = call_from_truth(case.raw, use_cdr)
    except BadScript as error:
        raise BadTruth(
            f"{case.id}: its turns cannot be judged as a script; give each a role, start_s and end_s"
        ) from error
    rulebook = rulebooks.get(call.language)
    verdicts = judge_call(call, rulebook).verdicts if rulebook else ()
    rules, not_judged = _score_rules(case.truth, verdicts)
    return Score(rules=rules, not_judged=not_judged)


def _hear_and_judge(
    case: Case,
    engines: Engines,
    rulebooks: Mapping[str, Rulebook],
    settings: Settings,
    poorer: Mapping[str, Any],
    use_cdr: bool,
) -> Score:
    assert case.recording is not None
    if case.raw is None:
        engines = replace(engines, diarizer=None)  # an utterance has one voice: only its words are scored
    start = time.perf_counter()
    audio = decode(case.recording, settings.decode, settings.ingest)
    timings_s = {"decode": time.perf_counter() - start}
    audio = render(audio, settings, **poorer)
    sha256 = file_sha256(case.recording)
    transcript = hear_audio(audio, sha256, engines, settings, timings_s)
    start = time.perf_counter()
    judged = judge(transcript, cdr_from_truth(case.truth.meta) if use_cdr else CDR(), rulebooks, settings)
    timings_s["judge"] = time.perf_counter() - start
    return score(case.truth, transcript, judged) + Score(timings_s=timings_s, audio_s=audio.duration_s)


def score(truth: Truth, transcript: Transcript, judged: Judged) -> Score:
    """Compare one heard and judged call with its truth: every count that the truth allows."""
    call = judged.call
    reference = [(turn.role, turn.span) for turn in truth.turns if turn.role is not None]
    found = [(call.roles.by_speaker.get(span.speaker, "unknown"), span.span) for span in transcript.speakers]
    verdict = roles_verdict(reference, found)
    hang_up = hang_up_verdict(truth.hung_up_first, call.hang_up.by)
    rules, not_judged = _score_rules(truth, judged.scorecard.verdicts if judged.scorecard else ())
    der, der_collar = diarization_errors(truth, transcript.speakers, transcript.duration_s)
    return word_errors(truth, [(turn.speaker, turn.text) for turn in call.turns]) + Score(
        der=der,
        der_collar=der_collar,
        role_time=role_time(reference, found),
        roles=Counter([verdict] if verdict else []),
        hangup=Counter([hang_up] if hang_up else []),
        rules=rules,
        not_judged=not_judged,
    )


def _score_rules(truth: Truth, verdicts: Iterable[Verdict]) -> tuple[dict[str, RuleCount], Counter[str]]:
    outcomes = {verdict.rule_id: verdict.outcome for verdict in verdicts}
    rules = {rule: rule_count(label, outcomes[rule]) for rule, label in truth.labels.items() if rule in outcomes}
    return rules, Counter(rule for rule in truth.labels if rule not in outcomes)


@cache
def _english_normaliser() -> Callable[[str], str]:
    from whisper.normalizers import EnglishTextNormalizer

    normaliser: Callable[[str], str] = EnglishTextNormalizer()
    return normaliser


def _tokens(text: str, language: str) -> list[str]:
    if language == "zh":
        return characters(normalise(text, "zh"))
    return _english_normaliser()(text).split()


def word_errors(truth: Truth, turns: Iterable[tuple[str, str]]) -> Score:
    """Errors of all words in time order, and of each speaker's own (cp); `turns` are speaker and text as heard."""
    if not truth.worded:
        return Score()
    said: dict[str, str] = {}
    for turn in truth.turns:
        voice = turn.role or turn.speaker or ""
        said[voice] = f"{said.get(voice, '')} {turn.text}"
    turns, heard = list(turns), dict[str, str]()
    for speaker, text in turns:
        heard[speaker] = f"{heard.get(speaker, '')} {text}"
    language = truth.language
    whole = error_count(
        _tokens(" ".join(turn.text or "" for turn in truth.turns), language),
        _tokens(" ".join(text for _, text in turns), language),
    )
    by_speaker = permuted_error_count(
        {voice: _tokens(text, language) for voice, text in said.items()},
        {voice: _tokens(text, language) for voice, text in heard.items()},
    )
    return Score(cer=whole, cpcer=by_speaker) if language == "zh" else Score(wer=whole, cpwer=by_speaker)


def diarization_errors(
    truth: Truth, speakers: Iterable[SpeakerSpan], duration_s: float
) -> tuple[ErrorCount, ErrorCount]:
    """Missed, falsely alarmed and confused speech in seconds (pyannote.metrics), without and with collar."""
    turns = [turn for turn in truth.turns if turn.voice and turn.end_s > turn.start_s]
    if not turns:
        return ErrorCount(), ErrorCount()
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(spans: Iterable[tuple[Span, str | None]]) -> Any:
        made = Annotation()
        for track, (span, speaker) in enumerate(spans):
            made[Segment(span.start_s, span.end_s), track] = speaker
        return made

    reference = annotation((turn.span, turn.voice) for turn in turns)
    hypothesis = annotation((span.span, span.speaker) for span in speakers)
    everything = Timeline([Segment(0, max(duration_s, *(turn.end_s for turn in turns)))])
    counts = []
    for collar_s in (0.0, COLLAR_S):
        # its collar is the whole gap around a boundary, half of it on either side
        found = DiarizationErrorRate(collar=2 * collar_s)(reference, hypothesis, uem=everything, detailed=True)
        errors_s = found["missed detection"] + found["false alarm"] + found["confusion"]
        counts.append(ErrorCount(float(errors_s), float(found["total"])))
    return counts[0], counts[1]


# --- figures ---


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def _tally(counter: Counter[str], names: tuple[str, ...]) -> dict[str, int]:
    return {name: counter[name] for name in names}


def _rule_figures(count: RuleCount) -> dict[str, float | int | None]:
    return {
        "precision": _rounded(count.precision),
        "recall": _rounded(count.recall),
        "unsure": _rounded(count.unsure),
        "labelled": count.labelled,
        **{f.name: getattr(count, f.name) for f in fields(RuleCount)},
    }


def _figures(score: Score) -> dict[str, Any]:
    pooled = sum(score.rules.values(), RuleCount())
    seconds = {"total": sum(score.timings_s.values())} | score.timings_s
    return {
        "cer": _rounded(score.cer.rate),
        "wer": _rounded(score.wer.rate),
        "cpcer": _rounded(score.cpcer.rate),
        "cpwer": _rounded(score.cpwer.rate),
        "der": _rounded(score.der.rate),
        "der_collar": _rounded(score.der_collar.rate),
        "role_accuracy": _rounded(score.role_time.accuracy),
        "roles": _tally(score.roles, ("right", "wrong", "unknown")),
        "hangup": _tally(score.hangup, ("right", "wrong", "unsure")),
        "rules": {
            "precision": _rounded(pooled.precision),
            "recall": _rounded(pooled.recall),
            "unsure": _rounded(pooled.unsure),
            "per_rule": {rule: _rule_figures(count) for rule, count in score.rules.items()},
            "not_judged": dict(score.not_judged),
        },
        "rtf": {name: _rounded(spent / score.audio_s) if score.audio_s else None for name, spent in seconds.items()},
        "audio_s": _rounded(score.audio_s, 2),
    }


# --- for people ---

_WORDS = {
    "zh": {
        "file": "录音", "roles": "角色", "role_accuracy": "角色时长", "hangup": "先挂机", "fails": "查出/漏/误/不可判",
        "pooled": "合计", "rule": "规则", "precision": "查准率", "recall": "查全率", "unsure": "不可判",
        "labelled": "标注", "found": "查出", "missed": "漏判", "false": "误判", "skipped": "未评测",
        "per_rule": "各规则“不合格”的判定", "speed": "实时率", "memory": "内存峰值",
        "right": "对", "wrong": "错", "unknown": "未知",
    },
    "en": {
        "file": "recording", "roles": "roles", "role_accuracy": "role time", "hangup": "hang-up",
        "fails": "found/missed/false/unsure", "pooled": "pooled", "rule": "rule", "precision": "precision",
        "recall": "recall", "unsure": "unsure", "labelled": "labelled", "found": "found", "missed": "missed",
        "false": "false", "skipped": "not scored", "per_rule": "the verdict “fail”, rule by rule",
        "speed": "real-time factor", "memory": "peak memory",
        "right": "right", "wrong": "wrong", "unknown": "unknown",
    },
}  # fmt: skip


def tables(result: Mapping[str, Any], language: str = "en") -> Group:
    """Show what `evaluate` returned as rich tables, in Chinese ("zh") or English ("en")."""
    words = _WORDS.get(language, _WORDS["en"])
    rates = ("cer", "wer", "cpcer", "cpwer", "der", "der_collar")
    everything = {**result["files"], words["pooled"]: result["pooled"]}
    used = [name for name in (*rates, "role_accuracy") if any(f[name] is not None for f in everything.values())]
    tallies = [name for name in ("roles", "hangup") if sum(result["pooled"][name].values())]
    judged = bool(result["pooled"]["rules"]["per_rule"])

    files = Table(title=None)
    files.add_column(words["file"], overflow="fold")
    for name in used:
        files.add_column(words.get(name) or name.upper().replace("_COLLAR", f" ±{COLLAR_S} s"), justify="right")
    for name in tallies:
        files.add_column(words[name], justify="right")
    if judged:
        files.add_column(words["fails"], justify="right")
    for name, figures in everything.items():
        if name == words["pooled"]:
            files.add_section()
        cells = [name, *(percent(figures[rate]) for rate in used)]
        cells += [tally_cell(figures[tally], words) for tally in tallies]
        if judged:
            cells.append(_fails_cell(figures["rules"]))
        files.add_row(*cells)
    shown: list[Table | str] = [files]

    if judged:
        rules = Table(title=words["per_rule"])
        rules.add_column(words["rule"])
        for name in ("precision", "recall", "unsure", "found", "missed", "false", "labelled"):
            rules.add_column(words[name], justify="right")
        pooled = result["pooled"]["rules"]
        rows = [(rule, figures, [figures]) for rule, figures in pooled["per_rule"].items()]
        rows.append((words["pooled"], pooled, list(pooled["per_rule"].values())))
        for name, figures, counts in rows:
            if figures is pooled:
                rules.add_section()
            missed = ("missed_fails", "unsure_fails")
            rules.add_row(
                name,
                *(percent(figures[share]) for share in ("precision", "recall", "unsure")),
                *(_total(counts, names) for names in (("true_fails",), missed, ("false_fails",), ("labelled",))),
            )
        shown.append(rules)

    if result["pooled"]["rtf"]["total"] is not None:
        stages = ", ".join(f"{stage} {share:.3f}" for stage, share in result["pooled"]["rtf"].items())
        shown.append(f"{words['speed']}: {stages}")
    shown.append(f"{words['memory']}: {result['pooled']['peak_memory_mb']:.0f} MiB")
    shown += [f"{words['skipped']}: {why}" for why in result["skipped"].values()]
    return Group(*shown)


def percent(share: float | None) -> str:
    """A share as a table shows it; a dash when there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


def tally_cell(tally: Mapping[str, int], words: Mapping[str, str]) -> str:
    """Counts by verdict as a table shows them, in the words given; the verdict alone where there is one count."""
    if not any(tally.values()):
        return "–"
    if sum(tally.values()) == 1:
        return next(words[name] for name, count in tally.items() if count)
    return " / ".join(f"{count} {words[name]}" for name, count in tally.items())


def _fails_cell(rules: Mapping[str, Any]) -> str:
    if not rules["per_rule"]:
        return "–"
    names = (("true_fails",), ("missed_fails",), ("false_fails",), ("unsure_fails", "unsure_others"))
    return " / ".join(_total(rules["per_rule"].values(), some) for some in names)


def _total(counts: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> str:
    return str(sum(count[name] for count in counts for name in names))
