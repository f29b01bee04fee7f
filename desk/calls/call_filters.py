"""Filters of the list of calls: read from an address, told as a condition on the index, and written into addresses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from desk.calls.index_files import OUTCOME_INDEX
from desk.calls.search_words import BadSearch, Search, read_search
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.results.display import NOTHING_FOUND, OUTCOME_LABELS, label_in

LONGEST_FILTER_VALUE, MOST_FILTER_VALUES = 200, 50
"""Characters of a filter's value, and values of one filter."""

When = Literal["today", "yesterday", "week", "month"]

WHEN_TITLES: Mapping[str, Message] = {
    "today": Message("today"),
    "yesterday": Message("yesterday"),
    "week": Message("this week"),
    "month": Message("this month"),
}

OUTCOME_TITLES: Mapping[str, Message] = {
    "fail": OUTCOME_LABELS["fail"],
    "pass": OUTCOME_LABELS["pass"],
    "unsure": OUTCOME_LABELS["unsure"],
    "not_applicable": OUTCOME_LABELS["not_applicable"],
    "nothing_found": NOTHING_FOUND,
}
"""Outcomes that are filtered by, as people choose them."""

OUTCOME_LETTERS: Mapping[str, str] = {
    outcome: OUTCOME_INDEX[outcome] for outcome in ("pass", "unsure", "not_applicable", "nothing_found")
} | {"fail": OUTCOME_INDEX["fail"] + OUTCOME_INDEX["fatal"]}
"""The letters in the index that a chosen outcome stands for."""

SORTS: Mapping[str, str] = {"time": "started", "score": "score", "length": "length", "failed": "failed"}
"""What the list is sorted by, and the column of each."""

COLUMNS = ("company", "team", "agent", "queue", "direction", "language", "scenario")
"""Filters of one of a list's values; several of one filter: any of them."""

NOT_GIVEN = "–"
"""Chosen of such a filter: calls of which it is not known."""

FLAGS = ("fatal", "complaint", "unsure")


class BadFilter(CallQAError):
    """A filter's value is none."""


@dataclass(frozen=True, slots=True)
class CallFilters:
    """What a list of calls is narrowed to. `rules` are rules with an outcome each, all of which a call has."""

    text: str = ""
    who: Literal["", "agent", "customer"] = ""
    when: When | None = None
    first: date | None = None
    last: date | None = None
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    score_from: float | None = None
    score_to: float | None = None
    rules: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()
    reviewed: Literal["", "yes", "no"] = ""
    call: str = ""
    sort: str = "time"
    ascending: bool = False

    def one(self, column: str) -> str:
        """The first value that a column is narrowed to, or ""."""
        return next(iter(self.columns.get(column, ())), "")

    def others(self, column: str) -> tuple[str, ...]:
        """The values behind it."""
        return self.columns.get(column, ())[1:]

    def search(self) -> Search | None:
        """What is searched for. Raises BadSearch."""
        return read_search(self.text, self.who)

    def days(self, today: date) -> tuple[date | None, date | None]:
        """The first and the last day, either may be open."""
        match self.when:
            case "today":
                return today, today
            case "yesterday":
                return today - timedelta(days=1), today - timedelta(days=1)
            case "week":
                return today - timedelta(days=today.weekday()), today
            case "month":
                return today.replace(day=1), today
        return self.first, self.last

    def pairs(self) -> list[tuple[str, str]]:
        """Names and values as they stand in an address."""
        pairs = [("q", self.text), ("who", self.who if self.text else ""), ("when", self.when or "")]
        if not self.when:
            pairs += [("from", _day(self.first)), ("to", _day(self.last))]
        pairs += [(name, value) for name in COLUMNS for value in self.columns.get(name, ())]
        pairs += [("score_from", _number(self.score_from)), ("score_to", _number(self.score_to))]
        pairs += [("rule", f"{rule}:{outcome}") for rule, outcome in self.rules]
        pairs += [(flag, "yes") for flag in self.flags]
        pairs += [("reviewed", self.reviewed), ("call", self.call)]
        pairs += [("sort", self.sort if self.sort != "time" else ""), ("order", "asc" if self.ascending else "")]
        return [(name, value) for name, value in pairs if value]

    def address(self, path: str = "/calls", **more: str) -> str:
        """The address of the list so filtered."""
        query = urlencode([*self.pairs(), *more.items()])
        return f"{path}?{query}" if query else path

    def sorted_by(self, sort: str) -> CallFilters:
        """The same, sorted by a column: what is worst, newest or most first, and the other way when asked again."""
        ascending = not self.ascending if sort == self.sort else sort == "score"
        return replace(self, sort=sort, ascending=ascending)

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return replace(self, sort="time", ascending=False, who="") != CallFilters()


def read_filters(given: Sequence[tuple[str, str]]) -> tuple[CallFilters, list[BadFilter | BadSearch]]:
    """The filters of an address, and what is wrong with it; what is wrong is left out of the filters."""
    faults: list[BadFilter | BadSearch] = []
    values: dict[str, list[str]] = {}
    for name, value in given:
        if len(value) > LONGEST_FILTER_VALUE:
            faults.append(BadFilter(Message("a filter is longer than {most} characters", most=LONGEST_FILTER_VALUE)))
        elif value.strip() and value.strip() not in values.setdefault(name, []):
            values[name].append(value.strip())
    if any(len(found) > MOST_FILTER_VALUES for found in values.values()):
        faults.append(BadFilter(Message("a filter has more than {most} values", most=MOST_FILTER_VALUES)))
        values = {name: found[:MOST_FILTER_VALUES] for name, found in values.items()}

    def one(name: str, read: Callable[[str], Any], default: Any = None) -> Any:
        try:
            return read(values[name][-1]) if values.get(name) else default
        except BadFilter as fault:
            faults.append(fault)
            return default

    filters = CallFilters(
        text=values.get("q", [""])[-1],
        who=one("who", _one_of("agent", "customer"), ""),
        when=one("when", _one_of(*WHEN_TITLES)),
        first=one("from", _read_day),
        last=one("to", _read_day),
        columns={name: tuple(values[name]) for name in COLUMNS if values.get(name)},
        score_from=one("score_from", _read_score),
        score_to=one("score_to", _read_score),
        rules=tuple(_rules(values, faults)),
        flags=tuple(flag for flag in FLAGS if one(flag, _one_of("yes"))),
        reviewed=one("reviewed", _one_of("yes", "no"), ""),
        call=values.get("call", [""])[-1],
        sort=one("sort", _one_of(*SORTS), "time"),
        ascending=one("order", _one_of("asc", "desc"), "desc") == "asc",
    )
    try:
        filters.search()
    except BadSearch as fault:
        faults.append(fault)
        filters = replace(filters, text="")
    first, last = filters.first, filters.last
    if first and last and first > last:
        faults.append(BadFilter(Message("the first day is after the last; exchange them")))
    lowest, highest = filters.score_from, filters.score_to
    if lowest is not None and highest is not None and lowest > highest:
        faults.append(BadFilter(Message("the lowest score is above the highest; exchange them")))
    return filters, faults


def _rules(values: Mapping[str, list[str]], faults: list[BadFilter | BadSearch]) -> list[tuple[str, str]]:
    rules = []
    chosen = [f"{rule}:{outcome}" for rule in values.get("add_rule", ()) for outcome in values.get("add_outcome", ())]
    for value in [*values.get("rule", ()), *chosen]:
        rule, _, outcome = value.rpartition(":")
        if not rule or outcome not in OUTCOME_LETTERS:
            faults.append(BadFilter(Message("a rule's filter is the rule's name, a colon and an outcome")))
        elif (rule, outcome) not in rules:
            rules.append((rule, outcome))
    return rules


def _one_of(*known: str) -> Callable[[str], Any]:
    def read(value: str) -> str:
        if value not in known:
            raise BadFilter(Message("a filter has a value that it does not know; choose one from its list"))
        return value

    return read


def _read_day(value: str) -> date:
    try:
        if len(value) != 10:
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise BadFilter(Message("a day is written like this: {example}", example="2026-03-31")) from None


def _read_score(value: str) -> float:
    try:
        score = float(value)
    except ValueError:
        score = -1
    if not 0 <= score <= 100:
        raise BadFilter(Message("a score is a number from 0 to 100"))
    return score


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


@dataclass(frozen=True, slots=True)
class ListCondition:
    """A condition on the calls of a part, with its values; rules are named by `:rule_N`, whose places each part knows.

    `first` and `last` are days outside of which nothing can be found.
    """

    sql: str
    values: Mapping[str, Any]
    first: str | None = None
    last: str | None = None
    rules: tuple[str, ...] = ()


def condition_of(filters: CallFilters, today: date, reviewed: Sequence[str] | None = None) -> ListCondition:
    """What the index is asked. `reviewed`: the SHA-256s of reviewed calls, where it is filtered by that."""
    parts: list[str] = ["true"]
    values: dict[str, Any] = {}
    first, last = filters.days(today)
    for name, day, sign in (("first", first, ">="), ("last", last, "<=")):
        if day:
            parts.append(f"day {sign} :{name}")
            values[name] = day.isoformat()
    for name, chosen in filters.columns.items():
        among = f"(SELECT value FROM json_each(:{name}))"
        # an agent is chosen by number or by name
        narrowed = f"agent_id IN {among} OR agent_name IN {among}" if name == "agent" else f"{name} IN {among}"
        if NOT_GIVEN in chosen:
            narrowed += " OR coalesce(agent_id, agent_name) IS NULL" if name == "agent" else f" OR {name} IS NULL"
        parts.append(f"({narrowed})")
        values[name] = json.dumps(chosen)
    for name, score, sign in (("score_from", filters.score_from, ">="), ("score_to", filters.score_to, "<=")):
        if score is not None:
            parts.append(f"score {sign} :{name}")
            values[name] = score
    for number, (_, outcome) in enumerate(filters.rules):
        parts.append(f"instr(:outcome_{number}, substr(outcomes, :rule_{number}, 1)) > 0")
        values[f"outcome_{number}"] = OUTCOME_LETTERS[outcome]
    parts += list(filters.flags)
    if filters.reviewed:
        among = "sha256 IN (SELECT value FROM json_each(:reviewed))"
        parts.append(among if filters.reviewed == "yes" else f"NOT {among}")
        values["reviewed"] = json.dumps(list(reviewed or ()))
    if filters.call:
        parts.append("(instr(lower(call_id), :call) > 0 OR instr(lower(file_name), :call) > 0)")
        values["call"] = filters.call.lower()
    if search := filters.search():
        parts.append("n IN (SELECT rowid FROM said_words.words WHERE words MATCH :words)")
        values["words"] = search.expression
    return ListCondition(
        " AND ".join(parts), values, values.get("first"), values.get("last"), tuple(rule for rule, _ in filters.rules)
    )


def outcome_title(outcome: str, language: str) -> str:
    """What an outcome that is filtered by is called."""
    return label_in(OUTCOME_TITLES, outcome, language)
