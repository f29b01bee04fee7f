"""``callqa audit``: who did what with the home, and whether that log is whole."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from flows.cli.root import app, command, group
from flows.exit_status import FAILED
from flows.language import localised, say
from flows.options import Json, meant_records, read_settings
from pipeline.errors import BadArtefact, BadSetting, shown, shown_text
from pipeline.messages import Message
from pipeline.storage import artefacts
from pipeline.storage.audit import AUDIT_ACTIONS, CALL_DIGITS, AuditEntry, audit_entries, audit_file, verify_audit
from pipeline.storage.audit_names import ACTION_NAMES
from pipeline.storage.home import Home, RecordingRecord

if TYPE_CHECKING:
    from pipeline.settings import Settings

audit_app = group(
    say(
        "Who did what: runs, queries, calls read, exports, publishing, keys. Nothing that was said is in it.\n\nEach "
        "line holds the hash of the one before; `callqa audit verify` finds a line that was changed, left out or put "
        "in."
    ),
    ("audit", say("the last 50 lines")),
    ("audit --action query --since 2026-11-01", say("queries since a day")),
    ("audit --call 20261116-0007 --last 1000", say("what was done with a call")),
    ("audit verify", say("whether the log is whole")),
    no_args_is_help=False,
    invoke_without_command=True,
)
app.add_typer(audit_app, name="audit")


@audit_app.callback()
def show_audit(
    context: typer.Context,
    action: Annotated[
        str | None, typer.Option(metavar="ACTION", help=say("Only this action, as {names}…", names="query, export"))
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help=say("Only what this account did."))] = None,
    call: Annotated[str | None, typer.Option(metavar="ID", help=say("Only what names this call."))] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help=say("Only since this day, as 2026-11-01."))] = None,
    last: Annotated[int, typer.Option(min=1, help=say("At most so many lines, the newest."))] = 50,
    json_output: Json = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    from flows.console import print_json, table

    settings = read_settings()
    home = Home(settings.paths.home)
    chosen = deque(_chosen(home, settings, action, user, call, since), maxlen=last)
    if json_output:
        entries = [{**asdict(entry), "at": entry.at.isoformat()} for entry in chosen]
        print_json(json.dumps(entries, ensure_ascii=False, indent=2))
        return
    if not chosen:
        print(say("{file}: nothing of that kind", file=audit_file(home)))
        return
    zone = ZoneInfo(settings.ingest.timezone)
    headings = (say("time"), say("account"), say("machine"), say("action"), say("call"), say("details"))
    table("", [(heading, "left") for heading in headings], [_row(home, entry, zone) for entry in chosen])


def _chosen(
    home: Home, settings: Settings, action: str | None, user: str | None, call: str | None, since: str | None
) -> Iterator[AuditEntry]:
    if action is not None and action not in AUDIT_ACTIONS:
        raise BadSetting(
            Message("--action {action}: choose one of {names}", action=action, names=", ".join(AUDIT_ACTIONS))
        )
    try:
        day = since and datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=ZoneInfo(settings.ingest.timezone))
    except ValueError as error:
        raise BadSetting(Message("--since {day}: write the day as 2026-11-01", day=since)) from error
    wanted = _beginnings(home, call) if call is not None else None
    for entry in audit_entries(home):
        if (
            (action is None or entry.action == action)
            and (user is None or user in (entry.user, entry.login))
            and (wanted is None or not wanted.isdisjoint(entry.calls))
            and (not day or entry.at >= day)
        ):
            yield entry


def _beginnings(home: Home, call: str) -> set[str]:
    """What stands in the log for the calls that a text means; of a forgotten call the text itself may be it."""
    records = meant_records(home.recording_records(), call)
    return {record.sha256[:CALL_DIGITS] for record in records} or {call.lower()[:CALL_DIGITS]}


def _call_name(home: Home, beginning: str) -> str:
    """A call's own id while the home has it, else what stands in the log."""
    for path in home.recording(beginning).parent.glob(f"{beginning}*"):
        with suppress(BadArtefact):
            return shown_text(artefacts.read(path, RecordingRecord).cdr.call_id or beginning)
    return beginning


def _row(home: Home, entry: AuditEntry, zone: ZoneInfo) -> tuple[str | None, ...]:
    account = f"{entry.user} ({entry.login})" if entry.login else entry.user
    name = ACTION_NAMES.get(entry.action)
    return (
        f"{entry.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        account,
        entry.host,
        localised(name) if name else entry.action,
        " ".join(_call_name(home, call) for call in entry.calls) or None,
        " ".join(f"{name}={value}" for name, value in entry.details.items()) or None,
    )


@command(
    audit_app,
    "verify",
    say(
        "Check the chain of hashes, and print its head. Whoever may write the file could write all of it anew, or cut "
        "off its end: keep the head elsewhere (on paper, in another system), and check against it later.\n\nExit "
        "status: 1 when the chain is broken, or the head is not in it."
    ),
    ("audit verify", say("the chain, and its head to keep")),
    ("audit verify --head 3f9c…", say("that a head kept elsewhere is still in it")),
)
def audit_verify(
    head: Annotated[
        str | None, typer.Option(metavar="HASH", help=say("A head noted earlier, or at least 16 digits of it."))
    ] = None,
    json_output: Json = False,
) -> None:
    from flows.console import print_json

    head = (head or "").strip().lower().rstrip("…")
    if head and (len(head) < 16 or set(head) - set("0123456789abcdef")):
        raise BadSetting(Message("--head: not a hash; give at least 16 hexadecimal digits of one that was printed"))
    home = Home(read_settings().paths.home)
    check = verify_audit(home, head)
    if json_output:
        print_json(json.dumps({**asdict(check), "fault": check.fault and localised(check.fault)}, ensure_ascii=False))
    elif check.fault is not None:
        print(
            say(
                "{file}:{line}: {fault}. The {entries} entries before are as they were written",
                file=shown(audit_file(home)),
                line=check.line,
                fault=check.fault,
                entries=check.entries,
            )
        )
    else:
        print(say("{entries} entries, the chain is whole. Head: {head}", entries=check.entries, head=check.head))
        if check.torn:
            print(say("{torn} lines were cut short by a kill or a power cut", torn=check.torn))
        if check.ends_torn:
            print(say("The last line is one of them; the next entry says so and goes on from it"))
        if head and check.knows_head:
            print(say("The head that was given is in it: nothing before it was changed"))
    if not check.knows_head and check.fault is None and not json_output:
        print(say("The head that was given is not in it: the log was written anew, or its end was cut off"))
    if check.fault is not None or not check.knows_head:
        raise typer.Exit(FAILED)
