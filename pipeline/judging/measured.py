"""What was measured of a rulebook, and stands in its `measured.yaml`: how far the findings of acts and rules hold.

`callqa rules measure` makes the file from the sayings that are set aside (`pipeline.judging.measuring`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.judging.faults import Faults
from pipeline.judging.reader import validated
from pipeline.judging.yaml_lines import read_yaml
from pipeline.messages import Message

Z95 = 1.959964
"""Standard deviations to either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many found of so many."""

    found: int
    of: int

    @property
    def value(self) -> float | None:
        """From 0 to 1; None of nothing."""
        return self.found / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval (Wilson, 1927, J. Am. Stat. Assoc. 22); None of nothing."""
        if not self.of:
            return None
        share, n, z = self.found / self.of, self.of, Z95
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __add__(self, other: Share) -> Share:
        return Share(self.found + other.found, self.of + other.of)


@dataclass(frozen=True, slots=True)
class Measured:
    """How far an act's being found, or a rule's `fail`, can be trusted: precision and recall, over `n` sentences.

    They are those of a set with about as many near misses as sentences that do it; calls have far fewer of either.
    """

    precision: Share
    recall: Share
    n: int


@dataclass(frozen=True)
class Measures:
    """What was measured, by act and by rule; `keys` are those of the acts as they were then (`Act.key`)."""

    acts: Mapping[str, Measured] = field(default_factory=dict)
    rules: Mapping[str, Measured] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    precision: tuple[int, int]
    recall: tuple[int, int]
    n: int = Field(ge=0)
    key: str = ""

    @model_validator(mode="after")
    def _a_part_of_all(self) -> _Entry:
        if any(not 0 <= found <= of for found, of in (self.precision, self.recall)):
            raise ValueError(Message("a share is [found, of how many]"))
        return self

    @property
    def measured(self) -> Measured:
        return Measured(Share(*self.precision), Share(*self.recall), self.n)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    acts: dict[str, _Entry] = Field(default_factory=dict)
    rules: dict[str, _Entry] = Field(default_factory=dict)


def read_measures(file: Path, faults: Faults) -> Measures:
    """What stands in a `measured.yaml`; nothing where there is none."""
    source = read_yaml(file, faults) if file.exists() else None
    if source is None:
        return Measures()
    found = validated(_File, source.value, source, (), faults) or _File()
    return Measures(
        {name: entry.measured for name, entry in found.acts.items()},
        {name: entry.measured for name, entry in found.rules.items()},
        {name: entry.key for name, entry in found.acts.items()},
    )


def written(measures: Measures) -> str:
    """The text of a `measured.yaml`."""
    lines = ["# Made by `callqa rules measure` from the sayings set aside: [found, of how many], with 95 % intervals."]
    for heading, found, keys in (("acts", measures.acts, measures.keys), ("rules", measures.rules, {})):
        lines.append(f"{heading}:" if found else f"{heading}: {{}}")
        for name, each in found.items():
            values: dict[str, Any] = {"precision": _pair(each.precision), "recall": _pair(each.recall), "n": each.n}
            if name in keys:
                values["key"] = f'"{keys[name]}"'
            inner = ", ".join(f"{key}: {value}" for key, value in values.items())
            lines.append(f"  {name}: {{{inner}}}  # {_percent(each.precision)}, {_percent(each.recall)}")
    return "\n".join(lines) + "\n"


def _pair(share: Share) -> str:
    return f"[{share.found}, {share.of}]"


def _percent(share: Share) -> str:
    if share.value is None or share.interval is None:
        return "–"
    low, high = share.interval
    return f"{100 * share.value:.0f} % ({100 * low:.0f}–{100 * high:.0f})"
