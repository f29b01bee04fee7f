"""Every error that callqa raises on purpose, under one root.

A message is one line: what is wrong, where, and what to do about it. The command line prints it as it
is, without a traceback. A finding about a call is never an error: it is a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class CallQAError(Exception):
    """Root of callqa's own errors; `str(error)` is fit to be shown to a user."""


class BadRecording(CallQAError):
    """A recording that cannot be heard: truncated, empty, hostile, too long, not audio…

    `reason` is a short stable code (``empty``, ``not-audio``, ``no-samples``…) that goes to the failures
    table; the message says it in words. Neither ever quotes what people said.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BadMetadata(CallQAError):
    """CDR metadata that cannot be read or mapped."""


class BadSetting(CallQAError):
    """A setting that is unknown, of the wrong type or out of range."""


class BadModel(CallQAError):
    """Weights that are missing, of the wrong checksum, or that an engine refuses."""


class BadArtefact(CallQAError):
    """A stored artefact that cannot be read back (damaged, or from another version)."""


class BadTruth(CallQAError):
    """Ground truth that cannot be read, or that has nothing to be scored. Never quotes what people said."""


class BadQuery(CallQAError):
    """SQL that the read-only database refuses."""


class RuleFault(CallQAError):
    """One fault of a rulebook: file, line, what is wrong and the remedy."""

    def __init__(self, file: str, line: int | None, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
        self.file, self.line, self.message = file, line, message


class BadRule(CallQAError):
    """A rulebook that is refused whole; `faults` holds every fault, in file and line order."""

    def __init__(self, faults: Iterable[RuleFault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda f: (f.file, f.line or 0)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


def shown(path: Path) -> str:
    """A path fit for a message or a record: one line, valid UTF-8, odd characters escaped."""
    text = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
