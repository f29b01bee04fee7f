"""Texts that speech recognisers make up: credits of subtitles, and sign-offs of videos."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from pipeline.language.data import compile_listed, read_table

_LANGUAGES = ("zh", "en")
"""A recogniser makes up either, whatever language a call has."""


@dataclass(frozen=True)
class _HallucinationTexts:
    """`hallucinations.yaml` of a language."""

    credits: Sequence[str]
    sign_offs: Sequence[str]


@dataclass(frozen=True)
class Hallucinations:
    """Both languages' together: `credits` to be searched for, `sign_offs` to be the whole of a segment."""

    credits: re.Pattern[str]
    sign_offs: re.Pattern[str]


@cache
def hallucinations() -> Hallucinations:
    tables = [read_table(language, "hallucinations", _HallucinationTexts) for language in _LANGUAGES]

    def any_of(alternatives: Sequence[str]) -> re.Pattern[str]:
        return compile_listed("hallucinations.yaml", f"(?:{'|'.join(alternatives)})", re.IGNORECASE)

    return Hallucinations(
        any_of([text for table in tables for text in table.credits]),
        any_of([text for table in tables for text in table.sign_offs]),
    )
