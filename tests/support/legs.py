"""What a reader of a telephone system makes of a text."""

from __future__ import annotations

from pathlib import Path

from pipeline.intake.reader import Leg, LegReader, MetadataFile
from pipeline.messages import Message


def legs_of(reader: LegReader, text: str, name: str = "cdr.csv") -> list[Leg]:
    """The legs of a file that must be recognised and hold nothing to warn of."""
    legs, warnings = legs_and_warnings(reader, text, name)
    assert not warnings
    return legs


def legs_and_warnings(reader: LegReader, text: str, name: str = "cdr.csv") -> tuple[list[Leg], list[Message]]:
    """The legs of a file that must be recognised, and what was told of it."""
    file = MetadataFile(Path(name), text)
    assert reader.recognises(file)
    warnings: list[Message] = []
    return list(reader.read(file, warnings)), warnings


def fields_of(leg: Leg) -> dict[str, object]:
    """What a leg says, without its place, its extra columns and what is empty."""
    fields: dict[str, object] = {
        "ids": leg.ids, "call_id": leg.call_id, "recordings": leg.recordings, "direction": leg.direction,
        "caller": leg.caller, "callee": leg.callee, "customer": leg.customer, "extension": leg.extension,
        "released": (leg.released.side, leg.released.is_sure) if leg.released else None, "epoch_s": leg.epoch_s,
        **leg.cells,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}
