"""``callqa export``: calls and results in formats that other programs read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.root import app, command
from flows.exit_status import INCOMPLETE
from flows.language import localised, say
from flows.options import Unmasked, flag, read_settings, shown_with
from pipeline.errors import BadSetting, CallQAError
from pipeline.messages import Message
from pipeline.storage import audit
from pipeline.storage.home import Home

if TYPE_CHECKING:
    from flows.exporting import ChosenBy, Exported
    from pipeline.messages import Language
    from pipeline.results.rows import RulebookInfo
    from pipeline.settings import Settings


_What = Annotated[str, typer.Argument(metavar="WHAT", help=say("vcon, webvtt, rttm, turns or verdicts."))]
_Calls = Annotated[
    list[str] | None,
    typer.Argument(metavar="CALL", help=say("Call ids, file names or SHA-256s, or the beginning of id or SHA-256.")),
]
_OneDay = Annotated[str | None, typer.Option(metavar="DAY", help=say("Calls of this day, as 2026-11-16."))]
_First = Annotated[str | None, typer.Option("--from", metavar="DAY", help=say("Calls since this day."))]
_Last = Annotated[str | None, typer.Option("--to", metavar="DAY", help=say("Calls up to this day, included."))]
_Team = Annotated[str | None, typer.Option(metavar="TEAM", help=say("Calls of this team."))]
_Agent = Annotated[str | None, typer.Option(metavar="AGENT", help=say("Calls of this agent, by number or name."))]
_All = Annotated[bool, flag("--all", say("All calls."))]
_Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="PLACE", help=say("Folder for files, a file for a table; “-” is the standard output.")
    ),
]
_Kind = Annotated[
    str | None,
    typer.Option("--format", metavar="csv|jsonl|parquet", help=say("Of a table, instead of its file's ending.")),
]
_Voices = Annotated[str, typer.Option(metavar="zh|en", help=say("Language of the voices' names in captions."))]
_Recording = Annotated[
    str,
    typer.Option(
        metavar="hash|inline|name",
        help=say(
            "What a vCon holds of the recording: a hash of its bytes, or the sound itself as the desk plays it, "
            "silent where numbers are said, or only its name."
        ),
    ),
]
_RecordingsAt = Annotated[
    str | None,
    typer.Option(metavar="URL", help=say("Where others find the recordings: the address of the inbox (https).")),
]
_Force = Annotated[bool, flag("--force", say("Replace files that are there."))]


@command(
    app,
    "export",
    say(
        "Export calls and results for other programs. WHAT is vcon (all of a call, as the IETF's container of "
        "conversations), webvtt (captions with voices) or rttm (who speaks when): a file a call; or turns, verdicts: "
        "a table of all chosen calls, as CSV, JSON lines or Parquet.\n\nName the "
        "calls, or choose them by --day, --from, --to, --team, --agent, or --all. Numbers and addresses are hidden "
        "unless --unmasked is given. Files that are exported are not encrypted, and `callqa forget` does not reach "
        "them.\n\nExit status: 0 all exported; 3 some calls could not be, as it lists."
    ),
    ("export vcon 20261116-0007 > call.vcon", say("all of a call")),
    ("export webvtt 20261116-0007", say("captions of a call")),
    ("export turns --day 2026-11-16 -o turns.parquet", say("what was said on a day, for a notebook")),
    ("export verdicts --from 2026-11-01 --team A -o verdicts.csv", say("a team's verdicts since a day")),
    ("export rttm --all -o rttm/", say("who speaks when, a file a call")),
)
def export_command(
    what: _What,
    calls: _Calls = None,
    day: _OneDay = None,
    first: _First = None,
    last: _Last = None,
    team: _Team = None,
    agent: _Agent = None,
    everything: _All = False,
    output: _Output = "-",
    kind: _Kind = None,
    voices: _Voices = "en",
    recording: _Recording = "hash",
    recordings_at: _RecordingsAt = None,
    force: _Force = False,
    unmasked: Unmasked = False,
) -> None:
    from flows.exported_sound import recordings_by
    from flows.exporting import CallExport, Exported, chosen_calls
    from pipeline.exports.export_tables import EXPORT_TABLES
    from pipeline.exports.formats import CALL_FORMATS, ExportChoices

    form, table = CALL_FORMATS.get(what), EXPORT_TABLES.get(what)
    if form is None and table is None:
        names = ", ".join((*CALL_FORMATS, *EXPORT_TABLES))
        raise BadSetting(Message("{what}: choose one of {names}", what=what, names=names))
    by = _chosen_by(tuple(calls or ()), day, first, last, team, agent, everything)
    voices_in = _voices(voices)
    _check_recording(recording, recordings_at)
    settings = read_settings()
    home, target, done = Home(settings.paths.home), None if output == "-" else Path(output), Exported()
    ending = _ending(kind, target) if table else ""
    _check_place(target, ending, force, home, settings)
    chosen = chosen_calls(home, settings, by, done)
    if not chosen:
        raise CallQAError(Message("no such calls in {home}", home=home.root))
    if form and target is None and len(chosen) > 1:
        raise BadSetting(Message("{count} calls; name a folder for their files with -o", count=len(chosen)))
    audit.record(home, "export", calls=chosen, what=what, form=ending or what)
    settings = shown_with(settings, unmasked, chosen)
    books = _books(home, settings) if what == "verdicts" or (form and form.names_rules) else {}
    with _progress(target) as on_progress:
        export = CallExport(home, settings, chosen, books, done, on_progress)
        if table:
            export.table(table, ending, target)
        elif form:
            told = recordings_by(recording, recordings_at, home, settings, done.note_no_sound)
            export.files(form, ExportChoices(voices_in, told), target, force)
    _tell(done, settings, target)


def _check_place(target: Path | None, ending: str, force: bool, home: Home, settings: Settings) -> None:
    """Raises BadSetting for a place where this is not to be written; `ending` is a table's."""
    from flows.exporting import check_target

    if target is None:
        if ending == "parquet" and sys.stdout.isatty():
            raise BadSetting(Message("Parquet is nothing to be read on a terminal; name a file with -o"))
        return
    check_target(target, home, settings)
    if ending and target.is_dir():
        raise BadSetting(Message("{folder}: is a folder; name a file in it for the table", folder=target))
    if ending and not force and target.exists():
        raise BadSetting(Message("{file}: is there already; choose another name, or give --force", file=target))


def _chosen_by(
    calls: tuple[str, ...], day: str | None, first: str | None, last: str | None, team: str | None,
    agent: str | None, everything: bool,
) -> ChosenBy:  # fmt: skip
    from flows.exporting import ChosenBy

    if day is not None and (first is not None or last is not None):
        raise BadSetting(Message("--day is one day: give it, or --from and --to"))
    by = ChosenBy(calls, _day("--from", day or first), _day("--to", day or last), team, agent)
    if (by == ChosenBy()) == (not everything):
        raise BadSetting(
            Message("name the calls, or give --day, --from, --to, --team, --agent, or --all (help: callqa export -h)")
        )
    if calls and by != ChosenBy(calls):
        raise BadSetting(Message("calls are named, so --day, --from, --to, --team and --agent choose nothing"))
    return by


def _day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError as error:
        raise BadSetting(Message("{option}: write the day as 2026-01-01", option=option)) from error


def _voices(text: str) -> Language:
    if text not in ("zh", "en"):
        raise BadSetting(Message("--voices {text}: choose zh or en", text=text))
    return "zh" if text == "zh" else "en"


def _check_recording(kind: str, address: str | None) -> None:
    from flows.exported_sound import RECORDING_KINDS

    if kind not in RECORDING_KINDS:
        names = ", ".join(RECORDING_KINDS)
        raise BadSetting(Message("--recording {kind}: choose one of {names}", kind=kind, names=names))
    if address is not None and (kind != "hash" or not address.startswith("https://")):
        raise BadSetting(Message("--recordings-at: an address that begins with https://, and --recording hash"))


def _ending(kind: str | None, target: Path | None) -> str:
    """The kind of a table's file."""
    from pipeline.exports.table_files import TABLE_FILES

    ending = kind or (target.suffix.removeprefix(".").lower() if target else "csv")
    if ending not in TABLE_FILES:
        names = ", ".join(TABLE_FILES)
        if kind is None and target is not None:
            raise BadSetting(
                Message("{file}: name it .csv, .jsonl or .parquet, or give --format {names}", file=target, names=names)
            )
        raise BadSetting(Message("--format {form}: choose one of {names}", form=ending, names=names))
    return ending


def _books(home: Home, settings: Settings) -> dict[str, RulebookInfo]:
    """The rulebooks that give rules their names."""
    from pipeline.exports.rule_names import published_books

    if (published := published_books(home, settings.ingest.timezone)) is not None:
        return published
    from flows.rulebooks import rulebooks_in_force
    from pipeline.results.rows import rulebook_info

    return {book.name: rulebook_info(book) for book in rulebooks_in_force(settings).values()}


@contextmanager
def _progress(target: Path | None) -> Iterator[Callable[[int, int], None]]:
    from flows.console import counting

    if target is None:
        yield lambda done, total: None
        return
    with counting(say("exporting…")) as tell:
        yield tell


def _tell(done: Exported, settings: Settings, target: Path | None) -> None:
    """What was exported, and what is missing."""
    from flows.console import err, out
    from flows.exporting import MOST_LISTED

    if target is not None:
        out.print(say("Exported: {count} calls, to {place}", count=done.calls, place=target))
    if settings.privacy.encrypt and done.calls:
        err.print(say("callqa's home is encrypted; what is exported is not: keep it as safe"), style="yellow")
    missing = [
        (done.without_words, say("only their scores are kept; the time for their words is over")),
        (done.being_forgotten, say("they are being forgotten; `callqa forget` goes on with it")),
        (done.were_there, say("their files are there already; --force replaces them")),
        (len(done.damaged), say("they cannot be read")),
    ]
    for count, why in missing:
        if count:
            err.print(say("not exported: {count} calls: {why}", count=count, why=why), style="yellow")
    if done.without_sound:
        text = say(
            "without their sound: {count} calls: {why}", count=len(done.without_sound), why=done.without_sound[0]
        )
        err.print(text, style="yellow")
    for fault in done.damaged[:MOST_LISTED]:
        err.print(localised(fault), style="yellow")
    if not done.is_whole:
        raise typer.Exit(INCOMPLETE)
