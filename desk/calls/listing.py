"""A page of the list of calls, and how many there are: each part of the index is asked, the newest first.

Pages go on behind the last call of the page before (or before its first), not after so many rows: nothing is shown
twice or left out, however deep one goes. A list by time asks no more parts than it needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from desk.calls.call_filters import SORTS, ListCondition
from desk.calls.call_index import CallIndex, IndexedRule, IndexState, PartFacts
from desk.calls.index_files import read_said
from desk.calls.search_words import BETWEEN_TURNS, Search, search_words

PAGE = 50
"""Calls on a page."""

COUNT_EXACTLY = 10_000
"""So many calls are counted; of more, their number is estimated from the parts that were counted."""

_SHOWN = (
    "n, sha256, call_id, file_name, started, agent_id, agent_name, team, queue, direction, scenario, language, length, "
    "score, fatal, failed, unsure, complaint, outcomes"
)
_LEAST, _MOST = -1e18, 1e18
_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Where a page begins or ends: the values of the call beside it, and the first 32 digits of its SHA-256."""

    key: float
    started: float
    sha256: str
    side: Literal["after", "before"] = "after"


@dataclass(frozen=True, slots=True)
class Quoted:
    """A turn in which something was found."""

    turn: int
    role: str
    start_s: float
    text: str


@dataclass(frozen=True, slots=True)
class ListedCall:
    """A call of the list. `rules` are those that its part knows, `quotes` where words were found."""

    row: Mapping[str, Any]
    part: str
    rules: tuple[IndexedRule, ...]
    quotes: tuple[Quoted, ...] = ()

    @property
    def failed(self) -> tuple[IndexedRule, ...]:
        """The rules that it fails, fatal ones first."""
        failed = [
            (letter, rule) for letter, rule in zip(self.row["outcomes"], self.rules, strict=False) if letter in "fF"
        ]
        return tuple(rule for _, rule in sorted(failed, key=lambda item: item[0]))

    @property
    def sha256(self) -> str:
        return str(self.row["sha256"])

    def place(self, sort: str, ascending: bool, side: Literal["after", "before"]) -> ListPlace:
        """Where the call stands in a list."""
        missing = _MOST if ascending else _LEAST
        key, started = self.row[SORTS[sort]], self.row["started"]
        return ListPlace(
            missing if key is None else float(key), missing if started is None else started, self.sha256[:32], side
        )


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of calls, and whether there are others before and after."""

    calls: tuple[ListedCall, ...]
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """One question to a state of the index: filters and scope as a condition, how it is sorted."""

    index: CallIndex
    state: IndexState
    condition: ListCondition
    sort: str = "time"
    ascending: bool = False
    search: Search | None = None

    def page(self, place: ListPlace | None = None) -> ListPage:
        """The page from a place on, or before it; the first without one."""
        backwards = place is not None and place.side == "before"
        ascending = self.ascending != backwards
        rows = self._ordered(place, ascending, PAGE + 1)
        others = len(rows) > PAGE
        rows = rows[:PAGE]
        if backwards:
            rows.reverse()
        calls = tuple(self._listed(part, row) for part, row in rows)
        return ListPage(calls, others if backwards else place is not None, bool(calls) if backwards else others)

    def count(self) -> tuple[int, bool]:
        """How many calls there are, and whether that was counted; else it is an estimate."""
        counted = seen = 0
        asked = list(self._asked())
        for number, (part, facts) in enumerate(asked):
            if counted > COUNT_EXACTLY and self.condition.sql != "true":
                rest = sum(facts.calls for _, facts in asked[number:])
                estimate = counted + counted * rest / max(1, seen)
                size = 10 ** (len(str(int(estimate))) - 2)
                return round(estimate / size) * size, False
            if self.condition.sql == "true":
                counted += facts.calls
            else:
                ((some,),) = self._ask(part, facts, f"SELECT count(*) FROM calls WHERE {self.condition.sql}", {})
                counted += some
            seen += facts.calls
        return counted, True

    def all(self) -> Iterator[ListedCall]:
        """All calls in their order, without quotes, some at a time."""
        place: ListPlace | None = None
        while rows := self._ordered(place, self.ascending, _AT_ONCE):
            for part, row in rows:
                call = ListedCall(dict(row), part, self.index.facts(part).rules)
                yield call
            place = call.place(self.sort, self.ascending, "after")

    def _asked(self) -> Iterator[tuple[str, PartFacts]]:
        """The parts that can have such calls, the newest first."""
        known = [(part, self.index.facts(part)) for part in self.state.parts]
        known.sort(key=lambda item: _LEAST if item[1].last is None else item[1].last, reverse=True)
        for part, facts in known:
            if self.search and part not in self.state.searchable:
                continue
            if self.condition.first and (facts.last_day or "") < self.condition.first:
                continue
            if self.condition.last and (facts.first_day or "9") > self.condition.last:
                continue
            if not set(self.condition.rules) <= {rule.rule_id for rule in facts.rules}:
                continue
            yield part, facts

    def _ask(self, part: str, facts: PartFacts, sql: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        places = {rule.rule_id: rule.place for rule in facts.rules}
        rules = {f"rule_{number}": places[rule] for number, rule in enumerate(self.condition.rules)}
        with self.index.reading(part, self.search is not None) as opened:
            return opened.rows(sql, {**self.condition.values, **rules, **values})

    def _ordered(self, place: ListPlace | None, ascending: bool, most: int) -> list[tuple[str, sqlite3.Row]]:
        """The first rows behind a place in an order."""
        way, beyond = ("ASC", ">") if ascending else ("DESC", "<")
        # calls without a value stand last whichever way a list is sorted, also where it is read backwards
        nowhere = _MOST if self.ascending else _LEAST
        condition = self.condition.sql
        values: dict[str, Any] = {"nowhere": nowhere}
        key = f"coalesce({SORTS[self.sort]}, :nowhere)"
        if place:
            condition += f" AND ({key}, coalesce(started, :nowhere), sha256) {beyond} (:key, :began, :place)"
            # a whole SHA-256 is compared with the beginning of one: nothing that begins so is behind it
            values |= {"key": place.key, "began": place.started, "place": place.sha256 + ("g" if ascending else "")}
        order = f"{key} {way}, coalesce(started, :nowhere) {way}, sha256 {way}"
        sql = f"SELECT {_SHOWN}, {key} AS key FROM calls WHERE {condition} ORDER BY {order} LIMIT {most}"
        found: list[tuple[str, sqlite3.Row]] = []
        asked = list(self._asked())
        if ascending and self.sort == "time":
            asked.reverse()
        for part, facts in asked:
            if self.sort == "time" and _is_done(found, facts, ascending, most, place):
                continue
            found += ((part, row) for row in self._ask(part, facts, sql, values))
            found.sort(
                key=lambda item: (item[1]["key"], nowhere if item[1]["started"] is None else item[1]["started"],
                                  item[1]["sha256"]),
                reverse=not ascending,
            )  # fmt: skip
            del found[most:]
        return found

    def _listed(self, part: str, row: sqlite3.Row) -> ListedCall:
        facts = self.index.facts(part)
        quotes: tuple[Quoted, ...] = ()
        if self.search:
            with self.index.reading(part, searchable=True) as opened:
                packed = opened.rows("SELECT turns FROM said_words.said WHERE n = :n", {"n": row["n"]})
            quotes = tuple(_quotes(packed[0][0], self.search)) if packed else ()
        return ListedCall(dict(row), part, facts.rules, quotes)


def _is_done(
    found: list[tuple[str, sqlite3.Row]], facts: PartFacts, ascending: bool, most: int, place: ListPlace | None
) -> bool:
    """Whether a part can hold nothing that belongs on a page by time."""
    if facts.undated or facts.first is None or facts.last is None:
        return False
    if place and (facts.last < place.key if ascending else facts.first > place.key):
        return True
    return len(found) >= most and (found[-1][1]["key"] < facts.first if ascending else found[-1][1]["key"] > facts.last)


def _quotes(packed: bytes, search: Search) -> Iterator[Quoted]:
    """For each phrase, the first turn in which it is said."""
    turns = [turn for turn in read_said(packed) if not search.side or turn[1] == search.side]
    whole = BETWEEN_TURNS.join(turn[3].replace(BETWEEN_TURNS, " ") for turn in turns)
    said = f" {' '.join(search_words(whole))} "
    shown: set[int] = set()
    for phrase in search.phrases:
        at = said.find(f" {' '.join(phrase)} ")
        number = said.count(BETWEEN_TURNS, 0, at)
        if at >= 0 and number not in shown:
            shown.add(number)
            yield Quoted(*turns[number])
