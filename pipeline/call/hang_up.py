"""Who released the line first, and what tells it."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.call.prompts import PROMPT
from pipeline.datatypes import CDR, HangUp, LineEnd, Party, Roles, Transcript, Turn
from pipeline.messages import Message

LINE_END_LEAD_S = 0.8
"""A channel that ends this much before the other left first; less, and the recorder stopped both."""

AT_END_S = 0.3
"""A channel that ends in the recording's last moments tells nothing."""

LAST_TONE_S = 1.5
"""Busy tone that ends no earlier before the recording's end is what the line died with."""

_NAMES: dict[Party, Message] = {"agent": Message("agent"), "customer": Message("customer")}


def find_hang_up(transcript: Transcript, turns: Sequence[Turn], roles: Roles, cdr: CDR) -> HangUp:
    """The CDR says who hung up, else which channel died while the other lived, else who speaks into a dead line."""
    ends = [end for end in transcript.line_ends if end.at_s <= transcript.duration_s - AT_END_S]
    first = _first_end(ends)
    if cdr.release_party is not None:
        at_s = first.at_s if first else None
        return HangUp(cdr.release_party, "cdr", at_s, Message("release party in the call detail record"))
    if transcript.channels == 1:
        return _on_one_channel(transcript, turns, roles)
    if first is None:
        together, never = Message("both channels end together"), Message("no channel ends before the recording")
        return HangUp(None, "none", None, together if len(ends) > 1 else never)
    party = roles.of(f"ch{first.channel}")
    if party == "unknown":
        return HangUp(None, "none", first.at_s, _whose_end_is_unknown(first))
    goes_on = any(t.speaker == f"ch{1 - first.channel}" and t.span.end_s > first.at_s + AT_END_S for t in turns)
    return HangUp(party, "inferred", first.at_s, _first_to_end(party, first, goes_on))


def _whose_end_is_unknown(end: LineEnd) -> Message:
    if end.kind == "busy":
        return Message(
            "channel {channel} gives way to busy tone first, but whose it is is unknown", channel=end.channel
        )
    return Message("channel {channel} falls to digital silence first, but whose it is is unknown", channel=end.channel)


def _first_to_end(party: Party, end: LineEnd, other_goes_on: bool) -> Message:
    who = _NAMES[party]
    if end.kind == "busy" and other_goes_on:
        return Message("the {party}'s channel gives way to busy tone; the other side speaks on", party=who)
    if end.kind == "busy":
        return Message("the {party}'s channel gives way to busy tone while the other lives", party=who)
    if other_goes_on:
        return Message("the {party}'s channel falls to digital silence; the other side speaks on", party=who)
    return Message("the {party}'s channel falls to digital silence while the other lives", party=who)


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
        return HangUp(None, "none", None, Message("one channel, and no busy tone at its end"))
    busy_s = min(starts)
    after = {
        roles.of(turn.speaker)
        for turn in turns
        if turn.speaker != PROMPT and any(word.span.start_s >= busy_s for word in turn.words)
    }
    if after == {"customer"}:
        return HangUp("agent", "inferred", busy_s, Message("the customer speaks after the busy tone begins"))
    if after == {"agent"}:
        return HangUp("customer", "inferred", busy_s, Message("the agent speaks after the busy tone begins"))
    return HangUp(None, "none", busy_s, Message("busy tone on one channel, and nobody speaks after it begins"))
