"""Which of the two languages the command line speaks: ``--lang``, CALLQA_LANG, else the locale's; else English."""

from __future__ import annotations

import os
import sys

from pipeline.messages import Language, Message, in_language


def _chosen() -> Language:
    # before typer parses them: help texts are made while modules are imported
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
"""Chosen once, when the process starts."""


def say(template: str, **values: object) -> str:
    """A message in the language of this process; see `pipeline.messages.Message`."""
    return Message(template, **values).in_language(LANGUAGE)


def localised(message: object) -> str:
    """What an error or a record says, in the language of this process as far as it is a message."""
    return str(in_language(message, LANGUAGE))
