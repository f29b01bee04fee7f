"""Answers as a page takes them: so many rows and characters and no more, whatever was asked."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from desk.routing import Visit
from pipeline.errors import BadQuery
from pipeline.messages import Message
from pipeline.results.sql import AnswerLimits, QueryStop, ask

PAGE_ROWS, LONGEST_SHOWN = 1000, 5000
ON_A_PAGE = AnswerLimits(rows=PAGE_ROWS, columns=60, characters=LONGEST_SHOWN + 1)
"""What a page shows of each answer; the character too many tells that there are more."""

PAGE_CHARACTERS = 3_000_000
"""Characters of all answers of a page: more is no page any more."""

MOST_ANSWERS = 20
"""Statements that are asked at once."""

NICENESS = 10
"""So far queries step back for the desk's pages."""


@dataclass(slots=True)
class QueryAnswer:
    """One statement's answer, as far as a page takes it. `more`: it has further rows; `hidden`: so many columns."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    hidden: int = 0
    rows: list[list[Any]] = field(default_factory=list)
    more: bool = False


def asked_messages(visit: Visit, sql: str, part: AnswerLimits, stop: QueryStop) -> Generator[Mapping[str, Any]]:
    """What the process of a query says of it (`pipeline.results.sql.ask`), within the settings' limits. Raises
    BadQuery, also for more statements than a page has room for."""
    settings = visit.desk.settings
    asked = ask(visit.desk.home.database, sql, settings.sql, settings.ingest.timezone, part, stop, NICENESS)
    with closing(asked) as messages:
        for message in messages:
            if (count := message.get("results", 0)) > MOST_ANSWERS:
                raise BadQuery(
                    Message("{count} statements; ask at most {most} at once", count=count, most=MOST_ANSWERS)
                )
            yield message


def read_answers(messages: Iterable[Mapping[str, Any]]) -> tuple[list[QueryAnswer], int]:
    """What a query says (`asked_messages`), and how many answers were left out. Raises BadQuery."""
    answers: list[QueryAnswer] = []
    announced, left = 0, PAGE_CHARACTERS
    for message in messages:
        announced = message.get("results", announced)
        if "columns" in message:
            answers.append(QueryAnswer(tuple(message["columns"]), tuple(message["types"]), message["hidden"]))
        if not answers:
            continue
        answers[-1].more |= "truncated" in message
        for row in message.get("rows", ()):
            left -= sum(len(value) if isinstance(value, str) else 8 for value in row)
            if left < 0 and answers[-1].rows:
                answers[-1].more = True
                return answers, announced - len(answers)
            answers[-1].rows.append(row)
    return answers, 0
