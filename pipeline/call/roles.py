"""Who is the agent, who the customer: a channel map if the CDR has one, else what each of them says.

Agents and customers say different things: one side greets for a company, asks for names and offers more help,
the other has a thing that is broken. Each phrase is a piece of evidence in log-odds; several weak ones add up
and contradicting ones cancel. When little or nothing speaks for either, the roles stay unknown: a swapped call
judged would be worse than one that is not.

Recognition slips (您贵性 for 您贵姓) are common at 8 kHz, so Chinese phrases are compared by sound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from pipeline.call.prompts import PROMPT
from pipeline.datatypes import CDR, Role, Roles, Transcript, Turn
from pipeline.language.backchannels import is_backchannel
from pipeline.language.role_phrases import RolePhrases, WeightedExpressions, role_phrases
from pipeline.language.sound_alike import sounds_of, times_heard
from pipeline.language.text import HAN_CHARACTER
from pipeline.messages import Message

ENOUGH = 1.2
"""Log-odds needed before anybody gets a role; about nine in ten decided so closely are right."""

MIXED = 2.5
"""The only voice of a mixed channel with this much evidence for both roles is likely two people."""

ONE_SIDE = "one-side"
"""`Roles.method` where one channel is dead and one voice alone is on the other: the other party was not recorded, and
what it did not say or wait for nobody knows."""

CORRECTED = "corrected"
"""`Roles.method` where people said whose voice is whose (`pipeline.call.corrections`)."""

MOST_PER_PHRASE = 2
"""A phrase said again and again counts this many times."""

LEANING, MOST_LEANING = 0.4, 1.5
"""What a word that leans to one side counts each time, and all of them together at most."""

_METHODS = {
    "channel-map": Message("the CDR's channel map"),
    "cdr": Message("names in the CDR"),
    "script": Message("what is said"),
    "first-voice": Message("who speaks first"),
    "mixed": Message("nothing: one voice says what both sides say"),
    ONE_SIDE: Message("nothing: one side alone was recorded"),
    CORRECTED: Message("what people said of it"),
    "none": Message("nothing"),
}
"""What decided, by its name in `Roles.method`."""


@dataclass(frozen=True, slots=True)
class RoleScore:
    """What a speaker's words say about the role, in log-odds (both at least 0), and how many pieces they rest on."""

    agent: float
    customer: float
    pieces: int

    @property
    def log_odds(self) -> float:
        """Log-odds of being the agent."""
        return self.agent - self.customer

    @property
    def mixed(self) -> bool:
        """Whether this sounds like two people: strong evidence both ways."""
        return min(self.agent, self.customer) >= MIXED


def score_words(texts: Iterable[str]) -> RoleScore:
    """Log-odds that whoever said these turns is the agent, from phrases in Chinese and English."""
    text = "\n".join(texts)
    chinese, english = re.sub(r"[，、,]|[^\S\n]", "", text), text.lower().replace("’", "'")
    evidence: list[float] = []
    leanings: list[tuple[float, float]] = []
    if HAN_CHARACTER.search(chinese):
        evidence += _evidence(chinese, role_phrases("zh"))
        leanings.append(_leaning(chinese, role_phrases("zh")))
    if re.search(r"[a-z]{2}", english):
        evidence += _evidence(english, role_phrases("en"))
        leanings.append(_leaning(english, role_phrases("en")))
    pieces = len(evidence) + sum(abs(agent - customer) >= 2 for agent, customer in leanings)
    for agent, customer in leanings:
        evidence.append(max(-MOST_LEANING, min(MOST_LEANING, LEANING * agent - LEANING * customer)))
    return RoleScore(sum((e for e in evidence if e > 0), 0.0), sum((-e for e in evidence if e < 0), 0.0), pieces)


def _evidence(text: str, table: RolePhrases) -> list[float]:
    """The log-odds of each phrase and pattern that is said."""
    evidence: list[float] = []
    sounds = sounds_of(text) if table.phrases else ""
    said: list[str] = []
    for weight, phrase in table.heaviest_and_longest_first:
        if any(phrase in longer for longer in said):
            continue  # "我想" inside "我想问" is the same piece of evidence
        times = times_heard(phrase, text, sounds)
        if times:
            said.append(phrase)
            evidence.append(weight * min(times, MOST_PER_PHRASE))
    for weight, patterns in table.patterns.items():
        counts = (len(pattern.findall(text)) for pattern in patterns)
        evidence += (weight * min(times, MOST_PER_PHRASE) for times in counts if times)
    return evidence


def _leaning(text: str, table: RolePhrases) -> tuple[float, float]:
    """How often a text leans to the agent, and how often to the customer."""

    def times(expressions: WeightedExpressions) -> float:
        return sum(weight * len(e.findall(text)) for weight, group in expressions.items() for e in group)

    return times(table.agent_leaning), times(table.customer_leaning)


def assign(turns: Sequence[Turn], transcript: Transcript, cdr: CDR) -> Roles:
    """Give each speaker a role, or none. Works with one speaker (a silent call) and with more than two.

    Evidence: the CDR's channel map (true channels only); what is said; the agent's name and the company from the
    CDR; who speaks first, in the light of the call's direction. Confidence is the probability of the assignment
    under these log-odds.
    """
    said: dict[str, list[Turn]] = {}
    for turn in turns:
        said.setdefault(turn.speaker, []).append(turn)
    prompts = (PROMPT,) if said.pop(PROMPT, None) else ()
    if transcript.layout == "dead-channel" and len(said) < 2:
        return Roles({}, ONE_SIDE, 0.0, prompts)
    stereo = transcript.channels > 1
    if stereo and cdr.channel_map:
        return _from_channel_map(cdr.channel_map, transcript.channels, prompts)

    log_odds: dict[str, float] = {}
    pieces = 0
    for speaker, speaker_turns in said.items():
        score = score_words(turn.text for turn in speaker_turns)
        log_odds[speaker], pieces = score.log_odds, pieces + score.pieces
        if len(said) == 1 and not stereo and score.mixed:
            # diarization heard one voice where there were two: half of what is said would be laid to the other
            return Roles({}, "mixed", 0.0, prompts)
    methods = ["script"] if pieces else []
    if _add_cdr(log_odds, said, cdr):
        methods.append("cdr")
    if len(said) > 1 and _add_first_voice(log_odds, turns, cdr):
        methods.append("first-voice")
    if not methods:
        return Roles({}, "none", 0.0, prompts)

    everyone = [f"ch{channel}" for channel in range(transcript.channels)] if stereo else sorted(said)
    return _decide(log_odds, said, everyone, "+".join(methods), prompts)


def method_text(method: str) -> Message:
    """`Roles.method` in words: what decided who is who."""
    first, *more = (_METHODS.get(name, Message("nothing")) for name in method.split("+"))
    for name in more:
        first = Message("{one}, {other}", one=first, other=name)
    return first


def _from_channel_map(channel_map: dict[int, Role], channels: int, prompts: tuple[str, ...]) -> Roles:
    roles: dict[str, Role] = {f"ch{c}": role for c, role in channel_map.items() if c < channels and role != "unknown"}
    missing = [f"ch{c}" for c in range(channels) if f"ch{c}" not in roles]
    if channels == 2 and len(missing) == 1 and roles:
        roles[missing[0]] = "customer" if "agent" in roles.values() else "agent"
    return Roles(dict(sorted(roles.items())), "channel-map", 1.0 if roles else 0.0, prompts)


def _add_cdr(log_odds: dict[str, float], said: dict[str, list[Turn]], cdr: CDR) -> bool:
    """Who names the company or introduces itself with the agent's name in its first turns."""
    used = False
    company, name = _bare(cdr.company or ""), _bare(cdr.agent_name or "")
    for speaker, turns in said.items():
        opening = _bare("".join(turn.text for turn in turns[:2]))
        if len(company) >= 2 and company in opening:
            log_odds[speaker] += 1.0
            used = True
        if name and any(f"{introduction}{name}" in opening for introduction in _introductions()):
            log_odds[speaker] += 2.5
            used = True
    return used


def _add_first_voice(log_odds: dict[str, float], turns: Sequence[Turn], cdr: CDR) -> bool:
    """An inbound call is answered by the agent, an outbound one by the customer. Weak: recordings begin late.

    Agents answer with more than a bare 喂 or hello. Who says that and no more was called, or waits to be heard.
    """
    spoken = [turn for turn in turns if turn.speaker in log_odds and re.search(r"\w", turn.text)]
    start = next((at for at, turn in enumerate(spoken) if not is_backchannel(turn.text)), None)
    if start is None:
        return False
    first = spoken[start]
    said = takewhile(lambda turn: turn.speaker == first.speaker, spoken[start:])
    if _bare_greeting().fullmatch(_bare("".join(turn.text for turn in said))):
        log_odds[first.speaker] -= 2.0 if cdr.direction == "outbound" else 1.5
    elif cdr.direction == "outbound":
        log_odds[first.speaker] -= 1.0
    else:
        log_odds[first.speaker] += 0.75 if cdr.direction == "inbound" else 0.5
    return True


def _bare(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


@cache
def _bare_greeting() -> re.Pattern[str]:
    greetings = (greeting.pattern for language in ("zh", "en") for greeting in role_phrases(language).bare_greetings)
    return re.compile(f"(?:{'|'.join(greetings)})+")


def _introductions() -> tuple[str, ...]:
    return (*role_phrases("zh").introductions, *role_phrases("en").introductions)


def _decide(
    log_odds: dict[str, float], said: dict[str, list[Turn]], everyone: list[str], method: str, prompts: tuple[str, ...]
) -> Roles:
    talk_s = {speaker: sum(turn.span.duration_s for turn in turns) for speaker, turns in said.items()}
    ranked = sorted(said, key=lambda s: (-log_odds[s], s))
    if len(ranked) == 1:
        only, odds = ranked[0], log_odds[ranked[0]]
        if abs(odds) < ENOUGH:
            return Roles({}, method, _probability(odds), prompts)
        roles: dict[str, Role] = {only: "agent" if odds > 0 else "customer"}
        others = [speaker for speaker in everyone if speaker != only]
        if len(others) == 1:
            roles[others[0]] = "customer" if odds > 0 else "agent"
        return Roles(dict(sorted(roles.items())), method, _probability(odds), prompts)
    # With more than two voices the customer is the one who least sounds like an agent, among those with a real part.
    agent = ranked[0]
    parts = [speaker for speaker in ranked[1:] if talk_s[speaker] >= 0.1 * max(talk_s[s] for s in ranked[1:])]
    customer = min(parts, key=lambda s: (log_odds[s] - math.log(1.0 + talk_s[s]), s))
    difference = log_odds[agent] - log_odds[customer]
    third = tuple(sorted(speaker for speaker in ranked if speaker not in (agent, customer))) + prompts
    if difference < ENOUGH:
        return Roles({}, method, _probability(difference), third)
    both: dict[str, Role] = {agent: "agent", customer: "customer"}
    return Roles(dict(sorted(both.items())), method, _probability(difference), third)


def _probability(log_odds: float) -> float:
    """Evidence from one call is not independent: part of it counts, and nothing but a channel map is certain.

    The part was chosen among seven, by how well confidence agreed with being right on the rulebooks' cases, on written
    calls and on pieces of practice calls (`bench/roles.py`); no calls were kept aside.
    """
    return round(min(0.98, 1.0 / (1.0 + math.exp(-1.2 * abs(log_odds)))), 3)
