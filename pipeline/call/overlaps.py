"""Overlaps: one starts while the other has been speaking."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.call.voices import Voices
from pipeline.datatypes import Overlap, Party, Roles, Turn
from pipeline.timeline import Span, Timeline

UTTERANCE_GAP_S = 0.5
"""Voiced spans of one speaker closer than this are one utterance."""

HELD_FLOOR_GAP_S = 0.8
"""A speaker who pauses up to this long is still speaking, when asked for how long."""

FLOOR_S = 1.0
"""One who goes on for this long after the other has stopped did not lose the floor."""

_SIDES: tuple[tuple[Party, Party], ...] = (("agent", "customer"), ("customer", "agent"))


def find_overlaps(voices: Voices, turns: Sequence[Turn], roles: Roles) -> tuple[Overlap, ...]:
    """Every time one of the two starts while the other has been speaking, by time.

    Only starts of utterances that share time with a turn are kept: without words nobody can tell a cough.
    """
    overlaps = []
    for by, over in _SIDES:
        voice, other_voice = voices.by_party.get(by, Timeline()), voices.by_party.get(over, Timeline())
        utterances, held = other_voice.joined(UTTERANCE_GAP_S), other_voice.joined(HELD_FLOOR_GAP_S)
        own_turns = [turn for turn in turns if roles.of(turn.speaker) == by]
        for start in voice.joined(UTTERANCE_GAP_S):
            other = _begun_before(utterances, start.start_s)
            turn = _turn_of(start, own_turns)
            if other is None or turn is None:
                continue
            holder = _begun_before(held, start.start_s) or other
            overlaps.append(
                Overlap(
                    span=Span(start.start_s, start.start_s + start.overlap_s(other)),
                    by=by,
                    over=over,
                    other_spoke_s=start.start_s - holder.start_s,
                    took_floor=other.end_s < start.end_s + FLOOR_S,
                    turn=turn.index,
                )
            )
    return tuple(sorted(overlaps, key=lambda overlap: (overlap.span, overlap.by)))


def _begun_before(voice: Timeline, at_s: float) -> Span | None:
    """What goes on at a moment and has begun before it."""
    span = voice.at(at_s)
    return span if span is not None and span.start_s < at_s else None


def _turn_of(start: Span, turns: Sequence[Turn]) -> Turn | None:
    """The turn that an utterance is most of, else none."""
    turn = max(turns, key=lambda t: (t.span.overlap_s(start), -abs(t.span.start_s - start.start_s)), default=None)
    return turn if turn is not None and turn.span.overlap_s(start) > 0 else None
