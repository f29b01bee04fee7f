"""Where a call is passed on: an agent announces it, and then somebody speaks who has not spoken before."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.call.prompts import PROMPT
from pipeline.datatypes import LineEvent, Roles, Turn
from pipeline.language.announcements import transfer_phrases
from pipeline.timeline import Span

LONGEST_S = 180.0
"""A voice that comes later than this after the announcement has not to do with it."""


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
            and _announces(earlier.text.lower())
        ]
        new = turn.speaker != PROMPT and roles.of(turn.speaker) != "customer"
        if before and new and {before[-1].speaker, turn.speaker} & set(roles.third_voices):
            said_s = before[-1].span.end_s
            events.append(LineEvent(Span(said_s, max(said_s, turn.span.start_s)), "transfer"))
    return tuple(events)


def _announces(text: str) -> bool:
    return any(e.search(text) for language in ("zh", "en") for e in transfer_phrases(language).announced)
