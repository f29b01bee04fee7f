"""The filters that are in force, each as a chip that takes it away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from desk.calls.call_filters import WHEN_TITLES, CallFilters, outcome_title
from desk.routing import Visit
from pipeline.messages import Message

COLUMN_TITLES: Mapping[str, Message] = {
    "company": Message("Company"),
    "team": Message("Team"),
    "agent": Message("Agent"),
    "queue": Message("Queue"),
    "direction": Message("Direction"),
    "language": Message("Language"),
    "scenario": Message("Scenario"),
}

VALUE_TITLES: Mapping[str, Message] = {
    "inbound": Message("inbound"),
    "outbound": Message("outbound"),
    "zh": Message("Chinese"),
    "en": Message("English"),
}

FLAG_TITLES: Mapping[str, Message] = {
    "fatal": Message("fatal"),
    "complaint": Message("complaint"),
    "unsure": Message("something unsure"),
}


@dataclass(frozen=True, slots=True)
class FilterChip:
    """A filter as it is called, and the address of the list without it."""

    title: str
    value: str
    without: str


def chips_of(
    visit: Visit, filters: CallFilters, titles: Mapping[str, str], names: Mapping[str, str]
) -> list[FilterChip]:
    """The chips of a list; `titles` are those of rules, `names` those of agents."""
    return list(_chips(visit, filters, titles, names))


def _chips(
    visit: Visit, filters: CallFilters, titles: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[FilterChip]:
    say = visit.say
    if filters.text:
        who = {"agent": say("the agent said"), "customer": say("the customer said")}.get(filters.who, say("said"))
        yield FilterChip(who, filters.text, replace(filters, text="", who="").address())
    if filters.when:
        title = WHEN_TITLES[filters.when].in_language(visit.language)
        yield FilterChip("", title, replace(filters, when=None).address())
    elif filters.first or filters.last:
        days = f"{filters.first or '…'} – {filters.last or '…'}"
        yield FilterChip(say("Day"), days, replace(filters, first=None, last=None).address())
    for column, values in filters.columns.items():
        title = COLUMN_TITLES[column].in_language(visit.language)
        for value in values:
            columns = {**filters.columns, column: tuple(other for other in values if other != value)}
            shown = names.get(value) or value if column == "agent" else value
            if value in VALUE_TITLES and column in ("direction", "language"):
                shown = VALUE_TITLES[value].in_language(visit.language)
            yield FilterChip(title, shown, replace(filters, columns=columns).address())
    if filters.score_from is not None or filters.score_to is not None:
        lowest, highest = filters.score_from or 0, 100 if filters.score_to is None else filters.score_to
        without = replace(filters, score_from=None, score_to=None).address()
        yield FilterChip(say("Score"), f"{lowest:g} – {highest:g}", without)
    for rule, outcome in filters.rules:
        rest = tuple(other for other in filters.rules if other != (rule, outcome))
        shown = outcome_title(outcome, visit.language)
        yield FilterChip(titles.get(rule, rule), shown, replace(filters, rules=rest).address())
    for flag in filters.flags:
        others = tuple(other for other in filters.flags if other != flag)
        yield FilterChip(
            "", FLAG_TITLES[flag].in_language(visit.language), replace(filters, flags=others).address()
        )  # fmt: skip
    if filters.reviewed:
        title = say("reviewed") if filters.reviewed == "yes" else say("not reviewed")
        yield FilterChip("", title, replace(filters, reviewed="").address())
    if filters.call:
        yield FilterChip(say("Call"), filters.call, replace(filters, call="").address())
