"""Help pages in both languages. Han text has no spaces to break at, so lines are broken here, at its characters.

typer would lay pages out with rich, which cuts off what it cannot break; its own words are English throughout.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import typer
import typer.rich_utils
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from flows.exit_status import EXIT_STATUSES
from flows.language import localised, say

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter

PAGE_COLUMNS = 100
"""Columns of a page on a wide terminal: longer lines are hard to read."""

INDENT, GUTTER = 2, 2
MOST_NAME_COLUMNS = 28
"""Columns that names of options may take beside their help; a longer name has its help on the next line."""

# a run of what is not Han stays whole; each Han character stands alone, with the punctuation that may not leave it
_PIECE = re.compile(
    r"[（“《【]*(?:[^\s\u2e80-\u9fff\uff00-\uffef]+|[\u2e80-\u9fff\uff00-\uffef])[，。；：！？、）”》】…]*|\s+"
)


def columns(text: str) -> int:
    """Columns that a text takes; a character of which terminals disagree counts as wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in text)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, unless a single word is longer."""
    lines = [""]
    for paragraph in text.split("\n"):
        for piece in _PIECE.findall(paragraph):
            if columns(lines[-1] + piece.rstrip()) > width and lines[-1]:
                lines[-1] = lines[-1].rstrip()
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip()
        lines[-1] = lines[-1].rstrip()
        lines.append("")
    return lines[:-1]


class _Page:
    """Lays out a command's help."""

    def get_help_option(self, ctx: Context) -> TyperOption | None:
        option: TyperOption | None = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help, option.metavar = say("Show this help."), ""
        return option

    def get_usage(self, ctx: Context) -> str:
        command: Command = self  # type: ignore[assignment]
        pieces = [ctx.command_path, say("[OPTIONS]")]
        pieces += [_usage_piece(param) for param in command.params if isinstance(param, TyperArgument)]
        if isinstance(command, TyperGroup):
            pieces.append(say("COMMAND [ARGUMENTS]…"))
        return say("Usage: {usage}", usage=" ".join(pieces))

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        command: Command = self  # type: ignore[assignment]
        width = min(shutil.get_terminal_size().columns, PAGE_COLUMNS)
        formatter.write("\n".join(_lines(command, ctx, width)) + "\n")


class HelpfulCommand(_Page, TyperCommand):
    """A command with such a page."""


class HelpfulGroup(_Page, TyperGroup):
    """A group of commands with such a page."""


def _lines(command: Command, ctx: Context, width: int) -> Iterator[str]:
    yield ""
    yield from wrapped(command.get_usage(ctx), width)
    if command.help:
        yield ""
        yield from wrapped(command.help, width)
    params = [param for param in command.get_params(ctx) if not getattr(param, "hidden", False)]
    arguments = [(_name(param), _told(param)) for param in params if isinstance(param, TyperArgument)]
    options = [(_name(param), _told(param)) for param in params if isinstance(param, TyperOption)]
    commands = []
    if isinstance(command, TyperGroup):
        found = [(name, command.get_command(ctx, name)) for name in command.list_commands(ctx)]
        commands = [(name, (one.help or "").split("\n\n")[0]) for name, one in found if one is not None]
    for heading, rows in ((say("Arguments"), arguments), (say("Options"), options), (say("Commands"), commands)):
        if rows:
            yield ""
            yield typer.style(heading, bold=True)
            yield from _table(rows, width)
    for part in (command.epilog or "").split("\n\n"):
        heading, *rows_of_it = part.split("\n")
        if rows_of_it:
            yield ""
            yield typer.style(heading, bold=True)
            yield from _table([(one.partition("\t")[0], one.partition("\t")[2]) for one in rows_of_it], width, 48)


def _usage_piece(argument: TyperArgument) -> str:
    name = argument.display_name_raw + ("…" if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _name(param: TyperArgument | TyperOption) -> str:
    if isinstance(param, TyperArgument):
        return param.display_name_raw
    names = ", ".join(sorted((*param.opts, *param.secondary_opts), key=len))
    metavar = param.metavar
    if metavar is None:
        metavar = {"integer": "N", "int": "N", "float": "X"}.get(param.bare_type(), "TEXT")
    return f"{names} {metavar}".rstrip()


def _told(param: TyperArgument | TyperOption) -> str:
    """What an option does, with its default and the variable that stands for it."""
    notes = []
    if param.envvar:
        notes.append(say("variable {name}", name=param.envvar))
    default = None if callable(param.default) else param.default
    if default is not None and default is not False and not param.required:
        notes.append(say("default {value}", value=default))
    text = param.help or ""
    return say("{text} ({notes})", text=text, notes=say(", ").join(notes)) if notes else text


def _table(rows: Sequence[tuple[str, str]], width: int, widest: int = MOST_NAME_COLUMNS) -> Iterator[str]:
    """Names and what is said of them, side by side."""
    beside = max((columns(name) for name, _ in rows if columns(name) <= widest), default=0)
    room = width - INDENT - beside - GUTTER
    for name, text in rows:
        lines = wrapped(text, room)
        if columns(name) <= widest:
            padding = " " * (beside - columns(name) + GUTTER)
            yield (" " * INDENT + typer.style(name, fg="cyan") + padding + lines[0]).rstrip()
            lines = lines[1:]
        else:
            yield " " * INDENT + typer.style(name, fg="cyan")
        for line in lines:
            yield " " * (INDENT + beside + GUTTER) + line


def examples_text(examples: Iterable[tuple[str, str]]) -> str | None:
    """Examples (what follows `callqa`, what it does) as the foot of a page."""
    lines = [f"callqa {command}\t{text}" for command, text in examples]
    return "\n".join([say("Examples:"), *lines]) if lines else None


def statuses_text() -> str:
    """The table of exit statuses as the foot of a page."""
    rows = [f"{status}\t{localised(meaning)}" for status, meaning in EXIT_STATUSES.items()]
    return "\n".join([say("Exit status:"), *rows])
