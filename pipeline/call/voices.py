"""When somebody's voice is heard, words or not.

Silence and overlap come from voice activity, never from gaps between words: a recogniser drops short replies and
stretches words over pauses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.call.corrections import CorrectedTurns, MovedVoice
from pipeline.call.echo import SpokenPhrase, echo_times
from pipeline.call.prompts import PROMPT
from pipeline.datatypes import LEVEL_STEP_S, PARTIES, EventKind, Party, Roles, Transcript, Turn
from pipeline.timeline import Span, Timeline

BLIP_S = 0.25
"""Voice activity this short and without words (a click, a breath) does not end a silence."""

ONE_VOICE_GAP_S = 0.1
"""Voices closer together than this are one, when it is asked whether it was a blip."""

NOT_SILENT: tuple[EventKind, ...] = ("music", "ring", "prompt", "busy", "dtmf")
"""Events that are sound, and nobody's voice."""


@dataclass(frozen=True, slots=True)
class Voices:
    """When voices are heard, words or not: each party's that is known, and anybody's, announcements too.

    `levels_dbfs` is the level of each party over time, one value every `LEVEL_STEP_S`.
    """

    by_party: dict[Party, Timeline]
    anybody: Timeline
    levels_dbfs: dict[Party, tuple[float, ...]]


def find_voices(
    transcript: Transcript, heard: Sequence[Turn], corrected: CorrectedTurns, echoes: Sequence[SpokenPhrase]
) -> Voices:
    """Whose voice is heard when; sounds, announcements and echoes are nobody's. `heard` are the turns as they were
    before people corrected them."""
    turns, roles, moved = corrected.turns, corrected.roles, corrected.moved
    by_speaker = _given_over(_speaker_voices(transcript, heard, moved, echoes), moved)
    by_party = {
        party: Timeline(span for speaker, voice in by_speaker.items() if roles.of(speaker) == party for span in voice)
        for party in PARTIES
        if party in roles.by_speaker.values()
    }
    anybody = _anybodys_voice(by_speaker, transcript, turns, moved)
    return Voices(by_party, anybody, _party_levels(transcript, roles, by_party, moved))


def _speaker_voices(
    transcript: Transcript, turns: Sequence[Turn], moved: Sequence[MovedVoice], echoes: Sequence[SpokenPhrase]
) -> dict[str, Timeline]:
    # what people said was no announcement is somebody's voice
    prompts = Timeline(turn.span for turn in turns if turn.speaker == PROMPT) - [move.span for move in moved]
    voices = {}
    for speaker, voice in _raw_voices(transcript, echoes).items():
        channel = int(speaker[2:]) if transcript.channels > 1 else None
        sounds = [e.span for e in transcript.events if e.kind in NOT_SILENT and channel in (e.channel, None)]
        worded = Timeline(word.span for turn in turns if turn.speaker == speaker for word in turn.words)
        voices[speaker] = (voice - [*sounds, *prompts]) | (voice & worded)
    return voices


def _given_over(voices: dict[str, Timeline], moved: Sequence[MovedVoice]) -> dict[str, Timeline]:
    """The voices once each of these stretches is heard of who it was."""
    given = dict(voices)
    for move in moved:
        if move.source in given:
            given[move.source] -= [move.span]
    for move in moved:
        if move.to is not None:
            given[move.to] = given.get(move.to, Timeline()) | (voices.get(move.source, Timeline()) & [move.span])
    return given


def _raw_voices(transcript: Transcript, echoes: Sequence[SpokenPhrase]) -> dict[str, Timeline]:
    if transcript.channels > 1:
        return {f"ch{c}": Timeline(spans) - echo_times(echoes, c) for c, spans in enumerate(transcript.voiced)}
    active = Timeline(transcript.voiced[0] if transcript.voiced else ())
    by_speaker: dict[str, list[Span]] = {}
    for item in transcript.speakers:
        by_speaker.setdefault(item.speaker, []).append(item.span)
    if not active:
        return {speaker: Timeline(spans) for speaker, spans in by_speaker.items()}
    if not by_speaker:
        return {"S1": active}
    # a speaker's span goes on over short pauses
    return {speaker: Timeline(spans) & active for speaker, spans in by_speaker.items()}


def _anybodys_voice(
    speaker_voices: Mapping[str, Timeline], transcript: Transcript, turns: Sequence[Turn], moved: Sequence[MovedVoice]
) -> Timeline:
    """Blips without words are left out."""
    voices = [span for voice in speaker_voices.values() for span in voice]
    if transcript.channels == 1:
        # diarization may leave out what voice activity heard
        nobodys = [move.span for move in moved if move.to is None]
        sounds = [e.span for e in transcript.events if e.kind in NOT_SILENT]
        voices += Timeline(transcript.voiced[0]) - [*sounds, *nobodys]
    worded = Timeline(word.span for turn in turns for word in turn.words)
    real = [s for s in Timeline(voices, ONE_VOICE_GAP_S) if s.duration_s >= BLIP_S or worded.within_s(s) > 0]
    return Timeline([*real, *(turn.span for turn in turns if turn.speaker == PROMPT)])


def _party_levels(
    transcript: Transcript, roles: Roles, voices: Mapping[Party, Timeline], moved: Sequence[MovedVoice]
) -> dict[Party, tuple[float, ...]]:
    """On one channel, a party has a level only where it alone speaks, else the floor."""
    if transcript.channels > 1:
        of_channel = {roles.of(f"ch{channel}"): levels for channel, levels in enumerate(transcript.levels_dbfs)}
        return {
            party: _with_moved(
                of_channel[party], transcript, [move for move in moved if roles.of(move.to or "") == party]
            )
            for party in PARTIES
            if party in of_channel
        }
    if not transcript.levels_dbfs:
        return {}
    levels = transcript.levels_dbfs[0]
    result: dict[Party, tuple[float, ...]] = {}
    for party, voice in voices.items():
        alone = voice - [span for other, others in voices.items() if other != party for span in others]
        own = [min(levels, default=0.0)] * len(levels)
        for span in alone:
            for index in range(int(span.start_s / LEVEL_STEP_S), min(len(levels), int(span.end_s / LEVEL_STEP_S) + 1)):
                own[index] = levels[index]
        result[party] = tuple(own)
    return result


def _with_moved(levels: tuple[float, ...], transcript: Transcript, moved: Sequence[MovedVoice]) -> tuple[float, ...]:
    """A channel's levels, those of what the party said on another channel put in."""
    if not moved:
        return levels
    own = list(levels)
    for move in moved:
        others = transcript.levels_dbfs[int(move.source[2:])]
        first, last = int(move.span.start_s / LEVEL_STEP_S), int(move.span.end_s / LEVEL_STEP_S) + 1
        own[first:last] = others[first : min(last, len(own))]
    return tuple(own)
