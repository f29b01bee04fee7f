"""``callqa nightly``, ``rejudge``, ``rebuild`` and ``schedule``: whole runs over the home."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.root import app, command
from flows.language import LANGUAGE, say
from flows.options import Inbox, Json, Unmasked, flag, given, read_settings, settings_file, shown_with
from pipeline.settings import Settings
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock

if TYPE_CHECKING:
    from flows.night import Night


@command(
    app,
    "nightly",
    say(
        "Transcribe and score new recordings, then update the database, clips and report. Safe to interrupt: the next "
        "run resumes.\n\nExit status: 0 all done; 1 an error; 3 done, but some recordings could not be transcribed, or "
        "clips not be cut, or the CDR not be read; 130 interrupted."
    ),
    ("nightly", say("the inbox of the settings")),
    ("nightly --inbox data/samples", say("the sample calls")),
    ("nightly --unmasked", say("publish numbers as they were said")),
    ("nightly --limit 100 --json", say("at most 100 calls, summary as JSON")),
)
def nightly_command(
    inbox: Inbox = None,
    limit: Annotated[int | None, typer.Option(min=0, help=say("Transcribe at most this many recordings."))] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help=say("Parallel processes, instead of hear.workers."))
    ] = None,
    retry_failed: Annotated[bool, flag("--retry-failed", say("Try recordings again that failed before."))] = False,
    no_report: Annotated[bool, flag("--no-report", say("Make no report."))] = False,
    unmasked: Unmasked = False,
    json_output: Json = False,
) -> None:
    from flows.cli.summary import print_metadata, print_summary
    from flows.console import scanning
    from flows.engines import fingerprint
    from flows.night import Night, Options
    from flows.watch import watched

    settings = read_settings(inbox, workers)
    _check_machines(settings)
    with run_lock(Home(settings.paths.home), settings.paths.group):
        settings = shown_with(settings, unmasked)
        options = Options(limit=limit, retry_failed=retry_failed, report=not no_report)
        night = Night(settings, fingerprint(settings), options)
        with watched(night):
            _finish_erasing(night)
            night.close_lost_runs()
            with scanning(night):
                night.scan()
                idle = night.idle()
            if not json_output:
                print_metadata(night)
            if idle:
                # a recording that was moved or copied changes no verdict, yet its paths are shown
                night.build_database()
            else:
                _run("nightly", night)
    nothing = say("Nothing new: {found} recordings in the inbox are done already.", found=night.tally.found)
    print_summary(night, json_output, nothing if idle else None)
    _leave(night)


@command(
    app,
    "rejudge",
    say("Score every stored call again by the rulebooks in force; needs no audio."),
    ("rejudge", say("after a rule was edited")),
)
def rejudge_command(unmasked: Unmasked = False, json_output: Json = False) -> None:
    from flows.cli.summary import print_summary
    from flows.watch import watched

    night = _stored_night(unmasked)
    with run_lock(night.home, night.settings.paths.group):
        _finish_erasing(night)
        night.plan_judging(everything=True)
        idle = not (night.to_judge or night.outdated())
        if not idle:
            with watched(night, "rejudge"):
                _run("rejudge", night)
    nothing = say("Nothing changed: all verdicts are by the rules in force.")
    print_summary(night, json_output, nothing if idle else None)
    _leave(night)


@command(
    app,
    "rebuild",
    say("Build the database, clips and report again from the stored results."),
    ("rebuild", say("after the database was damaged or removed")),
)
def rebuild_command(unmasked: Unmasked = False, json_output: Json = False) -> None:
    from flows.cli.summary import print_summary
    from flows.watch import watched

    night = _stored_night(unmasked)
    with run_lock(night.home, night.settings.paths.group), watched(night, "rebuild"):
        _finish_erasing(night)
        _run("rebuild", night)
    print_summary(night, json_output)
    _leave(night)


@command(
    app,
    "schedule",
    say("Run nightly on a schedule until Ctrl-C."),
    ('schedule --cron "30 1 * * *"', say("every night at 01:30")),
    ('schedule --cron "0 2 * * 1-6"', say("02:00 from Monday to Saturday")),
)
def schedule_command(
    cron: Annotated[
        str, typer.Option(metavar="CRON", help=say("Five fields: minute hour day month weekday."))
    ] = "30 1 * * *",
    timezone: Annotated[str, typer.Option(metavar="ZONE", help=say("Name of the time zone."))] = "Asia/Shanghai",
    inbox: Inbox = None,
) -> None:
    from flows.log import log_message
    from flows.schedule import serve

    settings, file = read_settings(inbox), settings_file()

    def ready(url: str) -> None:
        text = say(
            "Scheduled: {cron} ({timezone}). Ctrl-C ends it. Prefect: {url}", cron=cron, timezone=timezone, url=url
        )
        log_message("schedule.ready", text)

    # a scheduled night is a process of its own, which takes these from its environment
    inbox_given = settings.paths.inbox if inbox is not None else None
    places = {"CALLQA_SETTINGS": file, "CALLQA_HOME": given.home, "CALLQA_INBOX": inbox_given}
    os.environ.update(
        {
            name: str(place.absolute()) if isinstance(place, Path) else place
            for name, place in places.items()
            if place is not None
        }
    )
    os.environ["CALLQA_LANG"] = LANGUAGE
    serve(settings, cron, timezone, ready, lambda text: log_message("schedule.trouble", f"callqa: {text}"))


def _leave(night: Night) -> None:
    """End with the exit status of a run that left something undone, if this one did."""
    from flows.watch import exit_status

    if status := exit_status(night):
        raise typer.Exit(status)


def _finish_erasing(night: Night) -> None:
    """Go on with what is to be erased and was cut short, before anything shows it again."""
    from flows.erasing import finish_erasing

    night.tally.not_erased = len(finish_erasing(night.settings))


def _check_machines(settings: Settings) -> None:
    if settings.machines.engine != "local":
        from flows.machines import check_machines

        check_machines(settings)


def _stored_night(unmasked: bool) -> Night:
    from flows.engines import fingerprint
    from flows.night import Night

    settings: Settings = shown_with(read_settings(), unmasked)
    _check_machines(settings)
    return Night(settings, fingerprint(settings))


def _run(flow: str, night: Night) -> None:
    """Run a flow under a Prefect server of its own (or the user's), with its progress shown."""
    from flows.console import progress, step
    from flows.prefect_server import quiet_server

    with ExitStack() as stack:
        with step(say("starting Prefect…")):
            stack.enter_context(quiet_server(night.settings.paths.home))
            from flows.nightly import run_flow
        stack.enter_context(progress(night))
        run_flow(flow, night)
