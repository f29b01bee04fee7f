"""Every error that callqa raises on purpose, under one root.

A message is one line: what is wrong, where, and what to do about it. The command line prints it as it
is, without a traceback, in the reader's language. A finding about a call is never an error: it is a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.messages import in_language
from pipeline.messages import shown_text as shown_text
from pipeline.numbers import mask_numbers


class CallQAError(Exception):
    """Root of callqa's own errors; `str(error)` is fit to be shown to a user, and `in_language` gives it in theirs."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def in_language(self, language: str) -> str:
        """The message in Chinese ("zh") or English, as far as it was written as a `Message`."""
        return str(in_language(self.message, language))


class BadRecording(CallQAError):
    """A recording that cannot be heard: truncated, empty, hostile, too long, not audio…

    `reason` is a short stable code (``empty``, ``not-audio``, ``no-samples``…) that goes to the failures
    table; the message says it in words. Neither ever quotes what people said.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TransientFault(CallQAError):
    """A recording that cannot be heard now, through no fault of its own: the file was replaced, a share went away…

    `reason` is a short stable code (``missing``, ``replaced``, ``machine``). Nothing is final about it.
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


class BadFile(CallQAError):
    """A file that is no regular file, or is larger than callqa reads of its kind. The message does not name it."""


class BadArtefact(CallQAError):
    """A stored artefact that cannot be read back (damaged, or from another version)."""


class BadTruth(CallQAError):
    """Ground truth that cannot be read, or that has nothing to be scored. Never quotes what people said."""


class BadLanguageData(CallQAError):
    """A list or table of a language, part of callqa itself, that is missing or broken."""


class BadQuery(CallQAError):
    """SQL that the read-only database refuses."""


class RuleFault(CallQAError):
    """One fault of a rulebook: file, line, what is wrong and the remedy."""

    def __init__(self, file: str, line: int | None, message: str) -> None:
        super().__init__(message)
        self.file, self.line = file, line

    def __str__(self) -> str:
        return self.in_language("en")

    def in_language(self, language: str) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {super().in_language(language)}"


class BadRule(CallQAError):
    """A rulebook that is refused whole; `faults` holds every fault, in file and line order."""

    def __init__(self, faults: Iterable[RuleFault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda f: (f.file, f.line or 0)))
        super().__init__("\n".join(map(str, self.faults)))

    def in_language(self, language: str) -> str:
        return "\n".join(fault.in_language(language) for fault in self.faults)


def shown(path: Path) -> str:
    """A path fit for a message, telephone numbers in it masked."""
    return mask_numbers(shown_text(str(path)))
