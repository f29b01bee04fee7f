"""What a reader of call metadata gives. One module a telephone system; `pipeline.intake.table` is the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.datatypes import CDR
from pipeline.messages import Message


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """What is known of one call: its place in the file for messages, the recording it names ("": none), its CDR."""

    place: Message
    file: str
    cdr: CDR


class MetadataReader(Protocol):
    """Reads what one kind of telephone system writes of its calls."""

    def read(self, file: Path, warnings: list[Message], *, follow_links: bool = False) -> list[MetadataRow]:
        """The calls of a file in its order. What makes no sense is left out with a warning that does not quote it.

        Raises BadMetadata, with a remedy, when the file cannot be read or understood at all.
        """
