"""A stored call written down as a case of a rule, in the notation of `pipeline.judging.notation`.

Numbers and names in it are invented (`pipeline.judging.invented`). What is written says of when who speaks, what, which
sounds there were and who hung up; volume within a turn is lost. So a case is judged before it is kept: whether the rule
says of it what it said of the call tells whether it can stand for the call.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from pipeline.datatypes import PARTIES, Call, Outcome, Turn
from pipeline.errors import CallQAError
from pipeline.judging.invented import Replacement, replacements
from pipeline.judging.notation import BadScript, call_from_script
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import evaluation_of, judge_rule
from pipeline.messages import Message
from pipeline.privacy.sensitive import word_places
from pipeline.timeline import Timeline

WRITTEN_PAUSE_S = 0.8
"""A pause within a turn that is written, by going on in a new line."""

UNHEARD_S = 0.5
"""Speech without words that is written."""

_FIELDS = ("ring_count", "wait_s", "release_party", "direction", "company", "queue", "scenario")
_WHO = {
    "zh": {"agent": "坐席", "customer": "客户", "third": "第三方"},
    "en": {"agent": "agent", "customer": "customer", "third": "third"},
}
_SIGNS = {
    "zh": {"mark": "标记", "hangup": "挂断", "mono": "单声道", "unheard": "听不清"},
    "en": {"mark": "mark", "hangup": "hangup", "mono": "mono", "unheard": "unheard"},
}


class BadCase(CallQAError):
    """A call of which no case can be made."""


@dataclass(frozen=True, slots=True)
class WrittenCase:
    """A case: what the rule must say, the call, and a note. `found` is what the rule says of it as it is now."""

    rule_id: str
    verdict: Outcome
    call: str
    note: str
    found: Outcome

    @property
    def yaml(self) -> str:
        """The case as it stands under `cases` of a rule's file."""
        lines = [f"- verdict: {self.verdict}"]
        if self.note:
            lines.append(f"  note: {yaml.safe_dump(self.note, allow_unicode=True, width=1000).split(chr(10))[0]}")
        lines.append("  call: |")
        return "\n".join(lines) + "\n" + textwrap.indent(self.call, "    ") + "\n"


def written_case(call: Call, rule_id: str, right: Outcome, book: Rulebook, note: str = "") -> WrittenCase:
    """The case that a rule says `right` of this call. Raises BadCase where the call cannot be written down."""
    if rule_id not in book.ids:
        raise BadCase(Message("the rulebook has no rule {rule} any more", rule=rule_id))
    text = "\n".join(case_lines(call))
    try:
        again = call_from_script(text, call.language)
    except BadScript:
        raise BadCase(Message("this call cannot be written as a case: nothing is said in it")) from None
    found = judge_rule(evaluation_of(again, book), book.rule(rule_id)).outcome
    return WrittenCase(rule_id, right, text, " ".join(note.split()), found)


def case_lines(call: Call) -> Iterator[str]:
    """The lines of a call in the notation, numbers and names replaced."""
    language = call.language if call.language in _WHO else "en"
    who, signs, instead = _WHO[language], _SIGNS[language], replacements(call)
    fields = [f"{name}={_quoted(value)}" for name in _FIELDS if (value := getattr(call.cdr, name)) is not None]
    if fields:
        yield f"cdr {' '.join(fields)}"
    if not call.overlap_heard:
        yield signs["mono"]
    for event in call.events:
        if event.kind not in ("transfer", "silence"):  # these are told by what is said
            count = f" x{event.count}" if event.count is not None else ""
            yield f"{signs['mark']} {event.kind}{count} {event.span.start_s:.2f}-{_end(event.span.end_s)}"
    lines = [
        (start_s, f"{who[_speaker(call, turn)]} {start_s:.2f}-{end_s:.2f}: {text}")
        for number, turn in enumerate(call.turns)
        for start_s, end_s, text in _pieces(turn, instead.get(number, ()))
    ]
    lines += [
        (span.start_s, f"{signs['unheard']} {span.start_s:.2f}-{span.end_s:.2f} {who[party]}")
        for party in PARTIES
        for span in (Timeline(call.voiced.get(party, ())) - Timeline(t.span for t in call.turns)).spans
        if span.duration_s >= UNHEARD_S
    ]
    yield from (line for _, line in sorted(lines, key=lambda line: line[0]))
    hang_up = call.hang_up
    if hang_up.method == "inferred" and hang_up.at_s is not None and hang_up.by in who:
        yield f"{signs['hangup']} {who[hang_up.by]} {hang_up.at_s:.2f}"


def _speaker(call: Call, turn: Turn) -> str:
    role = call.role(turn)
    return "third" if role == "unknown" else role


def _pieces(turn: Turn, instead: Sequence[Replacement]) -> Iterator[tuple[float, float, str]]:
    """What is said of a turn without a longer pause: from when to when, and what."""
    places = word_places(turn)
    first = 0
    for number in range(1, len(turn.words) + 1):
        last = number == len(turn.words)
        if last or turn.words[number].span.start_s - turn.words[number - 1].span.end_s > WRITTEN_PAUSE_S:
            start = places[first][0] if first else 0
            end = len(turn.text) if last else places[number][0]
            text = " ".join(_replaced(turn.text, start, end, instead).split())
            start_s, end_s = turn.words[first].span.start_s, turn.words[number - 1].span.end_s
            if text:
                yield start_s, max(end_s, start_s + 0.1), text
            first = number


def _replaced(text: str, start: int, end: int, instead: Sequence[Replacement]) -> str:
    """A part of a text with what is replaced in it; what a part begins with the middle of stands in the one before."""
    said, at = "", start
    for first, last, new in instead:
        if last <= start or first >= end:
            continue
        if first >= start:
            said += text[at:first] + new
        at = min(last, end)
    return said + text[at:end]


def _end(end_s: float) -> str:
    return f"{end_s + 0.005:.2f}"


def _quoted(value: object) -> str:
    text = str(value).replace('"', "").replace("\\", "")
    return f'"{text}"' if not text.isalnum() and not text.replace(".", "", 1).isdigit() else text
