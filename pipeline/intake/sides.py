"""Which side of a call is the agent and which the customer, and which of them hung up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.datatypes import Party
from pipeline.intake.reader import CallSide, Direction, ReleaseRecord

Releaser = Literal["agent", "customer", "system"]


@dataclass(frozen=True, slots=True)
class Release:
    """Who hung up, None when it is not known, and the record that says so.

    `needs_direction` is true where a record says caller or callee, and the direction would tell who that is.
    """

    party: Releaser | None = None
    method: str | None = None
    needs_direction: bool = False


def party_of(side: CallSide, direction: Direction | None) -> Party | None:
    """Agent or customer; None of what is neither, and of caller and callee of a call whose direction is not known."""
    if side in ("agent", "customer"):
        return side
    if direction is None or side not in ("caller", "callee"):
        return None
    return "customer" if (side == "caller") == (direction == "inbound") else "agent"


def released_by(records: Sequence[ReleaseRecord], direction: Direction | None) -> Release:
    """What the release records of a call's legs come to.

    Sure ones that disagree cancel each other; without a sure one, two others must agree. `nobody` is a side of its own.
    """
    sides: dict[str, ReleaseRecord] = {}
    unsure: dict[str, list[ReleaseRecord]] = {}
    needs_direction = False
    for record in records:
        side: CallSide | None = record.side if record.side in ("system", "nobody") else party_of(record.side, direction)
        if side is None:
            needs_direction = True
        elif record.is_sure:
            sides.setdefault(side, record)
        else:
            unsure.setdefault(side, []).append(record)
    if not sides and len(unsure) == 1:
        sides = {agreed: found[0] for agreed, found in unsure.items() if len(found) > 1}
    if len(sides) != 1:
        return Release(needs_direction=needs_direction and not sides)
    ((who, record),) = sides.items()
    return Release() if who == "nobody" else Release(_RELEASERS[who], record.method)


_RELEASERS: dict[str, Releaser] = {"agent": "agent", "customer": "customer", "system": "system"}
