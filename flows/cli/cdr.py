"""``callqa cdr``: what call metadata says, before a night depends on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.root import app, command
from flows.exit_status import FAILED
from flows.language import localised, say
from flows.options import Inbox, Json, read_settings
from pipeline.errors import shown
from pipeline.intake.sources import AGENTS
from pipeline.messages import Message, shown_text

if TYPE_CHECKING:
    from pipeline.intake.preview import CallPreview, MetadataPreview
    from pipeline.intake.sources import RecognisedFile
    from pipeline.settings import Settings

SIGNS = {
    "amazon-connect": Message("fields that every contact record has"),
    "twilio": Message("Twilio's ids of calls and recordings"),
    "vcon": Message("parties and dialogs of a vCon"),
    "vicidial": Message("columns of VICIdial's tables"),
    "asterisk-queue-log": Message("time, call, queue, member and event between bars"),
    "asterisk-cel": Message("channel events of Asterisk"),
    "freepbx": Message("columns of the cdr table of FreePBX and Issabel"),
    "asterisk": Message("cells in the order of Master.csv, or a header of their names"),
    "freeswitch-xml": Message("the XML of one leg"),
    "freeswitch-json": Message("the JSON of one leg"),
    "freeswitch-csv": Message("cells in the order of a template of mod_cdr_csv"),
    "3cx": Message("cells in the order of 3CX's call detail records"),
    "3cx-database": Message("columns of 3CX's database"),
    "table": Message("names of columns that are known"),
    AGENTS: Message("columns of agents"),
}
"""By what a file of each system is recognised."""


NAMED_COLUMNS = 20
"""Columns that are named one by one."""

MOST_LINES = 5
"""Files of one system that are told one by one."""


@command(
    app,
    "cdr",
    say(
        "Show what call metadata says: which system wrote each file, five calls with their numbers masked, how many "
        "have a recording in the inbox, and the settings to paste. Nothing is stored.\n\nExit status: 1 when a file is "
        "not understood."
    ),
    ("cdr Master.csv queue_log", say("files that belong together")),
    ("cdr /var/log/freeswitch/json_cdr", say("a folder with a file a call")),
    ("cdr", say("what the next run would use")),
)
def cdr_command(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help=say("Files or folders; otherwise those of the inbox."))
    ] = None,
    inbox: Inbox = None,
    json_output: Json = False,
) -> None:
    from flows.console import print_json
    from pipeline.intake.preview import preview_metadata

    settings = read_settings(inbox)
    preview = preview_metadata(settings, files or [])
    lines = _settings_lines(settings, files or [], preview)
    if json_output:
        print_json(json.dumps(_cdr_json(preview, lines), ensure_ascii=False, indent=2))
    else:
        _print_preview(preview, lines)
    if preview.refused or not preview.files:
        raise typer.Exit(FAILED)


def _print_preview(preview: MetadataPreview, lines: Sequence[str]) -> None:
    from flows.cli.summary import SHOWN_WARNINGS, metadata_text
    from flows.console import out, table

    for text in _file_lines(preview.files):
        out.print(text, soft_wrap=True, markup=False, highlight=False)
    _print_refused(preview)
    if not preview.files:
        if not preview.refused:
            out.print(say("No call metadata: name a file, or put it into the inbox."))
        return
    headings = [
        say("call"), say("began"), say("direction"), say("agent"), say("customer"), say("queue"), say("wait, s"),
        say("hung up"), say("recording"),
    ]  # fmt: skip
    table(say("The first calls"), [(heading, "left") for heading in headings], [_cells(c) for c in preview.examples])
    out.print(metadata_text(preview.files, preview.calls), soft_wrap=True)
    counts = say(
        "With a recording in the inbox {matched}, without {unmatched}; recordings without a call {recordings} of "
        "{all}.",
        matched=preview.matched,
        unmatched=preview.calls - preview.matched,
        recordings=preview.without_call,
        all=preview.recordings,
    )
    out.print(counts, soft_wrap=True)
    _print_unsaid(preview)
    for warning in preview.warnings[:SHOWN_WARNINGS]:
        out.print(say("CDR: {warning}", warning=localised(warning)), style="yellow", soft_wrap=True, markup=False)
    if len(preview.warnings) > SHOWN_WARNINGS:
        out.print(say("CDR: {more} more like these.", more=len(preview.warnings) - SHOWN_WARNINGS), style="yellow")
    out.print("\n" + say("For the settings file:"))
    for line in lines:
        print(shown_text(line))


def _print_unsaid(preview: MetadataPreview) -> None:
    """What is not known of how many calls, and the columns that may hold it."""
    from flows.console import out

    if not preview.unsaid:
        return
    fields = ", ".join(f"{name} {count}" for name, count in preview.unsaid.items())
    text = say("Not said, by field and number of calls: {fields}.", fields=fields)
    if preview.unused:
        names = ", ".join(shown_text(name) for name in preview.unused[:NAMED_COLUMNS])
        more = ", …" if len(preview.unused) > NAMED_COLUMNS else ""
        text += " " + say("Columns that are not understood: {names}; see ingest.columns.", names=names + more)
    out.print(text, style="yellow", soft_wrap=True, markup=False)


def _file_lines(files: Sequence[RecognisedFile]) -> Iterator[str]:
    """A line a file; one for all files of a system that writes many."""
    by_source: dict[str, list[RecognisedFile]] = {}
    for file in files:
        by_source.setdefault(file.source, []).append(file)
    for source, own in by_source.items():
        why = localised(SIGNS[source])
        if len(own) > MOST_LINES:
            entries = sum(file.legs for file in own)
            first, last = (shown(Path(file.path.name)) for file in (own[0], own[-1]))
            yield say(
                "{count} files, {first} … {last}: {source}, {entries} entries ({why})",
                count=len(own), first=first, last=last, source=source, entries=entries, why=why,
            )  # fmt: skip
            continue
        for file in own:
            yield say(
                "{file}: {source}, {entries} entries ({why})",
                file=shown(file.path), source=source, entries=file.legs, why=why,
            )  # fmt: skip


def _print_refused(preview: MetadataPreview) -> None:
    from flows.console import err

    for each in preview.refused:
        fault = localised(each.fault)
        known = fault if each.file in fault else f"{each.file}: {fault}"
        err.print(known, soft_wrap=True, markup=False)
        if each.names:
            err.print(say("  Found: columns {names}", names=", ".join(each.names)), soft_wrap=True, markup=False)
        elif each.columns:
            text = say("  Found: {count} columns; the first line does not look like their names", count=each.columns)
            err.print(text, soft_wrap=True)
    if not any(each.columns for each in preview.refused):
        # what is missing, empty or no file needs no other settings
        return
    expected = say(
        "  Expected: what a telephone system writes ({sources}), or a table whose first line names its columns, "
        "one of them the recording or the call",
        sources=", ".join(source for source in SIGNS if source != AGENTS),
    )
    err.print(expected, soft_wrap=True, markup=False)
    todo = say(
        "  To do: name the columns in the settings (ingest.columns, or ingest.column_order for a file without a "
        "header line), or the system (ingest.source)"
    )
    err.print(todo, soft_wrap=True, markup=False)


def _cells(call: CallPreview) -> list[Any]:
    cdr = call.cdr
    hung_up = f"{cdr.release_party} ({cdr.release_method})" if cdr.release_method else cdr.release_party
    return [
        cdr.call_id,
        f"{cdr.started_at:%Y-%m-%d %H:%M:%S}" if cdr.started_at else None,
        cdr.direction,
        " ".join(filter(None, (cdr.agent_id, cdr.agent_name))) or None,
        call.customer or None,
        cdr.queue,
        f"{cdr.wait_s:g}" if cdr.wait_s is not None else None,
        hung_up,
        ", ".join(call.recordings) or None,
    ]


def _settings_lines(settings: Settings, files: Sequence[Path], preview: MetadataPreview) -> list[str]:
    """The lines of a settings file by which a night reads these files."""
    lines = ["[ingest]"]
    if files:
        inbox = settings.inbox_folder
        refused = {each.file for each in preview.refused}
        places = [file.absolute() for file in files if shown(Path(file.name)) not in refused]
        names = [str(path.relative_to(inbox) if path.is_relative_to(inbox) else path) for path in places]
        lines.append(f"metadata = {json.dumps(names, ensure_ascii=False)}")
    sources = {file.source for file in preview.files} - {AGENTS}
    source = sources.pop() if len(sources) == 1 else "auto"
    lines += [f'source = "{source}"', f'timezone = "{settings.ingest.timezone}"']
    if preview.without_direction and settings.ingest.direction is None:
        lines.append('# direction = "inbound"')
    return lines


def _cdr_json(preview: MetadataPreview, lines: Sequence[str]) -> dict[str, Any]:
    return {
        "files": [{"file": shown(file.path), "source": file.source, "rows": file.legs} for file in preview.files],
        "not_understood": [
            {"file": each.file, "why": localised(each.fault), "columns": each.columns, "names": each.names}
            for each in preview.refused
        ],
        "calls": preview.calls,
        "matched": preview.matched,
        "unmatched": preview.calls - preview.matched,
        "recordings": preview.recordings,
        "recordings_without_call": preview.without_call,
        "unsaid": dict(preview.unsaid),
        "columns_not_understood": preview.unused,
        "examples": [
            {
                "call_id": call.cdr.call_id,
                "started_at": call.cdr.started_at.isoformat() if call.cdr.started_at else None,
                "direction": call.cdr.direction,
                "agent_id": call.cdr.agent_id,
                "agent_name": call.cdr.agent_name,
                "team": call.cdr.team,
                "queue": call.cdr.queue,
                "wait_s": call.cdr.wait_s,
                "release_party": call.cdr.release_party,
                "release_method": call.cdr.release_method,
                "customer": call.customer or None,
                "recordings": call.recordings,
            }
            for call in preview.examples
        ],
        "warnings": [localised(warning) for warning in preview.warnings],
        "settings": "\n".join(lines),
    }
