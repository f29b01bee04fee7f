"""What the names of recordings say of their calls, by the patterns of the settings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import BadSetting, shown
from pipeline.intake.fields import check_fields, leg_of_fields
from pipeline.intake.name_presets import (
    SIDE_SUFFIX,
    VICIDIAL_TOKENS,
    NameFields,
    NamePattern,
    name_presets,
    vicidial_pattern,
)
from pipeline.intake.reader import Leg
from pipeline.intake.vocabulary import METADATA_FIELDS
from pipeline.messages import Message


class FileNames:
    """Reads names as `ingest.file_names` says; `told` counts the recordings by the pattern that fitted.

    A pattern is a preset, "vicidial:" with that system's own tokens, or a regular expression with a named group for
    each field, searched for in the whole name. Raises BadSetting for anything else.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        presets = {preset.name: preset for preset in name_presets()}
        self._patterns: list[NamePattern | re.Pattern[str]] = []
        for text in patterns:
            if text in presets:
                self._patterns.append(presets[text])
            elif text.startswith(VICIDIAL_TOKENS):
                self._patterns.append(vicidial_pattern(text))
            else:
                self._patterns.append(_own_pattern(text, presets))
        self.told: Counter[str] = Counter()

    def leg(self, paths: Iterable[Path]) -> Leg | None:
        """What the first name says that fits a pattern, the patterns in their order; None where none fits."""
        for path in paths:
            place = Message("{place}", place=shown(Path(path.name)))
            for pattern in self._patterns:
                if isinstance(pattern, re.Pattern):
                    if match := pattern.search(path.name):
                        self.told["ingest.file_names"] += 1
                        return _own_leg(pattern, match, place)
                elif fields := pattern.read(SIDE_SUFFIX.sub("", path.stem)):
                    self.told[pattern.name] += 1
                    return Leg(place=place, **fields)
        return None

    def sides_leg(self, path: Path) -> Leg:
        """Who is on which channel of a pair whose first half is called so: the recorded channel's side comes first.

        Asterisk records the caller's channel. VICIdial records the customer's, whoever called.
        """
        stem = SIDE_SUFFIX.sub("", path.stem)
        first = next((p for p in self._patterns if isinstance(p, NamePattern) and p.read(stem)), None)
        is_vicidial = first is not None and first.name.startswith("vicidial")
        channel_map = "0=customer,1=agent" if is_vicidial else "0=caller,1=callee"
        return Leg(place=Message("{place}", place=shown(Path(path.name))), cells={"channel_map": channel_map})

    def knows(self, stem: str) -> bool:
        """Whether a name without its side is one that a preset knows, and so belongs to one call."""
        return any(bool(self._read(pattern, stem)) for pattern in self._patterns)

    @staticmethod
    def _read(pattern: NamePattern | re.Pattern[str], stem: str) -> NameFields | None:
        return None if isinstance(pattern, re.Pattern) else pattern.read(stem)


def _own_pattern(text: str, presets: Iterable[str]) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        message = Message("ingest.file_names: {fault}; it is a Python regular expression", fault=error)
        raise BadSetting(message) from error
    if not pattern.groupindex:
        raise BadSetting(
            Message(
                "ingest.file_names: {name}: no preset ({presets}), and no regular expression with a (?P<field>…)",
                name=text,
                presets=", ".join(presets),
            )
        )
    check_fields(pattern.groupindex, "ingest.file_names", tuple(name for name in METADATA_FIELDS if name != "file"))
    return pattern


def _own_leg(pattern: re.Pattern[str], match: re.Match[str], place: Message) -> Leg:
    named = {name: value for name, value in match.groupdict().items() if value}
    if "caller_number" in named and "callee_number" not in pattern.groupindex:
        # patterns could name no customer's number but as the caller's
        named.setdefault("customer_number", named.pop("caller_number"))
    return leg_of_fields(place, {name: [value] for name, value in named.items()}, {})
