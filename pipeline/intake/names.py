"""What the name of a recording's file says of its call, by the pattern of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.datatypes import CDR
from pipeline.errors import BadSetting, shown
from pipeline.intake.cdr import CdrBuilder
from pipeline.intake.fields import check_fields
from pipeline.intake.vocabulary import METADATA_FIELDS
from pipeline.messages import Message


class FileNames:
    """Reads `ingest.file_name_pattern`. Raises BadSetting when it is no regular expression or names no field."""

    def __init__(self, pattern: str | None, builder: CdrBuilder) -> None:
        self._builder = builder
        try:
            self._pattern = re.compile(pattern) if pattern else None
        except re.error as error:
            message = Message("ingest.file_name_pattern: {fault}; it is a Python regular expression", fault=error)
            raise BadSetting(message) from error
        if self._pattern:
            fields = tuple(name for name in METADATA_FIELDS if name != "file")
            check_fields(self._pattern.groupindex, "ingest.file_name_pattern", fields)

    def read(self, paths: Iterable[Path], warnings: list[Message]) -> CDR | None:
        """What the first name says that fits the pattern; None when there is no pattern, or none fits."""
        if self._pattern is None:
            return None
        for path in paths:
            if match := self._pattern.search(path.name):
                named = {name: value for name, value in match.groupdict().items() if value}
                if "caller_number" in named and "callee_number" not in self._pattern.groupindex:
                    # patterns could name no customer's number but as the caller's
                    named.setdefault("customer_number", named.pop("caller_number"))
                return self._builder.build(named, {}, shown(Path(path.name)), warnings)
        return None
