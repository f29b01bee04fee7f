"""Where a call is passed on: an agent announces it, and then somebody speaks who has not spoken before."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.call.prompts import PROMPT
from pipeline.datatypes import LineEvent, Roles, Turn
from pipeline.timeline import Span

LONGEST_S = 180.0
"""A voice that comes later than this after the announcement has not to do with it."""

_ANNOUNCED = re.compile(
    r"转接|[帮为给][您你](?:转|接)到?|\btransfer(?:ring)? (?:you|your call|the call)|\bput(?:ting)? you through"
    r"|\bconnect(?:ing)? you (?:to|with)|\bpass(?:ing)? you (?:over|on)"
)


def transfer_events(turns: Sequence[Turn], roles: Roles) -> tuple[LineEvent, ...]:
    """From each announcement of a transfer to the first word of the voice that then answers, by time.

    Needs a third voice, so a channel of its own or a diarizer that keeps one; a promise without a new voice is no
    transfer, nor is a customer who asks for one.
    """
    begun: dict[str, Turn] = {}
    events = []
    for turn in turns:
        if turn.speaker in begun:
            continue
        begun[turn.speaker] = turn
        before = [
            earlier
            for earlier in turns[: turn.index]
            if roles.of(earlier.speaker) != "customer"
            and earlier.speaker not in (PROMPT, turn.speaker)
            and turn.span.start_s - earlier.span.end_s <= LONGEST_S
            and _ANNOUNCED.search(earlier.text.lower())
        ]
        new = turn.speaker != PROMPT and roles.of(turn.speaker) != "customer"
        if before and new and {before[-1].speaker, turn.speaker} & set(roles.third_voices):
            said_s = before[-1].span.end_s
            events.append(LineEvent(Span(said_s, max(said_s, turn.span.start_s)), "transfer"))
    return tuple(events)
