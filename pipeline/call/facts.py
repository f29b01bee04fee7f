"""What is measured about a call: silences, overlaps, talk, rates, who released the line.

Silence and overlap come from voice activity, never from gaps between words: a recogniser drops short replies and
stretches words over pauses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from pipeline.call.roles import PROMPT, assign, set_prompts_apart
from pipeline.call.transfers import transfer_events
from pipeline.call.turns import echo_spans, is_backchannel, join
from pipeline.datatypes import (
    CDR,
    LEVEL_STEP_S,
    Call,
    EventKind,
    Facts,
    HangUp,
    LineEnd,
    LineEvent,
    Overlap,
    Role,
    Roles,
    Silence,
    Transcript,
    Turn,
)
from pipeline.timeline import Span

SHORTEST_SILENCE_S = 0.5
"""Shorter gaps are the rhythm of speech and are not kept."""

BLIP_S = 0.25
"""Voice activity this short and without words (a click, a breath) does not end a silence."""

UTTERANCE_GAP_S = 0.5
"""Voiced spans of one speaker closer than this are one utterance."""

HELD_FLOOR_GAP_S = 0.8
"""A speaker who pauses up to this long is still speaking, when asked for how long."""

FLOOR_S = 1.0
"""One who goes on for this long after the other has stopped did not lose the floor."""

MONOLOGUE_PAUSE_S = 3.0
"""A longer silence of both ends a monologue."""

LINE_END_LEAD_S = 0.8
"""A channel that ends this much before the other left first; less, and the recorder stopped both."""

AT_END_S = 0.3
"""A channel that ends in the recording's last moments tells nothing."""

LAST_TONE_S = 1.5
"""Busy tone that ends no earlier before the recording's end is what the line died with."""

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*")
_DIGIT = re.compile(r"\d")
_TALK: tuple[Role, ...] = ("agent", "customer")
_NOT_SILENT: tuple[EventKind, ...] = ("music", "ring", "prompt", "busy", "dtmf")


def build_call(transcript: Transcript, cdr: CDR) -> Call:
    """All that a rule may see of a call, from what was heard and the CDR. Never fails on a call without words."""
    turns = set_prompts_apart(join(transcript), transcript.language)
    roles = assign(turns, transcript, cdr)
    events = _with_prompt_marks(transcript, turns)
    events = tuple(sorted((*events, *transfer_events(turns, roles)), key=lambda event: (event.span, event.kind)))
    voiced = role_voiced(transcript, turns, roles)
    anybody = _anybody(transcript, turns)
    hang_up = released_by(transcript, roles, turns, cdr)
    ended_s = hang_up.at_s
    silences = find_silences(transcript.duration_s, anybody, voiced, events, ended_s)
    overlaps = find_overlaps(voiced, turns, roles)
    levels = _role_levels(transcript, roles, voiced)
    facts = _measure(transcript, cdr, turns, roles, voiced, anybody, silences, overlaps, events, levels)
    return Call(
        sha256=transcript.sha256,
        language=transcript.language,
        cdr=cdr,
        turns=turns,
        roles=roles,
        voiced=voiced,
        silences=silences,
        overlaps=overlaps,
        overlap_heard=transcript.overlap_heard,
        events=events,
        levels_dbfs=levels,
        hang_up=hang_up,
        facts=facts,
    )


# --- spans ----------------------------------------------------------------------------------------------------


def merged(spans: Iterable[Span], gap_s: float = 0.0) -> tuple[Span, ...]:
    """The union of spans, sorted and disjoint; those up to `gap_s` apart become one."""
    result: list[Span] = []
    for span in sorted(spans):
        if span.end_s <= span.start_s:
            continue
        if result and span.start_s - result[-1].end_s <= gap_s:
            result[-1] = Span(result[-1].start_s, max(result[-1].end_s, span.end_s))
        else:
            result.append(span)
    return tuple(result)


def minus(spans: Iterable[Span], holes: Iterable[Span]) -> tuple[Span, ...]:
    """What is left of the union of `spans` without `holes`."""
    cut = merged(holes)
    result: list[Span] = []
    for span in merged(spans):
        start_s = span.start_s
        for hole in cut:
            if hole.end_s <= start_s:
                continue
            if hole.start_s >= span.end_s:
                break
            if hole.start_s > start_s:
                result.append(Span(start_s, hole.start_s))
            start_s = max(start_s, hole.end_s)
        if start_s < span.end_s:
            result.append(Span(start_s, span.end_s))
    return tuple(result)


def total_s(spans: Iterable[Span]) -> float:
    """How long the union of spans lasts."""
    return sum(span.duration_s for span in merged(spans))


def common(left: Iterable[Span], right: Iterable[Span]) -> tuple[Span, ...]:
    """Where both last."""
    mine, theirs = merged(left), merged(right)
    result: list[Span] = []
    i = j = 0
    while i < len(mine) and j < len(theirs):
        start_s, end_s = max(mine[i].start_s, theirs[j].start_s), min(mine[i].end_s, theirs[j].end_s)
        if start_s < end_s:
            result.append(Span(start_s, end_s))
        if mine[i].end_s < theirs[j].end_s:
            i += 1
        else:
            j += 1
    return merged(result)


# --- who is voiced when ---------------------------------------------------------------------------------------


def _speaker_voiced(transcript: Transcript, turns: Sequence[Turn]) -> dict[str, tuple[Span, ...]]:
    """When each speaker's voice is heard, words or not; sounds, announcements and echoes taken out."""
    if transcript.channels > 1:
        echoes = echo_spans(transcript)
        raw = {f"ch{c}": minus(spans, echoes[c]) for c, spans in enumerate(transcript.voiced)}
    else:
        raw = {}
        for item in transcript.speakers:
            raw[item.speaker] = (*raw.get(item.speaker, ()), item.span)
        if transcript.voiced and transcript.voiced[0]:
            # a speaker's span goes on over short pauses
            raw = {speaker: common(spans, transcript.voiced[0]) for speaker, spans in raw.items()}
        if not raw and transcript.voiced and transcript.voiced[0]:
            raw = {"S1": transcript.voiced[0]}
    prompts = [turn.span for turn in turns if turn.speaker == PROMPT]
    result = {}
    for speaker, spans in raw.items():
        channel = int(speaker[2:]) if transcript.channels > 1 else None
        sounds = [m.span for m in transcript.events if m.kind in _NOT_SILENT and channel in (m.channel, None)]
        worded = [word.span for turn in turns if turn.speaker == speaker for word in turn.words]
        clean = [*minus(spans, [*sounds, *prompts]), *common(spans, worded)]
        result[speaker] = merged(clean)
    return result


def role_voiced(transcript: Transcript, turns: Sequence[Turn], roles: Roles) -> dict[Role, tuple[Span, ...]]:
    """Per role ("agent", "customer"; those known), when it speaks: sorted and disjoint."""
    result: dict[Role, tuple[Span, ...]] = {}
    for speaker, spans in _speaker_voiced(transcript, turns).items():
        role = roles.by_speaker.get(speaker)
        if role in _TALK:
            result[role] = merged((*result.get(role, ()), *spans))
    for role in roles.by_speaker.values():
        if role in _TALK:
            result.setdefault(role, ())
    return result


def _anybody(transcript: Transcript, turns: Sequence[Turn]) -> tuple[Span, ...]:
    """When any voice is heard, announcements too; blips without words left out."""
    words = [word.span for turn in turns for word in turn.words]
    voices = [span for spans in _speaker_voiced(transcript, turns).values() for span in spans]
    if transcript.channels == 1 and transcript.voiced:
        # diarization may leave out what voice activity heard
        sounds = [event.span for event in transcript.events if event.kind in _NOT_SILENT]
        voices += minus(transcript.voiced[0], sounds)
    spoken = merged(voices, 0.1)
    real = [s for s in spoken if s.duration_s >= BLIP_S or any(s.overlap_s(word) > 0 for word in words)]
    return merged([*real, *(turn.span for turn in turns if turn.speaker == PROMPT)])


def _role_levels(
    transcript: Transcript, roles: Roles, voiced: dict[Role, tuple[Span, ...]]
) -> dict[Role, tuple[float, ...]]:
    """Per role the level over time; on one channel, only where that role alone speaks (else the floor)."""
    result: dict[Role, tuple[float, ...]] = {}
    if transcript.channels > 1:
        for channel, levels in enumerate(transcript.levels_dbfs):
            role = roles.by_speaker.get(f"ch{channel}")
            if role in _TALK:
                result[role] = levels
        return result
    if not transcript.levels_dbfs:
        return result
    levels = transcript.levels_dbfs[0]
    for role, spans in voiced.items():
        alone = minus(spans, [span for other, theirs in voiced.items() if other != role for span in theirs])
        own = [min(levels, default=0.0)] * len(levels)
        for span in alone:
            for index in range(int(span.start_s / LEVEL_STEP_S), min(len(levels), int(span.end_s / LEVEL_STEP_S) + 1)):
                own[index] = levels[index]
        result[role] = tuple(own)
    return result


def _with_prompt_marks(transcript: Transcript, turns: Sequence[Turn]) -> tuple[LineEvent, ...]:
    prompts = merged((turn.span for turn in turns if turn.speaker == PROMPT), 1.0)
    added = [LineEvent(span, "prompt") for span in prompts]
    return tuple(sorted((*transcript.events, *added), key=lambda event: (event.span, event.kind)))


# --- silences and overlaps ------------------------------------------------------------------------------------


def find_silences(
    duration_s: float,
    anybody: Sequence[Span],
    voiced: dict[Role, tuple[Span, ...]],
    events: Sequence[LineEvent],
    ended_s: float | None = None,
) -> tuple[Silence, ...]:
    """Gaps in which nobody speaks and no sound plays, by time; from `ended_s`, the hang-up, on all are trailing.

    `music_s` is the music in the same gap between voices, beside the silence.
    """
    sounds = [event.span for event in events if event.kind in _NOT_SILENT]
    music = [event.span for event in events if event.kind == "music"]
    result = []
    for gap in minus([Span(0.0, duration_s)], anybody):
        first = not any(span.end_s <= gap.start_s + 1e-6 for span in anybody)
        last = not any(span.start_s >= gap.end_s - 1e-6 for span in anybody)
        for piece in minus([gap], sounds):
            if piece.duration_s < SHORTEST_SILENCE_S:
                continue
            gone = ended_s is not None and piece.middle_s >= ended_s
            where = "leading" if first else "trailing" if last or gone else "inner"
            result.append(
                Silence(piece, where, _last_voice(voiced, piece.start_s), total_s(common(music, [gap])))  # type: ignore[arg-type]
            )
    return tuple(result)


def _last_voice(voiced: dict[Role, tuple[Span, ...]], at_s: float) -> Role | None:
    ends = [(max((s.end_s for s in spans if s.start_s < at_s), default=-1.0), role) for role, spans in voiced.items()]
    ends = [(end_s, role) for end_s, role in ends if end_s >= 0]
    return max(ends)[1] if ends else None


def find_overlaps(voiced: dict[Role, tuple[Span, ...]], turns: Sequence[Turn], roles: Roles) -> tuple[Overlap, ...]:
    """Every time one of the two starts while the other has been speaking, by time.

    Only starts that begin (or are near) a turn with words are kept: without words nobody can tell a cough.
    """
    result = []
    for by, over in (("agent", "customer"), ("customer", "agent")):
        ours = merged(voiced.get(by, ()), UTTERANCE_GAP_S)  # type: ignore[call-overload]
        theirs = merged(voiced.get(over, ()), UTTERANCE_GAP_S)  # type: ignore[call-overload]
        held = merged(voiced.get(over, ()), HELD_FLOOR_GAP_S)  # type: ignore[call-overload]
        own_turns = [turn for turn in turns if roles.by_speaker.get(turn.speaker) == by]
        for start in ours:
            other = next((s for s in theirs if s.start_s < start.start_s < s.end_s), None)
            if other is None:
                continue
            turn = max(
                own_turns,
                key=lambda t: (t.span.overlap_s(start), -abs(t.span.start_s - start.start_s)),
                default=None,
            )
            if turn is None or turn.span.overlap_s(start) <= 0:
                continue
            holder = next((s for s in held if s.start_s < start.start_s < s.end_s), other)
            both = total_s(common([start], [other]))
            result.append(
                Overlap(
                    span=Span(start.start_s, start.start_s + both),
                    by=by,  # type: ignore[arg-type]
                    over=over,  # type: ignore[arg-type]
                    other_spoke_s=start.start_s - holder.start_s,
                    took_floor=other.end_s < start.end_s + FLOOR_S,
                    turn=turn.index,
                )
            )
    return tuple(sorted(result, key=lambda o: (o.span, o.by)))


# --- who released the line ------------------------------------------------------------------------------------


def released_by(transcript: Transcript, roles: Roles, turns: Sequence[Turn], cdr: CDR) -> HangUp:
    """Who released first: the CDR, else which channel died while the other lived, else who speaks into a dead line."""
    ends = [end for end in transcript.line_ends if end.at_s <= transcript.duration_s - AT_END_S]
    first = _first_end(ends, transcript)
    if cdr.release_party is not None:
        at_s = first.at_s if first else None
        return HangUp(cdr.release_party, "cdr", at_s, "release party in the call detail record")
    if transcript.channels == 1:
        return _released_on_mono(transcript, roles, turns)
    if first is None:
        reason = "both channels end together" if len(ends) > 1 else "no channel ends before the recording"
        return HangUp(None, "none", None, reason)
    left = roles.by_speaker.get(f"ch{first.channel}")
    how = "gives way to busy tone" if first.kind == "busy" else "falls to digital silence"
    if left not in _TALK:
        return HangUp(None, "none", first.at_s, f"channel {first.channel} {how} first, but whose it is is unknown")
    on = [t for t in turns if t.speaker == f"ch{1 - first.channel}" and t.span.end_s > first.at_s + AT_END_S]
    more = "; the other side speaks on" if on else " while the other lives"
    return HangUp(
        "agent" if left == "agent" else "customer", "inferred", first.at_s, f"the {left}'s channel {how}{more}"
    )


def _first_end(ends: Sequence[LineEnd], transcript: Transcript) -> LineEnd | None:
    by_channel: dict[int, LineEnd] = {}
    for end in sorted(ends, key=lambda e: e.at_s):
        by_channel.setdefault(end.channel, end)
    ordered = sorted(by_channel.values(), key=lambda e: e.at_s)
    if not ordered:
        return None
    if len(ordered) > 1 and ordered[1].at_s - ordered[0].at_s < LINE_END_LEAD_S:
        return None
    return ordered[0]


def _released_on_mono(transcript: Transcript, roles: Roles, turns: Sequence[Turn]) -> HangUp:
    """Busy tone on a mixed channel says that someone left; only a voice after it begins says who did not."""
    starts = [end.at_s for end in transcript.line_ends if end.kind == "busy"]
    starts += [
        m.span.start_s
        for m in transcript.events
        if m.kind == "busy" and m.span.end_s >= transcript.duration_s - LAST_TONE_S
    ]
    if not starts:
        return HangUp(None, "none", None, "one channel, and no busy tone at its end")
    busy = min(starts)
    after = {
        roles.by_speaker.get(turn.speaker, "unknown")
        for turn in turns
        if turn.speaker != PROMPT and any(word.span.start_s >= busy for word in turn.words)
    }
    if after == {"customer"}:
        return HangUp("agent", "inferred", busy, "the customer speaks after the busy tone begins")
    if after == {"agent"}:
        return HangUp("customer", "inferred", busy, "the agent speaks after the busy tone begins")
    return HangUp(None, "none", busy, "busy tone on one channel, and nobody speaks after it begins")


# --- numbers --------------------------------------------------------------------------------------------------


def speech_units(text: str) -> int:
    """How much was said: Han characters, Latin words and spoken digits; punctuation never counts."""
    return len(_HAN.findall(text)) + len(_LATIN.findall(text)) + len(_DIGIT.findall(text))


def rate_per_min(turns: Iterable[Turn], voiced: Iterable[Span]) -> float | None:
    """Units a minute of voiced time; None under a second of voice or without words."""
    units, voiced_s = sum(speech_units(turn.text) for turn in turns), total_s(voiced)
    return 60.0 * units / voiced_s if units and voiced_s >= 1.0 else None


def _measure(
    transcript: Transcript,
    cdr: CDR,
    turns: Sequence[Turn],
    roles: Roles,
    voiced: dict[Role, tuple[Span, ...]],
    anybody: Sequence[Span],
    silences: Sequence[Silence],
    overlaps: Sequence[Overlap],
    events: Sequence[LineEvent],
    levels: Mapping[Role, Sequence[float]],
) -> Facts:
    by_role: dict[Role, list[Turn]] = {
        role: [turn for turn in turns if roles.by_speaker.get(turn.speaker) == role] for role in _TALK
    }
    talk = {role: total_s(voiced.get(role, ())) for role in _TALK}
    rates = {role: rate_per_min(by_role[role], voiced.get(role, ())) for role in _TALK}
    live = [turn for turn in turns if turn.speaker != PROMPT]
    words = [word.span for turn in live for word in turn.words]
    inner = [silence.span.duration_s for silence in silences if silence.where == "inner"]
    known = talk["agent"] + talk["customer"]
    agent_rate, customer_rate = rates["agent"], rates["customer"]
    first_agent_s = min((turn.span.start_s for turn in by_role["agent"]), default=None)

    def sound_s(kind: EventKind) -> float:
        return total_s(event.span for event in events if event.kind == kind)

    rings = sum(event.count or 0 for event in events if event.kind == "ring")
    return Facts(
        duration_s=transcript.duration_s,
        conversation_s=max(s.end_s for s in words) - min(s.start_s for s in words) if words else 0.0,
        voiced_s=total_s(anybody),
        coverage=transcript.coverage,
        turns=len(live),
        agent_turns=len(by_role["agent"]),
        customer_turns=len(by_role["customer"]),
        first_agent_s=first_agent_s,
        first_customer_s=min((turn.span.start_s for turn in by_role["customer"]), default=None),
        agent_talk_s=talk["agent"],
        customer_talk_s=talk["customer"],
        agent_talk_share=talk["agent"] / known if known else None,
        agent_rate=agent_rate,
        customer_rate=customer_rate,
        rate_ratio=agent_rate / customer_rate if agent_rate and customer_rate else None,
        longest_agent_monologue_s=_longest_monologue(by_role["agent"], by_role["customer"], silences, events),
        longest_silence_s=max(inner, default=0.0),
        inner_silence_s=sum(inner),
        overlap_s=total_s(common(voiced.get("agent", ()), voiced.get("customer", ())))
        if transcript.overlap_heard
        else None,
        interruptions_by_agent=_interruptions(overlaps, turns, transcript.language)
        if transcript.overlap_heard
        else None,
        ring_count=cdr.ring_count if cdr.ring_count is not None else rings or None,
        ring_s=sound_s("ring"),
        music_s=sound_s("music"),
        prompt_s=sound_s("prompt"),
        dtmf_keys=sum(event.count or 1 for event in events if event.kind == "dtmf"),
        busy_s=sound_s("busy"),
        agent_level_dbfs=_usual_level(levels.get("agent", ()), voiced.get("agent", ())),
        since_agent_s=since_agent_s(turns, roles),
        agent_wait_s=_agent_wait_s(cdr, first_agent_s, events),
        prompt_before_s=prompt_before_s(turns, roles, events),
        keys_before_agent=_keys_before_agent(first_agent_s, events),
    )


def since_agent_s(turns: Sequence[Turn], roles: Roles) -> float | None:
    """From the agent's first word to the last word of the call."""
    known = [turn for turn in turns if roles.by_speaker.get(turn.speaker, "unknown") != "unknown"]
    starts = [turn.span.start_s for turn in known if roles.by_speaker[turn.speaker] == "agent"]
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
    live = [turn.span.start_s for turn in turns if roles.by_speaker.get(turn.speaker, "unknown") != "unknown"]
    first_s = min(live, default=math.inf)
    prompts = [event.span for event in events if event.kind == "prompt" and event.span.start_s < first_s]
    return total_s(prompts) if prompts else None


def _keys_before_agent(first_agent_s: float | None, events: Sequence[LineEvent]) -> int | None:
    """Keys pressed before the agent's first word; None without any."""
    until_s = math.inf if first_agent_s is None else first_agent_s
    return sum(event.count or 1 for event in events if event.kind == "dtmf" and event.span.start_s < until_s) or None


def _usual_level(levels: Sequence[float], voiced: Sequence[Span]) -> float | None:
    """Median level of a role's speech; None without any."""
    floor = min(levels, default=0.0)
    spoken = [
        level
        for span in voiced
        for level in levels[round(span.start_s / LEVEL_STEP_S) : round(span.end_s / LEVEL_STEP_S)]
        if level > floor
    ]
    return round(median(spoken), 1) if spoken else None


def _longest_monologue(
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
    least = 3 if language == "en" else 4
    return sum(
        overlap.by == "agent"
        and overlap.took_floor
        and overlap.other_spoke_s >= 1.0
        and overlap.span.duration_s >= 0.6
        and speech_units(turns[overlap.turn].text) >= least
        and not is_backchannel(turns[overlap.turn].text)
        for overlap in overlaps
    )
