"""What the database's engine says of a query that it cannot make out: in a line, the common ones in both languages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.errors import shown_text
from pipeline.messages import Message

LONGEST_FAULT = 1000
"""Characters of the engine's message: it may quote the whole query, and a value of any length."""


@dataclass(frozen=True, slots=True)
class EngineFault:
    """What is wrong: as the engine `said` it, as a `text` for people, and the `line` of the query; None: it has one."""

    said: str
    text: Message | str
    line: int | None = None

    @property
    def placed(self) -> Message | str:
        """The text with its place."""
        if self.line is None:
            return self.text
        return Message("{fault} (line {line} of the query)", fault=self.text, line=self.line)


def engine_fault(message: str) -> EngineFault:
    """The engine's message: what is wrong, its suggestion, and the line of the query."""
    head, _, place = message.partition("\n\nLINE ")
    found = re.match(r"(\d+):", place)
    said = " ".join(part.strip() for part in head.splitlines() if part.strip()).rstrip(".")
    said = shown_text(said[:LONGEST_FAULT])
    return EngineFault(said, _known(said), int(found[1]) if found and found[1] != "1" else None)


def _known(said: str) -> Message | str:
    if meant := re.fullmatch(r"(.+) Did you mean (.+)\?", said):
        return Message("{fault} Did you mean {name}?", fault=_known(meant[1]), name=meant[2])
    if meant := re.fullmatch(r"(.+?) Candidate bindings: (?:: )?(.+)", said):
        return Message("{fault} Candidate bindings: {names}", fault=_known(meant[1]), names=meant[2])
    for message, pattern in _PATTERNS:
        if known := pattern.fullmatch(said):
            return Message(message, **known.groupdict())
    return said


_KNOWN = (
    Message("Catalog Error: Table with name {name} does not exist!"),
    Message("Catalog Error: Scalar Function with name {name} does not exist!"),
    Message("Catalog Error: Table Function with name {name} does not exist!"),
    Message('Binder Error: Referenced column "{name}" not found in FROM clause!'),
    Message('Binder Error: Table "{table}" does not have a column named "{name}"'),
    Message('Parser Error: syntax error at or near "{word}"'),
    Message("Parser Error: syntax error at end of input"),
    Message(
        'Binder Error: column "{name}" must appear in the GROUP BY clause or must be part of an aggregate function. '
        'Either add it to the GROUP BY list, or use "{any}" if the exact value of "{same}" is not important'
    ),
    Message("Binder Error: WHERE clause cannot contain aggregates!"),
    Message("Conversion Error: Could not convert string '{value}' to {kind}"),
)
_PATTERNS = tuple(
    (str(message), re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(message)))) for message in _KNOWN
)
