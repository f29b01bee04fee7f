"""The corrections that people mean who point at a turn of a call, or at its roles, as they see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from pipeline.call.corrections import spoken_by
from pipeline.corrections import CorrectedRole, Corrections, TurnCorrection, VoicesCorrection, words_mark
from pipeline.datatypes import PARTIES, Call, Party, Turn
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.timeline import Span, Timeline

_OTHER: dict[CorrectedRole, CorrectedRole] = {"agent": "customer", "customer": "agent"}


class NothingToCorrect(CallQAError):
    """Somebody wants to correct what is not there."""


def other_party(party: Party) -> Party:
    """The other side."""
    return "customer" if party == "agent" else "agent"


def turn_correction(turn: Turn, heard: Call, to: CorrectedRole) -> Corrections:
    """A turn, as it is shown, is somebody else's or no speech. `heard` is the call without any correction."""
    own = frozenset(turn.words)
    return Corrections(tuple(piece for base in heard.turns for piece in _pieces(base, own, to)))


def _pieces(turn: Turn, own: frozenset[object], to: CorrectedRole) -> Iterator[TurnCorrection]:
    for is_meant, group in groupby(turn.words, key=lambda word: word in own):
        if is_meant:
            words = list(group)
            span = Span(words[0].span.start_s, max(word.span.end_s for word in words))
            yield TurnCorrection(span, turn.speaker, words_mark(word.text for word in words), to)


def swap_correction(call: Call, heard: Call, in_force: Corrections) -> Corrections:
    """Agent and customer are the other way round; turns that were given to a side go with its voice.

    `call` is as it is shown, with the corrections that are in force. Raises NothingToCorrect where nobody is known.
    """
    there = {*spoken_by(heard.turns), *heard.roles.by_speaker}
    now = {role: speaker for speaker, role in call.roles.by_speaker.items() if speaker in there}
    turns = tuple(replace(turn, to=_OTHER[turn.to]) for turn in in_force.turns if turn.to in _OTHER)
    if not now and not turns:
        raise NothingToCorrect(Message("nobody is known in this call; say first whose voice is the agent's"))
    return Corrections(turns, _voices(heard, now.get("customer", ""), now.get("agent", "")) if now else None)


def voice_correction(turn: Turn, call: Call, heard: Call, party: Party) -> Corrections:
    """Who speaks in a turn is that side throughout the call. Raises NothingToCorrect where no voice was heard there."""
    voices = spoken_by(heard.turns)
    if turn.speaker not in voices:
        raise NothingToCorrect(Message("this turn is no voice's of which more was heard"))
    known = {role: speaker for speaker, role in call.roles.by_speaker.items() if speaker in voices}
    others = [name for name in voices if name != turn.speaker]
    other = known.get(other_party(party), "")
    if other in ("", turn.speaker):
        other = others[0] if len(others) == 1 else ""
    sides = {party: turn.speaker, other_party(party): other}
    return Corrections((), _voices(heard, *(sides[each] for each in PARTIES)))


def _voices(heard: Call, agent: str, customer: str) -> VoicesCorrection:
    said = spoken_by(heard.turns)
    agent_time, customer_time = (said.get(name, Timeline()) for name in (agent, customer))
    return VoicesCorrection(agent, customer, agent_time.spans, customer_time.spans)
