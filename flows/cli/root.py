"""The command ``callqa`` itself: what is given before a subcommand, and how a subcommand is registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from flows.cli.help import HelpfulCommand, HelpfulGroup, examples_text, statuses_text
from flows.language import say
from flows.options import flag, given

Function = TypeVar("Function", bound=Callable[..., None])


def group(text: str, *examples: tuple[str, str], foot: str | None = None, **settings: Any) -> typer.Typer:
    """A group of commands; an example is what follows `callqa`, and what it does. `foot` stands below the examples."""
    settings = {"no_args_is_help": True, **settings}
    return typer.Typer(
        cls=HelpfulGroup,
        help=text,
        epilog="\n\n".join(filter(None, (examples_text(examples), foot))) or None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


def command(commands: typer.Typer, name: str, text: str, *examples: tuple[str, str]) -> Callable[[Function], Function]:
    """Register a function as a command; an example is what follows `callqa`, and what it does."""
    return commands.command(name, cls=HelpfulCommand, help=text, epilog=examples_text(examples))


app = group(
    say(
        "Speech analytics and quality assurance for recorded service calls: transcribes, tells agent from customer, "
        "scores by your rules. Produces a database, clips and a report. Everything stays on this machine."
    ),
    ("nightly", say("process the new recordings of the inbox")),
    ("transcribe call.wav", say("transcribe one call")),
    ("judge call.wav", say("transcribe and score one call")),
    ('sql "FROM achievement"', say("achievement rate of every indicator")),
    ("settings > callqa.toml", say("a settings file to start from")),
    ("doctor", say("check the installation")),
    foot=statuses_text(),
)


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        print(f"callqa {version('callqa')}")
        raise typer.Exit


@app.callback()
def before_command(
    settings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="CALLQA_SETTINGS",
            help=say("Settings file. Without it: callqa.toml here or in the checkout, else the defaults."),
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", envvar="CALLQA_HOME", help=say("Where callqa keeps its data, instead of paths.home.")
        ),
    ] = None,
    lang: Annotated[
        str | None, typer.Option(metavar="zh|en", help=say("Language of the output; the locale's otherwise."))
    ] = None,
    version: Annotated[
        bool, flag("--version", say("Print the version."), callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Keeps what was given before the command."""
    if lang not in (None, "zh", "en"):
        raise typer.BadParameter(say("choose zh or en"), param_hint="--lang")
    given.file, given.home = settings, home
