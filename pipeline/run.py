"""The only two compositions: `hear` makes the durable artefact from sound, `judge` makes verdicts from it.

`hear` is slow and depends on nothing but the recording's bytes, the engines and the hearing settings.
`judge` is instant and depends on the artefact, the CDR and the rulebook.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.asking.ask import Asker, kept_answers
from pipeline.asking.prompt import PROMPT_VERSION
from pipeline.call.build import build_call, build_corrected
from pipeline.corrections import Corrections
from pipeline.datatypes import (
    CDR,
    Audio,
    Call,
    Diarizer,
    Judged,
    LineEvent,
    Recognizer,
    Scorecard,
    Segment,
    SpeakerSpan,
    Transcript,
    VoiceActivity,
)
from pipeline.hearing.decode import decode
from pipeline.hearing.layout import one_channel, several_voices, silent_channel, two_parties
from pipeline.hearing.levels import levels_dbfs
from pipeline.hearing.line_ends import line_ends
from pipeline.hearing.line_events import line_events, without_events
from pipeline.hearing.postprocess import postprocess
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.masks import NO_TURN, Mask, Masks
from pipeline.privacy.codes import without_codes
from pipeline.privacy.masking import asked_for
from pipeline.privacy.sensitive import find_masks
from pipeline.settings import Settings
from pipeline.storage.home import CorrectedBy, Hearing, JudgedFile, PastCard
from pipeline.timeline import Span, Timeline

HEARING_VERSION = "5"
"""Raised whenever the code of hearing changes what is heard; part of every artefact's fingerprint."""

JUDGED_LANGUAGES = ("zh", "en")
"""Languages that rulebooks can be written for."""

SURELY_FOREIGN = 0.5
"""Probability from which a call is held to be in another language."""

_WRITTEN_ALIKE = {"yue": "zh"}

JUDGING_VERSION = "10"
"""Raised whenever the code of judging changes verdicts or what is told of them; part of every judged file's key."""


@dataclass(frozen=True)
class Engines:
    """The engines that hear, loaded once a process. `diarizer` is None where only channels tell speakers."""

    voice_activity: VoiceActivity
    recognizer: Recognizer
    diarizer: Diarizer | None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def hearing_fingerprint(engines: Engines, settings: Settings) -> str:
    """Hexadecimal hash of everything but the recording that an artefact depends on."""
    layout = settings.decode.layout
    return _digest(
        HEARING_VERSION if layout == "auto" else f"{HEARING_VERSION} {layout}",
        engines.voice_activity.fingerprint,
        engines.recognizer.fingerprint,
        engines.diarizer.fingerprint if engines.diarizer else "channels",
        settings.hear.language,
        f"{settings.ingest.raw_rate_hz}/{settings.ingest.raw_channels}",
    )


@contextmanager
def _timed(timings_s: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        timings_s[stage] = timings_s.get(stage, 0.0) + time.perf_counter() - start


def hear(path: Path, sha256: str, engines: Engines, settings: Settings) -> Transcript:
    """Decode and hear one recording. Raises BadRecording when it cannot be heard, TransientFault when not now."""
    timings_s: dict[str, float] = {}
    with _timed(timings_s, "decode"):
        audio = decode(path, settings.decode, settings.ingest, sha256)
    return hear_audio(audio, sha256, engines, settings, timings_s)


def hear_audio(
    audio: Audio, sha256: str, engines: Engines, settings: Settings, timings_s: dict[str, float] | None = None
) -> Transcript:
    """Hear decoded sound: everything of `hear` behind the decoder."""
    timings_s = {} if timings_s is None else timings_s
    recorded = audio
    if settings.decode.layout == "auto":
        with _timed(timings_s, "channels"):
            audio = two_parties(recorded)
    voiced, events = _voices_and_sounds(audio, engines, timings_s)
    if settings.decode.layout == "auto" and (live := _only_live_channel(audio, voiced, engines, timings_s)) is not None:
        audio = one_channel(audio, live, "dead-channel")
        voiced, events = _voices_and_sounds(audio, engines, timings_s)
    with _timed(timings_s, "sounds"):
        # a line that was cleaned of crosstalk is quiet where nothing ended
        ends = line_ends(recorded if recorded.channels == audio.channels else audio, events)
    with _timed(timings_s, "language"):
        language, language_probability = _language(audio, voiced, engines, settings)
    with _timed(timings_s, "words"):
        segments = engines.recognizer.transcribe(list(audio.samples), voiced, language)
        segments = postprocess(segments, voiced, events, settings.hear.hot_words)
    with _timed(timings_s, "speakers"):
        speakers, overlap_heard = _speakers(audio, voiced, engines)
    heard = Transcript(
        sha256=sha256,
        duration_s=audio.duration_s,
        layout=audio.layout,
        language=language,
        language_probability=language_probability,
        voiced=voiced,
        segments=tuple(sorted(segments, key=lambda segment: (segment.span, segment.channel))),
        speakers=speakers,
        overlap_heard=overlap_heard,
        events=events,
        line_ends=ends,
        levels_dbfs=tuple(levels_dbfs(channel) for channel in audio.samples),
        coverage=_coverage(voiced, segments),
        fingerprint=hearing_fingerprint(engines, settings),
        provenance={
            "recognizer": engines.recognizer.fingerprint,
            "voice activity": engines.voice_activity.fingerprint,
            "diarizer": engines.diarizer.fingerprint if engines.diarizer and audio.channels == 1 else "channels",
            "codec": audio.codec or "",
            "source rate": f"{audio.source_rate_hz or 0} Hz",
        },
        timings_s=timings_s,
        faults=audio.faults,
    )
    return without_codes(heard)


def _voices_and_sounds(
    audio: Audio, engines: Engines, timings_s: dict[str, float]
) -> tuple[tuple[tuple[Span, ...], ...], tuple[LineEvent, ...]]:
    """Where somebody speaks on each channel, and what else sounds there."""
    with _timed(timings_s, "voice activity"):
        heard = tuple(engines.voice_activity.voiced(channel, audio.channels == 1) for channel in audio.samples)
    with _timed(timings_s, "sounds"):
        events = line_events(audio, heard)
        return without_events(heard, events, audio), events


def _only_live_channel(
    audio: Audio, voiced: tuple[tuple[Span, ...], ...], engines: Engines, timings_s: dict[str, float]
) -> int | None:
    """The channel that holds both parties where the other holds nobody: a silent party leaves one voice there."""
    silent = silent_channel(voiced)
    if silent is None or engines.diarizer is None:
        return None
    live = 1 - silent
    with _timed(timings_s, "speakers"):
        speakers = engines.diarizer.diarize(audio.samples[live], voiced[live])
    return live if several_voices(speakers) else None


def _language(
    audio: Audio, voiced: tuple[tuple[Span, ...], ...], engines: Engines, settings: Settings
) -> tuple[str, float]:
    """The call's language: the setting, else what the channel with most speech is heard to be.

    A language without a rulebook has to be sure: noise and dialect are taken for all kinds of languages.
    """
    if settings.hear.language != "auto":
        return settings.hear.language, 1.0
    talk_s = [sum(span.duration_s for span in spans) for spans in voiced]
    busiest = max(range(len(talk_s)), key=talk_s.__getitem__)
    if not talk_s[busiest]:
        return settings.judge.default_language, 0.0
    samples, spans = audio.samples[busiest], voiced[busiest]
    language, probability = engines.recognizer.detect_language(samples, spans, ())
    language = _WRITTEN_ALIKE.get(language, language)
    if language in JUDGED_LANGUAGES or probability >= SURELY_FOREIGN:
        return language, probability
    return engines.recognizer.detect_language(samples, spans, JUDGED_LANGUAGES)


def _speakers(
    audio: Audio, voiced: tuple[tuple[Span, ...], ...], engines: Engines
) -> tuple[tuple[SpeakerSpan, ...], bool]:
    """Speaker spans, and whether overlapping speech could have been noticed."""
    if audio.channels > 1:
        spans = [SpeakerSpan(span, f"ch{index}") for index, channel in enumerate(voiced) for span in channel]
        return tuple(sorted(spans, key=lambda s: (s.span, s.speaker))), True
    if engines.diarizer is None:
        return tuple(SpeakerSpan(span, "ch0") for span in voiced[0]), False
    if not voiced[0]:
        return (), engines.diarizer.overlap_aware
    return tuple(engines.diarizer.diarize(audio.samples[0], voiced[0])), engines.diarizer.overlap_aware


def _coverage(voiced: tuple[tuple[Span, ...], ...], segments: list[Segment]) -> float:
    """Share of voiced time that lies in a segment with words and without a gate, over all channels."""
    total_s = covered_s = 0.0
    for index, spans in enumerate(voiced):
        # a word is short and the pauses within a phrase carry none, so segments are what covers speech
        worded = [s.span for s in segments if s.channel == index and s.words and not s.gate]
        for span in spans:
            total_s += span.duration_s
            covered_s += min(span.duration_s, sum(span.overlap_s(other) for other in worded))
    return covered_s / total_s if total_s else 1.0


_CDR, _CORRECTIONS = TypeAdapter(CDR), TypeAdapter(Corrections)
_NONE = Corrections()


def judging_key(
    sha256: str,
    fingerprint: str,
    cdr: CDR,
    rulebooks: Mapping[str, Rulebook],
    settings: Settings,
    corrections: Corrections = _NONE,
) -> str:
    """Hexadecimal hash of everything that `judge` depends on; `fingerprint` is the artefact's (its first 16 do)."""
    return _digest(
        JUDGING_VERSION,
        sha256,
        fingerprint[:16],
        _CDR.dump_json(cdr).decode(),
        json.dumps({language: book.hash for language, book in sorted(rulebooks.items())}),
        settings.judge.model_dump_json(),
        *_asked(rulebooks, settings),
        *([_CORRECTIONS.dump_json(corrections).decode()] if corrections else []),
    )


def _asked(rulebooks: Mapping[str, Rulebook], settings: Settings) -> list[str]:
    """Which model answers, where the rulebooks ask one."""
    if settings.asks.endpoint is None or not any(book.questions for book in rulebooks.values()):
        return []
    return [settings.asks.model, PROMPT_VERSION]


def judge(
    transcript: Transcript,
    cdr: CDR,
    rulebooks: Mapping[str, Rulebook],
    asker: Asker | None = None,
    corrections: Corrections = _NONE,
) -> Judged:
    """Judge one heard call by the rulebook of its language; without one, the scorecard is None.

    `asker` gives a local model's answers to the questions of the rulebook; without it what hangs on them is unsure.
    `corrections` are what people said was heard wrongly.
    """
    return _judged(build_call(transcript, cdr, corrections), transcript, rulebooks, asker, corrections)


def _judged(
    call: Call,
    transcript: Transcript,
    rulebooks: Mapping[str, Rulebook],
    asker: Asker | None,
    corrections: Corrections,
) -> Judged:
    rulebook = rulebooks.get(call.language)
    heard = transcript.fingerprint
    if corrections:
        # what a model said of the call as it was heard is not said of this one
        heard = _digest(heard, _CORRECTIONS.dump_json(corrections).decode())
    answers = asker.answers(call, heard, rulebook) if asker and rulebook else None
    return Judged(call, judge_call(call, rulebook, answers) if rulebook else None)


def judged_file(
    key: str,
    transcript: Transcript,
    cdr: CDR,
    rulebooks: Mapping[str, Rulebook],
    settings: Settings,
    asker: Asker | None = None,
    corrections: Corrections = _NONE,
    before: JudgedFile | None = None,
) -> JudgedFile:
    """A judged call with all that is kept of it; `before` is what was kept of its last judging."""
    built = build_corrected(transcript, cdr, corrections)
    judged = _judged(built.call, transcript, rulebooks, asker, corrections)
    masks, corrected = find_masks(judged.call, asked_for(settings.privacy)), None
    if corrections:
        plain = build_call(transcript, cdr)
        masks = _with_removed(masks, find_masks(plain, asked_for(settings.privacy)))
        corrected = CorrectedBy(corrections, built.left_out, _uncorrected(plain, transcript, rulebooks, asker))
    hearing = Hearing(
        transcript.fingerprint,
        transcript.layout,
        transcript.language_probability,
        transcript.provenance,
        transcript.faults,
    )
    return JudgedFile(key, judged, hearing, _past_cards(before, judged.scorecard), masks, corrected)


def _uncorrected(
    plain: Call, transcript: Transcript, rulebooks: Mapping[str, Rulebook], asker: Asker | None
) -> PastCard | None:
    """What the rulebook says of a call as it was heard; nobody is asked for that, answers that are there count."""
    rulebook = rulebooks.get(plain.language)
    if rulebook is None:
        return None
    answers = None
    if asker is not None:
        answers = kept_answers(asker.home, plain, transcript.fingerprint, rulebook, asker.endpoint.model)
    return _as_past(judge_call(plain, rulebook, answers))


def _with_removed(masks: Masks, heard: Masks) -> Masks:
    """Masks of a corrected call, with those of what is in no turn any more: its sound is silenced all the same."""
    there = Timeline(mask.span for mask in masks.found)
    removed = (Mask(mask.kind, NO_TURN, 0, 0, mask.span) for mask in heard.found if Timeline([mask.span]) - there)
    return Masks(masks.version, (*masks.found, *removed))


def _past_cards(before: JudgedFile | None, card: Scorecard | None) -> tuple[PastCard, ...]:
    """What other versions of the rulebook said of a call before it is judged again."""
    if before is None:
        return ()
    old = before.judged.scorecard
    cards = [*before.past, *([_as_past(old)] if old is not None else [])]
    now = (card.rulebook, card.version) if card else None
    by_version = {(past.rulebook, past.version): past for past in cards}
    return tuple(past for version, past in by_version.items() if version != now)


def _as_past(card: Scorecard) -> PastCard:
    return PastCard(card.rulebook, card.version, card.score, {v.rule_id: v.outcome for v in card.verdicts})
