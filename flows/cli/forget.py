"""``callqa forget``: calls that somebody wants forgotten."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.root import app, command
from flows.exit_status import INCOMPLETE
from flows.language import localised, say
from flows.options import Json, flag, read_settings
from pipeline.errors import BadSetting
from pipeline.messages import Message
from pipeline.storage import audit
from pipeline.storage.erasure import unfinished
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock

if TYPE_CHECKING:
    from flows.erased import Remnant
    from flows.forgetting import Held, WantedCall
    from pipeline.storage.erasure import Erasure

KINDS = {
    "recordings": Message("records of recordings"),
    "heard": Message("transcripts"),
    "judged": Message("verdicts"),
    "scores": Message("scores without words"),
    "answers": Message("answers of a local model"),
    "unanswered": Message("open questions to a local model"),
    "failures": Message("failures"),
    "excerpts": Message("clips"),
    "sound": Message("recordings as the desk plays them"),
    "columns": Message("columns for replays, with other calls; made anew"),
    "reports": Message("reports and workbooks; made anew"),
    "inbox": Message("recordings in the inbox"),
}
"""What each kind of files is called, in the order in which they are listed."""

LISTED_CALLS = 50


@command(
    app,
    "forget",
    say(
        "Forget calls: what was heard, verdicts, clips, their rows in the database, reports and workbooks that show "
        "them. They are not transcribed again. Without calls, goes on with what was cut short.\n\n"
        "The recordings in the inbox stay unless --recording is given. Rows of call metadata always stay: delete them "
        "where the telephone system keeps them.\n\nExit status: 0 all gone; 3 something could not be deleted, as it "
        "lists."
    ),
    ("forget 20261116-0007 --dry-run", say("what would go")),
    ("forget 20261116-0007 --recording", say("a call, and its recording in the inbox")),
    ("forget --caller 13900001234", say("every call of a caller")),
    ("forget --before 2026-01-01 --yes", say("calls that began before a day, without asking")),
)
def forget_command(
    calls: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CALL", help=say("Call ids, file names or SHA-256s, or the beginning of id or SHA-256.")
        ),
    ] = None,
    caller: Annotated[str | None, typer.Option(metavar="NUMBER", help=say("All calls of this number."))] = None,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help=say("All calls that began before this day, as 2026-01-01."))
    ] = None,
    recording: Annotated[bool, flag("--recording", say("Delete the recordings in the inbox, too."))] = False,
    dry_run: Annotated[bool, flag("--dry-run", say("List what would go, and delete nothing."))] = False,
    yes: Annotated[bool, flag("--yes", say("Do not ask."))] = False,
    json_output: Json = False,
) -> None:
    from dataclasses import replace

    from flows.erasing import erase, finish_erasing
    from flows.forgetting import Wanted, calls_wanted, held_by, listed_calls

    settings = read_settings()
    home = Home(settings.paths.home)
    wanted = Wanted(tuple(calls or ()), caller, _day(before))
    with run_lock(home, settings.paths.group):
        if wanted == Wanted() and unfinished(home) is None:
            raise BadSetting(Message("name the calls, or give --caller or --before (help: callqa forget -h)"))
        left = [] if dry_run else finish_erasing(settings)
        erasure = calls_wanted(home, settings, wanted)
        held = held_by(home, erasure)
        if dry_run:
            _show(listed_calls(home, settings, erasure), held, recording, json_output)
            return
        if erasure:
            if not yes and sys.stdin.isatty():
                _show(listed_calls(home, settings, erasure), held, recording, json_output=False)
                typer.confirm(say("Forget them? This cannot be taken back."), abort=True)
            audit.record(home, "forget", count=len(erasure.calls), recording=recording)
            left = erase(settings, erasure if recording else replace(erasure, recordings=()))
    _tell(settings, erasure, left, recording, json_output)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError as error:
        raise BadSetting(Message("--before: write the day as 2026-01-01")) from error


def _show(calls: list[WantedCall], held: list[Held], recording: bool, json_output: bool) -> None:
    """What would go."""
    from flows.console import out, print_json, table

    shown = [each for each in held if recording or each.kind != "inbox"]
    if json_output:
        names = [call.call_id or call.sha256 for call in calls]
        print_json(json.dumps({"calls": names, "files": {h.kind: [h.files, h.size_bytes] for h in shown}}))
        return
    if calls:
        texts = [(c.call_id or "–", f"{c.began:%Y-%m-%d %H:%M}" if c.began else "–", c.sha256[:12]) for c in calls]
        heads = [(say("call"), "left"), (say("began"), "left"), ("SHA-256", "left")]
        table(say("Calls"), heads, texts[:LISTED_CALLS])
    out.print(say("Calls: {count}. Nothing has been deleted.", count=len(calls)))
    order = list(KINDS)
    rows = [
        (localised(KINDS[each.kind]), each.files, f"{each.size_bytes / 1e6:.3f}")
        for each in sorted(shown, key=lambda each: order.index(each.kind))
    ]
    if rows:
        table(say("What goes"), [(say("what"), "left"), (say("files"), "right"), (say("MB"), "right")], rows)


def _tell(settings: Any, erasure: Erasure, left: list[Remnant], recording: bool, json_output: bool) -> None:
    """What was forgotten, and what is still there."""
    from flows.console import err, out, print_json
    from flows.erased import holding_backups, told_remnant

    texts = [localised(told_remnant(remnant)) for remnant in left]
    backups = [localised(line) for line in holding_backups(Home(settings.paths.home), erasure)]
    if json_output:
        print_json(json.dumps({"calls": len(erasure.calls), "left": texts, "backups": backups}, ensure_ascii=False))
    else:
        out.print(say("Forgotten: {count} calls.", count=len(erasure.calls)))
        if erasure and not recording:
            out.print(
                say("Their recordings in the inbox stay and are not transcribed again; --recording deletes them.")
            )
        if erasure:
            out.print(say("Rows of call metadata stay: delete them where the telephone system keeps them."))
        if settings.is_remote and recording:
            out.print(say("Recordings on the server stay there; callqa deletes nothing on servers."))
        for line in backups:
            err.print(say("backup: {line}", line=line), style="yellow", soft_wrap=True)
        for text in texts:
            err.print(say("still there: {text}", text=text), style="yellow")
    if left:
        raise typer.Exit(INCOMPLETE)
