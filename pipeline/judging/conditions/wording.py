"""How reasons tell a measured value and its limits: in plain words, never as rules write them."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.judging.conditions.base import Bounds, Evaluation
from pipeline.messages import Message

MOST_DIGITS = 4
"""So many digits behind the point a value has at most, where fewer would put it on the other side of a limit."""

AT_LEAST, AT_MOST = Message("at least {number}"), Message("at most {number}")
MORE, LESS = Message("more than {number}"), Message("less than {number}")
JUST, NOT_JUST = Message("just {number}"), Message("not just {number}")
BETWEEN, NOT_BETWEEN = Message("between {low} and {high}"), Message("not between {low} and {high}")


class Unit(NamedTuple):
    """What a number is told in: `value` with the number in it, `limit` for the limits beside it."""

    value: str
    limit: str
    digits: int = 0
    factor: float = 1.0


COUNT = Unit(Message("{number}"), Message("{number}"))
SECONDS = Unit(Message("{number} s"), Message("{number} s"), 1)
PERCENTAGE = Unit(Message("{number}%"), Message("{number}%"), 0, 100.0)
RATE = Unit(Message("{number} words a minute"), Message("{number}"))
RATIO = Unit(Message("{number} times as much"), Message("{number}"), 2)
LEVEL = Unit(Message("{number} dBFS"), Message("{number} dBFS"), 1)


class Measure(NamedTuple):
    """What a measured number is called, and its unit."""

    name: str
    unit: Unit


FACT_NAMES: dict[str, Measure] = {
    "duration_s": Measure(Message("length of the recording"), SECONDS),
    "conversation_s": Measure(Message("length of the conversation"), SECONDS),
    "voiced_s": Measure(Message("time with speech"), SECONDS),
    "coverage": Measure(Message("share of the speech that has words"), PERCENTAGE),
    "turns": Measure(Message("turns of both sides"), COUNT),
    "agent_turns": Measure(Message("turns of the agent"), COUNT),
    "customer_turns": Measure(Message("turns of the customer"), COUNT),
    "first_agent_s": Measure(Message("time before the agent's first word"), SECONDS),
    "first_customer_s": Measure(Message("time before the customer's first word"), SECONDS),
    "agent_talk_s": Measure(Message("time the agent speaks"), SECONDS),
    "customer_talk_s": Measure(Message("time the customer speaks"), SECONDS),
    "agent_talk_share": Measure(Message("the agent's share of the talk"), PERCENTAGE),
    "agent_rate": Measure(Message("the agent's pace"), RATE),
    "customer_rate": Measure(Message("the customer's pace"), RATE),
    "rate_ratio": Measure(Message("the agent's pace against the customer's"), RATIO),
    "longest_agent_monologue_s": Measure(Message("the agent's longest speech"), SECONDS),
    "longest_silence_s": Measure(Message("the longest silence"), SECONDS),
    "inner_silence_s": Measure(Message("silence within the conversation"), SECONDS),
    "overlap_s": Measure(Message("time both speak at once"), SECONDS),
    "interruptions_by_agent": Measure(Message("interruptions by the agent"), COUNT),
    "ring_count": Measure(Message("rings"), COUNT),
    "ring_s": Measure(Message("time of ringing"), SECONDS),
    "music_s": Measure(Message("time of music"), SECONDS),
    "prompt_s": Measure(Message("time of recorded prompts"), SECONDS),
    "dtmf_keys": Measure(Message("keys pressed"), COUNT),
    "busy_s": Measure(Message("time of busy tone"), SECONDS),
    "agent_level_dbfs": Measure(Message("the agent's level"), LEVEL),
    "since_agent_s": Measure(Message("time from the agent's first word to the end"), SECONDS),
    "agent_wait_s": Measure(Message("wait for the agent"), SECONDS),
    "prompt_before_s": Measure(Message("recorded prompts before the first word"), SECONDS),
    "keys_before_agent": Measure(Message("keys pressed before the agent's first word"), COUNT),
}

CDR_NAMES: dict[str, str] = {
    "call_id": Message("call id"),
    "started_at": Message("beginning of the call"),
    "agent_id": Message("agent's number"),
    "agent_name": Message("agent's name"),
    "team": Message("team"),
    "company": Message("company"),
    "queue": Message("queue"),
    "direction": Message("direction"),
    "caller_hash": Message("caller"),
    "ring_count": Message("rings"),
    "wait_s": Message("wait"),
    "release_party": Message("who released the line"),
    "release_method": Message("what tells who released the line"),
    "channel_map": Message("which channel is whose"),
    "language": Message("language"),
    "scenario": Message("scenario"),
}
"""What the fields of the CDR are called; a column of its own is called as the house calls it."""


def told_value(evaluation: Evaluation, value: float, limits: Bounds, unit: Unit) -> str:
    """A value and how it lies to its limits: “340 words a minute (not between 160 and 300)”."""
    shown, kept = value * unit.factor, limits.holds(value)
    rounded = (round(shown, digits) for digits in range(unit.digits, MOST_DIGITS))
    shown = next((number for number in rounded if limits.holds(number / unit.factor) is kept), shown)
    text = evaluation.say(unit.value, number=f"{shown:.10g}")
    return evaluation.say("{value} ({limits})", value=text, limits=told_limits(evaluation, limits, value, unit))


def told_limits(evaluation: Evaluation, limits: Bounds, value: float, unit: Unit = COUNT) -> str:
    """How a value lies to its limits: “at least 3” where it keeps to them, “less than 3” where it does not."""
    kept = limits.holds(value)

    def number(limit: float) -> str:
        return evaluation.say(unit.limit, number=f"{limit * unit.factor:.10g}")

    # of two limits on one side the narrower counts
    low = max(_given((limits.at_least, 0, AT_LEAST, LESS), (limits.over, 1, MORE, AT_MOST)), default=None)
    high = min(_given((limits.under, 0, LESS, AT_LEAST), (limits.at_most, 1, AT_MOST, MORE)), default=None)
    if low and high:
        if low[0] == high[0]:
            return evaluation.say(JUST if kept else NOT_JUST, number=number(low[0]))
        return evaluation.say(BETWEEN if kept else NOT_BETWEEN, low=number(low[0]), high=number(high[0]))
    one = low or high
    if one is None:
        return ""
    limit, _, where_kept, where_not = one
    return evaluation.say(where_kept if kept else where_not, number=number(limit))


def _given(*limits: tuple[float | None, int, str, str]) -> list[tuple[float, int, str, str]]:
    return [(limit, place, kept, missed) for limit, place, kept, missed in limits if limit is not None]
