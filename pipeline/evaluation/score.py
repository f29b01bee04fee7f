"""One call compared with its truth: words, speakers, roles, hang-up and verdicts, as counts that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from pipeline.datatypes import Judged, SpeakerSpan, Transcript, Verdict
from pipeline.evaluation.metrics import (
    ErrorCount,
    RoleTime,
    RuleCount,
    characters,
    error_count,
    hang_up_verdict,
    permuted_error_count,
    role_time,
    roles_verdict,
    rule_count,
)
from pipeline.evaluation.truth import Truth
from pipeline.language.normalise import normalise
from pipeline.timeline import Span

COLLAR_S = 0.25
"""Forgiven on either side of a reference boundary in `der_collar`, as NIST's md-eval does it."""

_NO_ERRORS = ErrorCount()


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
    hang_up: Counter[str] = field(default_factory=Counter)
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


def score_call(truth: Truth, transcript: Transcript, judged: Judged) -> Score:
    """Compare one transcribed and judged call with its truth: every count that the truth allows."""
    call = judged.call
    reference = [(turn.role, turn.span) for turn in truth.turns if turn.role is not None]
    hypothesis = [(call.roles.of(span.speaker), span.span) for span in transcript.speakers]
    verdict = roles_verdict(reference, hypothesis)
    hang_up = hang_up_verdict(truth.hung_up_first, call.hang_up.by)
    rules, not_judged = score_rules(truth, judged.scorecard.verdicts if judged.scorecard else ())
    der, der_collar = diarization_errors(truth, transcript.speakers, transcript.duration_s)
    return word_errors(truth, [(turn.speaker, turn.text) for turn in call.turns]) + Score(
        der=der,
        der_collar=der_collar,
        role_time=role_time(reference, hypothesis),
        roles=Counter([verdict] if verdict else []),
        hang_up=Counter([hang_up] if hang_up else []),
        rules=rules,
        not_judged=not_judged,
    )


def score_rules(truth: Truth, verdicts: Iterable[Verdict]) -> tuple[dict[str, RuleCount], Counter[str]]:
    """Counts of every labelled rule, and the labelled rules that were not judged."""
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
    """Errors of all words in time order, and of each speaker's own (cp); `turns` are (speaker, text)."""
    if not truth.worded:
        return Score()
    said: dict[str, str] = {}
    for turn in truth.turns:
        voice = turn.role or turn.speaker or ""
        said[voice] = f"{said.get(voice, '')} {turn.text}"
    turns, by_voice = list(turns), dict[str, str]()
    for speaker, text in turns:
        by_voice[speaker] = f"{by_voice.get(speaker, '')} {text}"
    language = truth.language
    whole = error_count(
        _tokens(" ".join(turn.text or "" for turn in truth.turns), language),
        _tokens(" ".join(text for _, text in turns), language),
    )
    each_speakers = permuted_error_count(
        {voice: _tokens(text, language) for voice, text in said.items()},
        {voice: _tokens(text, language) for voice, text in by_voice.items()},
    )
    return Score(cer=whole, cpcer=each_speakers) if language == "zh" else Score(wer=whole, cpwer=each_speakers)


def diarization_errors(
    truth: Truth, speakers: Iterable[SpeakerSpan], duration_s: float
) -> tuple[ErrorCount, ErrorCount]:
    """Missed, falsely alarmed and confused speech in seconds (pyannote.metrics), without and with collar."""
    turns = [turn for turn in truth.turns if turn.voice and turn.end_s > turn.start_s]
    if not turns:
        return ErrorCount(), ErrorCount()
    from pyannote.core import Annotation, Segment
    from pyannote.core import Timeline as Extent
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(spans: Iterable[tuple[Span, str | None]]) -> Any:
        made = Annotation()
        for track, (span, speaker) in enumerate(spans):
            made[Segment(span.start_s, span.end_s), track] = speaker
        return made

    reference = annotation((turn.span, turn.voice) for turn in turns)
    hypothesis = annotation((span.span, span.speaker) for span in speakers)
    everything = Extent([Segment(0, max(duration_s, *(turn.end_s for turn in turns)))])
    counts = []
    for collar_s in (0.0, COLLAR_S):
        # its collar is the whole gap around a boundary, half of it on either side
        errors = DiarizationErrorRate(collar=2 * collar_s)(reference, hypothesis, uem=everything, detailed=True)
        errors_s = errors["missed detection"] + errors["false alarm"] + errors["confusion"]
        counts.append(ErrorCount(float(errors_s), float(errors["total"])))
    return counts[0], counts[1]


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


def figures_of(score: Score) -> dict[str, Any]:
    """The score as figures, ready for JSON: shares and rates from 0 up, None where there was no truth to compare."""
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
        "hangup": _tally(score.hang_up, ("right", "wrong", "unsure")),
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
