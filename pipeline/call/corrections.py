"""Lays over what was heard what people said of it: whose voice is whose, who said a turn, what was no speech.

Words that somebody else said get another speaker, and turns are made of them anew, as if they had been heard so. In
another hearing than the one that was corrected, turns and voices are found again by time; what cannot be is left out
and told, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from pipeline.call.prompts import PROMPT
from pipeline.call.roles import CORRECTED, ONE_SIDE
from pipeline.call.turns import make_turns
from pipeline.call.words import SpeakerWord
from pipeline.corrections import (
    CorrectedRole,
    Corrections,
    LeftOut,
    NotCarried,
    TurnCorrection,
    VoicesCorrection,
    words_mark,
)
from pipeline.datatypes import Role, Roles, Turn, Word
from pipeline.timeline import Span, Timeline

COVERED, NEIGHBOUR, SEVERAL = 0.6, 0.25, 0.4
"""A turn of another hearing is the one that was corrected if `COVERED` of its words lie in the span and it fills as
much of that; with less than `NEIGHBOUR` it is a neighbour, in between nobody can tell. A second voice that fills
`SEVERAL` of the span leaves open which was meant."""

EDGE_S, LONGER_S = 0.3, 0.15
"""So far may the edges of one turn lie apart in two hearings, and so much longer may it be: a word is longer."""

CUT_S = 2 * EDGE_S
"""A turn is cut only where its words are so far apart that none can be on the wrong side."""

CLEARLY = 0.7
"""Of what a voice of another hearing says while the two sides spoke, so much was one side's."""


@dataclass(frozen=True, slots=True)
class MovedVoice:
    """Words that somebody else said than was heard, `to` None where nobody did; `source` is whose voice was heard."""

    span: Span
    source: str
    to: str | None


@dataclass(frozen=True, slots=True)
class CorrectedTurns:
    """Turns and roles with the corrections laid over them, and what could not be."""

    turns: tuple[Turn, ...]
    roles: Roles
    moved: tuple[MovedVoice, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


_Place = tuple[int, int]
"""A word, by its turn and its place there."""


def lay_over(
    corrections: Corrections, turns: tuple[Turn, ...], roles: Roles, heard: Sequence[SpeakerWord], language: str
) -> CorrectedTurns:
    """Turns and roles as people say they are. `heard` are the words with the speakers that were heard, announcements
    too."""
    left_out = []
    if corrections.voices is not None:
        found = _voices_now(corrections.voices, turns)
        if found is None:
            left_out.append(LeftOut(None, "voices"))
        else:
            roles = _with_voices(roles, turns, *found)
    meant: dict[_Place, CorrectedRole] = {}
    for correction in corrections.turns:
        places = _words_meant(correction, turns)
        if isinstance(places, str):
            left_out.append(LeftOut(correction, places))
        else:
            meant.update(dict.fromkeys(places, correction.to))
    # said of words that are heard so already, it changes nothing
    meant = {(turn, word): to for (turn, word), to in meant.items() if roles.of(turns[turn].speaker) != to}
    if not meant:
        return CorrectedTurns(turns, roles, (), tuple(left_out))
    speakers, roles = _speakers_of(roles, set(meant.values()))
    words = [
        (word, speakers[meant[place]] if (place := (turn.index, number)) in meant else turn.speaker)
        for turn in turns
        for number, word in enumerate(turn.words)
        if meant.get((turn.index, number)) != "not-speech"
    ]
    # one word is one object all the way, however alike two of them are
    sources = {id(word): speaker for word, speaker in heard}
    moved = tuple(_moved(turns, meant, speakers, sources))
    return CorrectedTurns(make_turns(words, language), roles, moved, tuple(left_out))


def _moved(
    turns: Sequence[Turn],
    meant: dict[_Place, CorrectedRole],
    speakers: dict[CorrectedRole, str],
    sources: dict[int, str],
) -> Iterator[MovedVoice]:
    for turn in turns:
        each = ((meant.get((turn.index, number)), word) for number, word in enumerate(turn.words))
        for to, group in groupby(each, key=lambda pair: pair[0]):
            if to is not None:
                words = [word for _, word in group]
                yield MovedVoice(_span_of(words), sources[id(words[0])], speakers.get(to))


def _span_of(words: Sequence[Word]) -> Span:
    return Span(words[0].span.start_s, max(word.span.end_s for word in words))


def _speakers_of(roles: Roles, wanted: set[CorrectedRole]) -> tuple[dict[CorrectedRole, str], Roles]:
    """The speaker that has each role; a new one, of the role's name, where none has it."""
    speakers: dict[CorrectedRole, str] = {}
    by_speaker: dict[str, Role] = dict(roles.by_speaker)
    for role in ("agent", "customer", "unknown"):
        if role in wanted:
            speakers[role] = next((name for name, own in roles.by_speaker.items() if own == role), role)
            if role != "unknown":
                by_speaker.setdefault(speakers[role], role)
    return speakers, replace(roles, by_speaker=dict(sorted(by_speaker.items())))


# roles


def _voices_now(voices: VoicesCorrection, turns: Sequence[Turn]) -> tuple[str, str] | None:
    """The speakers that are agent and customer, "" for one that is not there; None where that cannot be told."""
    said = spoken_by(turns)
    channels = {name for name in (voices.agent, voices.customer) if name.startswith("ch")}
    if channels and all(name.startswith("ch") for name in said):
        # a channel is the same in every hearing
        return voices.agent, voices.customer
    agent_time, customer_time = Timeline(voices.agent_spans), Timeline(voices.customer_spans)
    agent = _voice_in(agent_time, customer_time, said)
    customer = _voice_in(customer_time, agent_time, said)
    return None if agent is None or customer is None or agent == customer else (agent, customer)


def spoken_by(turns: Sequence[Turn]) -> dict[str, Timeline]:
    """When each speaker but announcements says something."""
    names = sorted({turn.speaker for turn in turns} - {PROMPT})
    return {name: Timeline(turn.span for turn in turns if turn.speaker == name) for name in names}


def _voice_in(own: Timeline, other: Timeline, said: dict[str, Timeline]) -> str | None:
    """The speaker who speaks in the times of a side, and not in the other's; "" for a side that never spoke."""
    if not own:
        return ""
    name = max(said, key=lambda name: (said[name] & own).total_s, default="")
    if not name:
        return None
    mine_s, others_s = (said[name] & own).total_s, (said[name] & (other - own)).total_s
    return name if mine_s >= COVERED * own.total_s and mine_s >= CLEARLY * (mine_s + others_s) else None


def _with_voices(roles: Roles, turns: Sequence[Turn], agent: str, customer: str) -> Roles:
    named: dict[str, Role] = {}
    if customer:
        named[customer] = "customer"
    if agent:
        named[agent] = "agent"
    if named == roles.by_speaker:
        return roles
    others = sorted({turn.speaker for turn in turns} - {*named, PROMPT})
    prompts = [name for name in roles.third_voices if name == PROMPT]
    # whoever it was, the other side was not recorded all the same
    method = roles.method if roles.method == ONE_SIDE else CORRECTED
    return Roles(dict(sorted(named.items())), method, 1.0, (*others, *prompts))


# turns


def _words_meant(correction: TurnCorrection, turns: Sequence[Turn]) -> list[_Place] | NotCarried:
    """The words that a correction is of: those of its span, if they are the same, else what is heard there now."""
    inside = [
        (turn.index, number)
        for turn in turns
        if turn.speaker == correction.speaker
        for number, word in enumerate(turn.words)
        if _lies_in(word, correction.span)
    ]
    if inside and words_mark(turns[turn].words[number].text for turn, number in inside) == correction.words:
        return inside
    return _words_of_another_hearing(correction, turns)


def _lies_in(word: Word, span: Span) -> bool:
    return span.start_s <= word.span.middle_s <= span.end_s


def _words_of_another_hearing(correction: TurnCorrection, turns: Sequence[Turn]) -> list[_Place] | NotCarried:
    span, found, covered = correction.span, dict[str, list[_Place]](), dict[str, list[Span]]()
    near = [turn for turn in turns if turn.span.overlap_s(span) > 0 and _may_be_of(correction.speaker, turn, turns)]
    for turn in near:
        places = [number for number, word in enumerate(turn.words) if _lies_in(word, span)]
        share = _spoken_s(turn, places) / (_spoken_s(turn, range(len(turn.words))) or 1.0)
        if share < NEIGHBOUR:
            continue
        if share < COVERED:
            return "heard-together"
        if _is_whole(turn.span, span):
            places = list(range(len(turn.words)))
        elif not _may_be_cut(turn, set(places)):
            return "heard-together"
        found.setdefault(turn.speaker, []).extend((turn.index, number) for number in places)
        covered.setdefault(turn.speaker, []).append(turn.span)
    shares = {name: (Timeline(spans) & [span]).total_s / span.duration_s for name, spans in covered.items()}
    best = max(shares, key=lambda name: (shares[name], name), default="")
    if not best or shares[best] < COVERED:
        whole_s = (Timeline(turn.span for turn in near) & [span]).total_s
        if whole_s < COVERED * span.duration_s:
            return "not-heard"
        return "several-voices" if len({turn.speaker for turn in near}) > 1 else "heard-together"
    if any(share >= SEVERAL for name, share in shares.items() if name != best):
        return "several-voices"
    return found[best]


def _may_be_of(speaker: str, turn: Turn, turns: Sequence[Turn]) -> bool:
    """Whether a turn may be what a speaker of an earlier hearing said: a channel is the same in every hearing."""
    true_channels = any(word.channel for other in turns for word in other.words)
    if not speaker.startswith("ch") or not true_channels:
        return True
    return turn.words[0].channel == int(speaker[2:])


def _spoken_s(turn: Turn, numbers: Sequence[int]) -> float:
    return sum(turn.words[number].span.duration_s for number in numbers)


def _is_whole(turn: Span, span: Span) -> bool:
    """Whether a turn may be all of what was corrected, and no more."""
    begins, ends = span.start_s - EDGE_S <= turn.start_s, turn.end_s <= span.end_s + EDGE_S
    return begins and ends and turn.duration_s <= span.duration_s + LONGER_S


def _may_be_cut(turn: Turn, places: set[int]) -> bool:
    """Whether the words at these places are parted from the turn's others by a pause."""
    return all(
        later.span.start_s - earlier.span.end_s >= CUT_S
        for number, (earlier, later) in enumerate(zip(turn.words, turn.words[1:], strict=False))
        if (number in places) != (number + 1 in places)
    )
