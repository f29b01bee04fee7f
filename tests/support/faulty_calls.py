"""Calls that were badly heard."""

from __future__ import annotations

import random
from dataclasses import replace

from pipeline.datatypes import Call, Roles
from pipeline.timeline import Span


def faulty(call: Call, draw: random.Random) -> Call:
    """A call as bad recordings are heard: nobody known, one side known, words missing, what no engine writes."""
    match draw.randrange(7):
        case 0:
            return replace(call, roles=Roles({}, "none", 0.0))
        case 1:
            return replace(call, roles=Roles({"ch0": "agent"}, "one-side", 0.5))
        case 2:
            voiced = {party: (Span(0.0, call.facts.duration_s),) for party in call.voiced}
            return replace(call, voiced=voiced)
        case 3:
            turns = tuple(replace(turn, words=turn.words[: draw.randrange(3)]) for turn in call.turns)
            return replace(call, turns=turns)
        case 4:
            turn = replace(call.turns[0], text=f" {call.turns[0].text}\x1e😀")
            return replace(call, turns=(turn, *call.turns[1:]), levels_dbfs={"agent": (-0.0, 1e-17, -25.3)})
        case 5:
            return replace(call, overlap_heard=False, facts=replace(call.facts, agent_turns=0))
    return call
