"""Who released the line first."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.call.prompts import PROMPT
from pipeline.datatypes import CDR, HangUp, LineEnd, Roles, Transcript, Turn

LINE_END_LEAD_S = 0.8
"""A channel that ends this much before the other left first; less, and the recorder stopped both."""

AT_END_S = 0.3
"""A channel that ends in the recording's last moments tells nothing."""

LAST_TONE_S = 1.5
"""Busy tone that ends no earlier before the recording's end is what the line died with."""


def find_hang_up(transcript: Transcript, turns: Sequence[Turn], roles: Roles, cdr: CDR) -> HangUp:
    """The CDR says who hung up, else which channel died while the other lived, else who speaks into a dead line."""
    ends = [end for end in transcript.line_ends if end.at_s <= transcript.duration_s - AT_END_S]
    first = _first_end(ends)
    if cdr.release_party is not None:
        at_s = first.at_s if first else None
        return HangUp(cdr.release_party, "cdr", at_s, "release party in the call detail record")
    if transcript.channels == 1:
        return _on_one_channel(transcript, turns, roles)
    if first is None:
        reason = "both channels end together" if len(ends) > 1 else "no channel ends before the recording"
        return HangUp(None, "none", None, reason)
    left = roles.of(f"ch{first.channel}")
    how = "gives way to busy tone" if first.kind == "busy" else "falls to digital silence"
    if left == "unknown":
        return HangUp(None, "none", first.at_s, f"channel {first.channel} {how} first, but whose it is is unknown")
    on = [t for t in turns if t.speaker == f"ch{1 - first.channel}" and t.span.end_s > first.at_s + AT_END_S]
    more = "; the other side speaks on" if on else " while the other lives"
    return HangUp(left, "inferred", first.at_s, f"the {left}'s channel {how}{more}")


def _first_end(ends: Sequence[LineEnd]) -> LineEnd | None:
    by_channel: dict[int, LineEnd] = {}
    for end in sorted(ends, key=lambda e: e.at_s):
        by_channel.setdefault(end.channel, end)
    ordered = sorted(by_channel.values(), key=lambda e: e.at_s)
    if not ordered:
        return None
    if len(ordered) > 1 and ordered[1].at_s - ordered[0].at_s < LINE_END_LEAD_S:
        return None
    return ordered[0]


def _on_one_channel(transcript: Transcript, turns: Sequence[Turn], roles: Roles) -> HangUp:
    """Busy tone on a mixed channel says that someone left; only a voice after it begins says who did not."""
    starts = [end.at_s for end in transcript.line_ends if end.kind == "busy"]
    starts += [
        event.span.start_s
        for event in transcript.events
        if event.kind == "busy" and event.span.end_s >= transcript.duration_s - LAST_TONE_S
    ]
    if not starts:
        return HangUp(None, "none", None, "one channel, and no busy tone at its end")
    busy = min(starts)
    after = {
        roles.of(turn.speaker)
        for turn in turns
        if turn.speaker != PROMPT and any(word.span.start_s >= busy for word in turn.words)
    }
    if after == {"customer"}:
        return HangUp("agent", "inferred", busy, "the customer speaks after the busy tone begins")
    if after == {"agent"}:
        return HangUp("customer", "inferred", busy, "the agent speaks after the busy tone begins")
    return HangUp(None, "none", busy, "busy tone on one channel, and nobody speaks after it begins")
