"""What a reader of call metadata gives: one module a telephone system, each a `LegReader`.

A reader only translates. It says what a row holds in the system's own terms (who called whom, which side hung up) and
leaves the rest to those who see all rows of all files: `pipeline.intake.joining` makes one call of the legs that share
an id, tells customer from agent by the direction, and puts the clock right; numbers are hashed after that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

from pipeline.errors import shown
from pipeline.messages import Message

Direction = Literal["inbound", "outbound"]

CallSide = Literal["caller", "callee", "agent", "customer", "system", "nobody"]
"""Who did something. Caller and callee are the sides of a call, and agent or customer only by its direction; `nobody`
is what a system says of a call that was never answered."""


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """Which side hung up, as a system wrote it down.

    `method` names the place for people, such as "queue_log COMPLETEAGENT". Where `is_sure` is false the value has other
    causes as well (FreeSWITCH's send_bye is also sent by a dialplan): it counts only beside another leg that agrees.
    """

    side: CallSide
    method: str
    is_sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What one row, line or file of a telephone system says of a call. What it does not say is left empty.

    - `place` is where it stands, for messages.
    - `ids` are all names by which other rows and recordings may know it (uniqueid, linkedid, uuid); legs that share
      one are one call. `call_id` is the one that people search by, empty for a leg that has none of its own.
    - `recordings` are names, paths or addresses of its recordings. `beside` is the path, without its ending, of a note
      on this leg alone: a recording that is called so is its, where nothing else says which is.
    - `caller` and `callee` are numbers or extensions, as written; `customer` is the customer's number, where the system
      says so whatever the direction.
    - `epoch_s` is when the leg began in seconds since 1970, wherever the row has it (an epoch in a uniqueid, too);
      `cells["started_at"]` is the clock's text for the same moment.
    - `cells` are the other fields of `METADATA_FIELDS` as written: agent_id, agent_name, team, queue, wait_s, …
    - `extension` is the agent's line, where it is known; it is the agent's id when nothing else is.
    - `extra` are further columns worth keeping, by name; `column_numbers` are their places in a table, for messages.
    """

    place: Message
    ids: tuple[str, ...] = ()
    call_id: str = ""
    recordings: tuple[str, ...] = ()
    beside: str = ""
    direction: Direction | None = None
    caller: str = ""
    callee: str = ""
    customer: str = ""
    extension: str = ""
    released: ReleaseRecord | None = None
    epoch_s: float | None = None
    cells: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    column_numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetadataFile:
    """A file that may hold call metadata: its path, and its text ("" for one that is no text, such as Parquet)."""

    path: Path
    text: str

    @property
    def shown_name(self) -> str:
        """What the file is called in messages."""
        return _shown(self.path.name)

    def line(self, number: int) -> Message:
        """The place of a line, for messages."""
        return Message("{file} line {number}", file=self.shown_name, number=number)

    def head(self, lines: int = 20) -> list[str]:
        """The first lines that are not blank, without their ends."""
        found: list[str] = []
        for line in re.finditer(r"[^\r\n]+", self.text):
            if not line[0].isspace():
                found.append(line[0])
            if len(found) == lines:
                break
        return found


@lru_cache(16)
def _shown(name: str) -> str:
    return shown(Path(name))


class LegReader(Protocol):
    """Reads what one kind of telephone system writes of its calls."""

    @property
    def source(self) -> str:
        """What `ingest.source` calls it: lower case, words joined by hyphens."""

    def recognises(self, file: MetadataFile) -> bool:
        """Whether the file looks like this system's, by what is in it rather than by its name; never by a guess.

        It looks at the first lines only, so that a file is recognised at once however long it is.
        """

    def read(self, file: MetadataFile, warnings: list[Message]) -> Iterator[Leg]:
        """The legs of a file in its order. What makes no sense is left out with a warning that has its place and does
        not quote it.

        Raises BadMetadata, with a remedy, when the file as a whole cannot be understood.
        """
