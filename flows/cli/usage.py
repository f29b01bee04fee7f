"""Errors of usage (an unknown option, a missing argument) in one line, in the language of this process."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer.rich_utils

from flows.language import LANGUAGE
from pipeline.messages import Message

if TYPE_CHECKING:
    from typer._click import ClickException

_FAULTS: tuple[tuple[str, Callable[[re.Match[str]], Message]], ...] = (
    (r"No such option: (\S+?)( \(Possible options: (.*)\))?", lambda m: _unknown_option(m[1], m[3])),
    (r"No such option: (\S+) Did you mean (.*)\?", lambda m: _unknown_option(m[1], m[2])),
    (r"No such command '(.*?)'\..*", lambda m: Message("no such command: {command}", command=m[1])),
    (r"Missing command\.", lambda m: Message("a command is missing")),
    (r"Missing argument '(.*)'\.", lambda m: Message("{argument} is missing", argument=m[1])),
    (r"Missing option '(.*)'\.", lambda m: Message("{option} is missing", option=m[1])),
    (r"Option '(.*)' requires an argument\.", lambda m: Message("{option} needs a value", option=m[1])),
    (r"Option '(.*)' does not take a value\.", lambda m: Message("{option} takes no value", option=m[1])),
    (
        r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)",
        lambda m: Message("not expected: {arguments}", arguments=m[1]),
    ),
    (
        r"Invalid value for '?(.*?)'?: Input should be a valid (?:integer|number).*",
        lambda m: Message("{option}: not a number", option=m[1]),
    ),
    (
        r"Invalid value for '?(.*?)'?: Input should be greater than or equal to (.*)",
        lambda m: Message("{option}: at least {least}", option=m[1], least=m[2]),
    ),
    (
        r"Invalid value for '?(.*?)'?: Input should be less than or equal to (.*)",
        lambda m: Message("{option}: at most {most}", option=m[1], most=m[2]),
    ),
    (r"Invalid value for '?(.*?)'?: (.*)", lambda m: Message("{option}: {fault}", option=m[1], fault=m[2])),
)
"""What typer says, as a pattern, and what is said instead."""


def _unknown_option(option: str, alike: str | None) -> Message:
    if alike:
        return Message("no such option: {option}; did you mean {alike}?", option=option, alike=alike)
    return Message("no such option: {option}", option=option)


def usage_fault(text: str) -> str:
    """What typer says of wrong usage, in the language of this process; unknown texts stay as they are."""
    for pattern, message in _FAULTS:
        if match := re.fullmatch(pattern, text, re.DOTALL):
            return message(match).in_language(LANGUAGE)
    return text


def _show(error: ClickException) -> None:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help page
        typer.echo(error.format_message())
        return
    hint = ""
    if context is not None:
        command = Message(" (help: {command} -h)", command=context.command_path)
        hint = command.in_language(LANGUAGE)
    print(f"callqa: {usage_fault(error.format_message())}{hint}", file=sys.stderr)


def show_usage_errors() -> None:
    """Have typer show errors of usage as callqa shows its own."""
    typer.rich_utils.rich_format_error = _show  # type: ignore[assignment]
