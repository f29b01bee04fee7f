"""What was measured of a call, what the telephone system knows of it, and what earlier rulebooks said: as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.datatypes import CDR, Call, Facts, Outcome, Scorecard
from pipeline.messages import Message, catalogue
from pipeline.numbers import mask_numbers
from pipeline.results.display import clock, percent
from pipeline.storage.home import PastCard


@dataclass(frozen=True, slots=True)
class TimeShare:
    """A part of a bar: where it begins and how long it is, 0–100."""

    kind: str
    title: Message
    start: float
    length: float
    seconds: float


def talk_shares(facts: Facts) -> tuple[TimeShare, ...]:
    """How the call's time divides: what each side speaks, silence, all else that is heard."""
    total_s = max(facts.duration_s, 0.001)
    overlap_s = facts.overlap_s or 0.0
    silence_s = facts.inner_silence_s
    line_s = facts.ring_s + facts.music_s + facts.prompt_s + facts.busy_s
    parts = [
        ("agent", Message("Agent speaks"), max(0.0, facts.agent_talk_s - overlap_s / 2)),
        ("customer", Message("Customer speaks"), max(0.0, facts.customer_talk_s - overlap_s / 2)),
        ("silence", Message("Silence"), silence_s),
        ("line", Message("Ringing, music, announcements"), line_s),
    ]
    known_s = sum(seconds for _, _, seconds in parts)
    scale = 100 / max(total_s, known_s)
    shares, at = [], 0.0
    for kind, title, seconds in parts:
        shares.append(TimeShare(kind, title, round(at, 2), round(seconds * scale, 2), seconds))
        at += seconds * scale
    pauses = Message("Pauses between words")
    shares.append(TimeShare("rest", pauses, round(at, 2), round(100 - at, 2), total_s - known_s))
    return tuple(share for share in shares if share.seconds >= 0.05)


def fact_rows(facts: Facts) -> Iterator[tuple[Message, str]]:
    """What was measured, as far as it was."""
    for title, value in (
        (Message("Length"), clock(facts.duration_s)),
        (Message("Of that, conversation"), clock(facts.conversation_s)),
        (Message("Wait for the agent"), _seconds(facts.agent_wait_s)),
        (Message("Rings"), _count(facts.ring_count)),
        (Message("Agent's first word at"), _seconds(facts.first_agent_s)),
        (Message("Turns (agent, customer)"), f"{facts.agent_turns}, {facts.customer_turns}"),
        (Message("Agent's share of the talk"), percent(facts.agent_talk_share and round(facts.agent_talk_share, 3))),
        (Message("Longest speech of the agent"), _seconds(facts.longest_agent_monologue_s)),
        (Message("Longest silence"), _seconds(facts.longest_silence_s)),
        (Message("Silence in the conversation"), _seconds(facts.inner_silence_s)),
        (Message("Spoken at once"), _seconds(facts.overlap_s)),
        (Message("Agent interrupts"), _count(facts.interruptions_by_agent)),
        (Message("Music"), _seconds(facts.music_s or None)),
        (Message("Announcements"), _seconds(facts.prompt_s or None)),
        (Message("Keys pressed"), _count(facts.dtmf_keys or None)),
        (Message("Agent's level"), f"{facts.agent_level_dbfs:.0f} dBFS" if facts.agent_level_dbfs is not None else "–"),
        (Message("Speech with words"), percent(round(facts.coverage, 3))),
    ):  # fmt: skip
        if value != "–":
            yield title, value


def cdr_rows(cdr: CDR, masked: bool) -> Iterator[tuple[Message | str, str]]:
    """What the telephone system knows; further columns by the names that it gives them."""
    for title, value in (
        (Message("Call id"), cdr.call_id),
        (Message("Agent no."), cdr.agent_id),
        (Message("Agent"), cdr.agent_name),
        (Message("Team"), cdr.team),
        (Message("Company"), cdr.company),
        (Message("Queue"), cdr.queue),
        (Message("Direction"), cdr.direction and DIRECTION_LABELS[cdr.direction]),
        (Message("Scenario by the call metadata"), cdr.scenario),
        (Message("Rings"), cdr.ring_count),
        (Message("Waited"), None if cdr.wait_s is None else _seconds(cdr.wait_s)),
        (Message("Released by"), cdr.release_party and RELEASE_LABELS[cdr.release_party]),
        (Message("As told by"), cdr.release_method),
    ):
        if value is not None:
            yield title, value if isinstance(value, Message) else _hidden(str(value), masked)
    for column, text in cdr.extra.items():
        if text:
            yield column, _hidden(text, masked)


DIRECTION_LABELS: Mapping[str, Message] = {"inbound": Message("inbound"), "outbound": Message("outbound")}
RELEASE_LABELS: Mapping[str, Message] = {
    "agent": Message("agent"),
    "customer": Message("customer"),
    "system": Message("system"),
}


@dataclass(frozen=True, slots=True)
class PastChange:
    """A past version's score, and the rules that it judged otherwise than the present one: then and now."""

    card: PastCard
    changed: tuple[tuple[str, Outcome, Outcome | None], ...]


def past_changes(past: tuple[PastCard, ...], card: Scorecard | None) -> tuple[PastChange, ...]:
    """What earlier versions of the rulebook said of a call, the last first."""
    now = {verdict.rule_id: verdict.outcome for verdict in card.verdicts} if card else {}
    return tuple(
        PastChange(
            each,
            tuple((rule, then, now.get(rule)) for rule, then in each.outcomes.items() if now.get(rule) != then),
        )
        for each in reversed(past)
    )


def hung_up_reason(call: Call, language: str) -> str:
    """Why one side is held to have hung up first. It is stored as English, with the side's name in it."""
    reason = call.hang_up.reason
    if language != "zh":
        return reason
    if reason in catalogue():
        return catalogue()[reason]
    for party, name in RELEASE_LABELS.items():
        template = reason.replace(f"the {party}'s", "the {party}'s")
        if template != reason and template in catalogue():
            return catalogue()[template].format(party=name.in_language(language))
    return reason


def _hidden(text: str, masked: bool) -> str:
    return mask_numbers(text) if masked else text


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s" if value < 60 else clock(value)


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)
