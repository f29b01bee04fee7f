"""What is measured about a call: talk, rates, silence, overlap, sounds, waits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from pipeline.call.prompts import PROMPT
from pipeline.call.voices import Voices
from pipeline.datatypes import (
    CDR,
    LEVEL_STEP_S,
    PARTIES,
    EventKind,
    Facts,
    LineEvent,
    Overlap,
    Roles,
    Silence,
    Transcript,
    Turn,
)
from pipeline.language.backchannels import is_backchannel, shortest_interruption
from pipeline.language.text import speech_units
from pipeline.timeline import Span, Timeline

MONOLOGUE_PAUSE_S = 3.0
"""A longer silence of both ends a monologue."""

LISTENED_S, TOGETHER_S = 1.0, 0.6
"""Who cuts in after the other has spoken for less, or while both speak for less, has not interrupted."""


def measure(
    transcript: Transcript,
    cdr: CDR,
    turns: Sequence[Turn],
    roles: Roles,
    voices: Voices,
    events: Sequence[LineEvent],
    silences: Sequence[Silence],
    overlaps: Sequence[Overlap],
) -> Facts:
    """The numbers of a call, from what the earlier stages found; None where nothing could be measured."""
    agent_turns, customer_turns = ([turn for turn in turns if roles.of(turn.speaker) == party] for party in PARTIES)
    agent, customer = (voices.by_party.get(party, Timeline()) for party in PARTIES)
    agent_rate, customer_rate = rate_per_min(agent_turns, agent), rate_per_min(customer_turns, customer)
    talk_s = agent.total_s + customer.total_s
    live = [turn for turn in turns if turn.speaker != PROMPT]
    words = [word.span for turn in live for word in turn.words]
    inner = [silence.span.duration_s for silence in silences if silence.where == "inner"]
    first_agent_s = min((turn.span.start_s for turn in agent_turns), default=None)
    return Facts(
        duration_s=transcript.duration_s,
        conversation_s=max(s.end_s for s in words) - min(s.start_s for s in words) if words else 0.0,
        voiced_s=voices.anybody.total_s,
        coverage=transcript.coverage,
        turns=len(live),
        agent_turns=len(agent_turns),
        customer_turns=len(customer_turns),
        first_agent_s=first_agent_s,
        first_customer_s=min((turn.span.start_s for turn in customer_turns), default=None),
        agent_talk_s=agent.total_s,
        customer_talk_s=customer.total_s,
        agent_talk_share=agent.total_s / talk_s if talk_s else None,
        agent_rate=agent_rate,
        customer_rate=customer_rate,
        rate_ratio=agent_rate / customer_rate if agent_rate and customer_rate else None,
        longest_agent_monologue_s=_longest_monologue_s(agent_turns, customer_turns, silences, events),
        longest_silence_s=max(inner, default=0.0),
        inner_silence_s=sum(inner),
        overlap_s=(agent & customer).total_s if transcript.overlap_heard else None,
        interruptions_by_agent=_interruptions(overlaps, turns, transcript.language)
        if transcript.overlap_heard
        else None,
        ring_count=cdr.ring_count if cdr.ring_count is not None else _rings(cdr, turns, roles, events),
        ring_s=_lasting_s("ring", events),
        music_s=_lasting_s("music", events),
        prompt_s=_lasting_s("prompt", events),
        dtmf_keys=sum(event.count or 1 for event in events if event.kind == "dtmf"),
        busy_s=_lasting_s("busy", events),
        agent_level_dbfs=_usual_level_dbfs(voices.levels_dbfs.get("agent", ()), agent),
        since_agent_s=since_agent_s(turns, roles),
        agent_wait_s=_agent_wait_s(cdr, first_agent_s, events),
        prompt_before_s=prompt_before_s(turns, roles, events),
        keys_before_agent=_keys_before_agent(first_agent_s, events),
    )


def rate_per_min(turns: Iterable[Turn], voiced: Iterable[Span]) -> float | None:
    """Units a minute of voiced time; None under a second of voice or without words."""
    units, voiced_s = sum(speech_units(turn.text) for turn in turns), Timeline(voiced).total_s
    return 60.0 * units / voiced_s if units and voiced_s >= 1.0 else None


def since_agent_s(turns: Sequence[Turn], roles: Roles) -> float | None:
    """From the agent's first word to the last word of the call."""
    known = [turn for turn in turns if roles.of(turn.speaker) != "unknown"]
    starts = [turn.span.start_s for turn in known if roles.of(turn.speaker) == "agent"]
    return max(turn.span.end_s for turn in known) - min(starts) if starts else None


def _agent_wait_s(cdr: CDR, first_agent_s: float | None, events: Sequence[LineEvent]) -> float | None:
    """From asking for a person to the agent's first word.

    The CDR's wait; else from the last key, the first prompt's end, or the first ring or music. None when nothing
    of it is on the recording.
    """
    if cdr.wait_s is not None:
        return cdr.wait_s
    if first_agent_s is None:
        return None
    before = [event for event in events if event.span.start_s < first_agent_s]
    keys = [event.span.end_s for event in before if event.kind == "dtmf"]
    prompts = [event.span.end_s for event in before if event.kind == "prompt"]
    tones = [event.span.start_s for event in before if event.kind in ("ring", "music")]
    asked_s = max(keys) if keys else min(prompts) if prompts else min(tones) if tones else None
    return None if asked_s is None else max(0.0, first_agent_s - asked_s)


def prompt_before_s(turns: Sequence[Turn], roles: Roles, events: Sequence[LineEvent]) -> float | None:
    """How long recorded prompts last before the first live word; None without one."""
    live = [turn.span.start_s for turn in turns if roles.of(turn.speaker) != "unknown"]
    first_s = min(live, default=math.inf)
    prompts = [event.span for event in events if event.kind == "prompt" and event.span.start_s < first_s]
    return Timeline(prompts).total_s if prompts else None


def _rings(cdr: CDR, turns: Sequence[Turn], roles: Roles, events: Sequence[LineEvent]) -> int | None:
    """How often the agent's telephone rang before the agent answered; None where no ring was heard, or not the agent's.

    Ring-back is on either channel or on both; what sounds at the same time is one series. Later rings are those of a
    transfer, and on an outbound call it is the customer's telephone that rings.
    """
    if cdr.direction == "outbound":
        return None
    parties = {roles.of(turn.speaker) for turn in turns if turn.speaker != PROMPT}
    # whoever is unknown may be the agent; a customer alone waits for one
    answered = [
        turn.span.start_s
        for turn in turns
        if turn.speaker != PROMPT and roles.of(turn.speaker) == ("agent" if "agent" in parties else "unknown")
    ]
    answered_s = min(answered, default=math.inf)
    rings = [event for event in events if event.kind == "ring" and event.span.start_s < answered_s]
    series = Timeline(event.span for event in rings)
    return sum(max(e.count or 0 for e in rings if e.span.overlap_s(span) > 0) for span in series) or None


def _keys_before_agent(first_agent_s: float | None, events: Sequence[LineEvent]) -> int | None:
    """Keys pressed before the agent's first word; None without any."""
    until_s = math.inf if first_agent_s is None else first_agent_s
    return sum(event.count or 1 for event in events if event.kind == "dtmf" and event.span.start_s < until_s) or None


def _lasting_s(kind: EventKind, events: Sequence[LineEvent]) -> float:
    return Timeline(event.span for event in events if event.kind == kind).total_s


def _usual_level_dbfs(levels: Sequence[float], voiced: Iterable[Span]) -> float | None:
    """Median level of a party's speech; None without any."""
    floor = min(levels, default=0.0)
    spoken = [
        level
        for span in voiced
        for level in levels[round(span.start_s / LEVEL_STEP_S) : round(span.end_s / LEVEL_STEP_S)]
        if level > floor
    ]
    return round(median(spoken), 1) if spoken else None


def _longest_monologue_s(
    agent: Sequence[Turn], customer: Sequence[Turn], silences: Sequence[Silence], events: Sequence[LineEvent]
) -> float | None:
    """From the first to the last word of agent turns that no customer turn, long silence or music parts."""
    if not agent:
        return None
    breaks = [turn.span.start_s for turn in customer if not is_backchannel(turn.text)]
    breaks += [s.span.middle_s for s in silences if s.span.duration_s >= MONOLOGUE_PAUSE_S]
    breaks += [event.span.middle_s for event in events if event.kind in ("music", "ring")]
    longest, start_s, end_s = 0.0, agent[0].span.start_s, agent[0].span.end_s
    for turn in agent:
        if any(end_s - 0.5 <= at_s <= turn.span.start_s for at_s in breaks):
            start_s = turn.span.start_s
        end_s = max(turn.span.end_s, start_s)
        longest = max(longest, end_s - start_s)
    return longest


def _interruptions(overlaps: Sequence[Overlap], turns: Sequence[Turn], language: str) -> int:
    least = shortest_interruption(language)
    return sum(
        overlap.by == "agent"
        and overlap.took_floor
        and overlap.other_spoke_s >= LISTENED_S
        and overlap.span.duration_s >= TOGETHER_S
        and speech_units(turns[overlap.turn].text) >= least
        and not is_backchannel(turns[overlap.turn].text)
        for overlap in overlaps
    )
