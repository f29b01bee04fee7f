"""Which of the two languages the command line speaks: ``--lang``, CALLQA_LANG, else the locale's; else English."""

from __future__ import annotations

import os
import sys
from typing import Literal

Language = Literal["zh", "en"]


def _chosen() -> Language:
    arguments = sys.argv[1:]
    for index, argument in enumerate(arguments):
        value = argument.removeprefix("--lang=") if argument.startswith("--lang=") else None
        if argument == "--lang" and index + 1 < len(arguments):
            value = arguments[index + 1]
        if value in ("zh", "en"):
            return "zh" if value == "zh" else "en"
    for variable in ("CALLQA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


LANGUAGE: Language = _chosen()
"""Chosen once, when the command starts: help texts are made at import."""


def say(zh: str, en: str) -> str:
    """The text in the language of this process."""
    return zh if LANGUAGE == "zh" else en
