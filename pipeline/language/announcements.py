"""What only a machine says, and how a transfer is announced: `prompts.yaml` and `transfers.yaml` of each language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pipeline.language.data import Expression, Words, read_table


@dataclass(frozen=True)
class PromptPhrases:
    """Of recorded announcements: what counts at the beginning of a call, what anywhere, and who is alive after all."""

    at_start_patterns: tuple[Expression, ...]
    anywhere_patterns: tuple[Expression, ...]
    live_patterns: tuple[Expression, ...]
    at_start: Words = ()
    anywhere: Words = ()


@dataclass(frozen=True)
class TransferPhrases:
    """How agents announce that a call is passed on."""

    announced: tuple[Expression, ...]


@cache
def prompt_phrases(language: str) -> PromptPhrases:
    """The phrases of "zh" or "en"; read once. Raises `BadLanguageData`."""
    return read_table(language, "prompts", PromptPhrases)


@cache
def transfer_phrases(language: str) -> TransferPhrases:
    """The phrases of "zh" or "en"; read once. Raises `BadLanguageData`."""
    return read_table(language, "transfers", TransferPhrases)
