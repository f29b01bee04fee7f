"""``callqa backup`` and ``restore``: a copy of the home in a folder, and a home made from it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.root import app, command
from flows.exit_status import INCOMPLETE
from flows.language import localised, say
from flows.options import Json, flag, read_settings
from pipeline.messages import Message
from pipeline.storage import audit
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock

if TYPE_CHECKING:
    from pipeline.storage.backup import BackupFault

Target = Annotated[Path, typer.Argument(metavar="TARGET", help=say("Folder of the backup."))]

FAULTS = {"missing": Message("is missing"), "damaged": Message("is damaged")}

SHOWN_FAULTS = 20


@command(
    app,
    "backup",
    say(
        "Copy the home into a folder; the next time only what is new, and what the home has no more leaves it. Safe "
        "while nightly runs. Read back at the end; --verify reads all of it again.\n\nNot in it: the database, which "
        "`callqa restore` builds; settings and rulebooks outside the home; the key of callers' hashes (`callqa keys "
        "export`). It holds what people said: keep it as safe as the home.\n\nExit status: 0 all well; 3 damaged, as "
        "listed."
    ),
    ("backup /mnt/backup/callqa", say("after every night")),
    ("backup /mnt/backup/callqa --verify", say("read every file of it again")),
)
def backup_command(
    target: Target,
    verify: Annotated[bool, flag("--verify", say("Copy nothing; read the whole backup again."))] = False,
    json_output: Json = False,
) -> None:
    from dataclasses import asdict

    from flows.console import out, print_json, step
    from pipeline.storage.backup import note_target, take_backup, verify_backup

    home = Home(read_settings().paths.home)
    if verify:
        with nullcontext() if json_output else step(say("reading the backup…")):
            faults = verify_backup(target)
        _tell_faults(faults, json_output)
        return
    audit.record(home, "backup")
    with nullcontext() if json_output else step(say("copying…")):
        outcome = take_backup(home, target)
    note_target(home, target)
    if json_output:
        print_json(json.dumps(asdict(outcome)))
        return
    text = say(
        "Backup: {files} files, {size_mb:.1f} MB; copied {copied}, {copied_mb:.1f} MB; removed {removed}.",
        files=outcome.files,
        size_mb=outcome.size_bytes / 1e6,
        copied=outcome.copied,
        copied_mb=outcome.copied_bytes / 1e6,
        removed=outcome.removed,
    )
    out.print(text)
    out.print(say("The key of callers' hashes is not in it; keep a copy elsewhere: callqa keys export"), soft_wrap=True)


@command(
    app,
    "restore",
    say(
        "Put a backup into a home that is empty, and build its database: the same calls, scores, clips and reports; "
        "the next night transcribes nothing again. Cut short, it is run again and goes on.\n\nPut the key of callers' "
        "hashes back, too (`callqa keys import`), before the next night.\n\nExit status: 0 all there; 3 files of the "
        "backup are damaged, as listed."
    ),
    ("--home /srv/callqa/home restore /mnt/backup/callqa", say("on a new machine")),
)
def restore_command(target: Target, json_output: Json = False) -> None:
    from flows.console import out, step
    from flows.rulebooks import rulebooks_in_force
    from pipeline.results.rows import rulebook_info
    from pipeline.results.store import build_database
    from pipeline.storage.backup import read_manifest
    from pipeline.storage.restore import end_restore, restore_files

    settings = read_settings()
    home = Home(settings.paths.home)
    read_manifest(target)
    with run_lock(home, settings.paths.group, restoring=True):
        with nullcontext() if json_output else step(say("copying…")):
            faults = restore_files(home, target)
        with nullcontext() if json_output else step(say("building the database…")):
            build_database(home, settings, [rulebook_info(book) for book in rulebooks_in_force(settings).values()])
        end_restore(home)
        audit.record(home, "restore", damaged=len(faults))
    if not json_output:
        out.print(say("Restored: {home}", home=home.root), soft_wrap=True)
        if not home.salt.exists():
            out.print(say("The key of callers' hashes is not there; before the next night: callqa keys import"))
    _tell_faults(faults, json_output)


def _tell_faults(faults: list[BackupFault], json_output: bool) -> None:
    """The files of a backup that are not as they should be; ends with the status of something undone if there are."""
    from flows.console import err, out, print_json

    if json_output:
        print_json(json.dumps({"damaged": [[fault.path, fault.fault] for fault in faults]}))
    elif not faults:
        out.print(say("All files of the backup are whole."))
    for fault in faults[:SHOWN_FAULTS] if not json_output else ():
        err.print(say("{path}: {fault}", path=fault.path, fault=localised(FAULTS[fault.fault])), style="yellow")
    if len(faults) > SHOWN_FAULTS and not json_output:
        err.print(say("{count} more like these", count=len(faults) - SHOWN_FAULTS), style="yellow")
    if faults:
        raise typer.Exit(INCOMPLETE)
