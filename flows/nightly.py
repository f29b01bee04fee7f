"""The Prefect flows: nightly, rejudge and rebuild.

Prefect shows that a run went on and how long each part took. It learns a run's id and shard numbers and
nothing else: no file name, no name of a person, no word of a call is in a parameter, a result or a log.
What is to be done, and whether it is done, `flows.plan` finds in the home folder.

Import this module after `flows.prefect_server.quiet_environment`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

from flows.erasing import finish_erasing
from flows.exit_status import FAILED
from flows.faults import explained, interruption
from flows.language import LANGUAGE
from flows.log import log_as, log_event, logs_json
from flows.night import Night
from flows.options import inbox_at
from flows.parent import leave_with_starter
from flows.prefect_server import server_fault
from flows.watch import watched
from pipeline.errors import CallQAError
from pipeline.messages import Message, shown_lines
from pipeline.settings import load_settings
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock
from pipeline.storage.permissions import only_ours
from pipeline.storage.sealing import seal_by

_NIGHTS: dict[str, Night] = {}
"""The runs of this process, by id. Prefect records what flows and tasks are given, so they are given an id and no more;
and they are module-level functions, for its scheduler imports the flow by name."""


STOPPED = "stopped; callqa says why where it runs"


class FlowStopped(Exception):
    """What Prefect is told when a run stops early: nothing but that."""


@contextmanager
def known(night: Night) -> Iterator[Night]:
    """Make a night known to the tasks under its id."""
    _NIGHTS[night.run_id] = night
    try:
        yield night
    finally:
        del _NIGHTS[night.run_id]
        night.pool.close()


@contextmanager
def _step(run_id: str) -> Iterator[Night]:
    """A task's body: an error stays in the night, and Prefect is told only that there was one."""
    night = _NIGHTS[run_id]
    try:
        yield night
    except Exception as error:
        if night.error is None:
            night.error = explained(error)
        night.stop.set()
        failed = True
    else:
        failed = False
    if failed:
        raise FlowStopped(STOPPED)


@task(name="scan", cache_policy=NO_CACHE, persist_result=False)
def scan_task(run_id: str, again: bool) -> None:
    with _step(run_id) as night:
        if again or night.plan is None:
            night.scan()


@task(name="hear", cache_policy=NO_CACHE, persist_result=False)
def hear_task(run_id: str, shard: int) -> None:
    with _step(run_id) as night:
        night.hear(shard)


@task(name="judge", cache_policy=NO_CACHE, persist_result=False)
def judge_task(run_id: str, shard: int) -> None:
    with _step(run_id) as night:
        night.judge(shard)


@task(name="clips", cache_policy=NO_CACHE, persist_result=False)
def clips_task(run_id: str, everything: bool, count: bool) -> None:
    with _step(run_id) as night:
        night.cut_clips(everything, count)


@task(name="database", cache_policy=NO_CACHE, persist_result=False)
def database_task(run_id: str, anew: bool) -> None:
    with _step(run_id) as night:
        night.build_database(anew)


@task(name="report", cache_policy=NO_CACHE, persist_result=False)
def report_task(run_id: str) -> None:
    with _step(run_id) as night:
        night.write_report()


def _finish(night: Night, everything: bool = False) -> None:
    night.record.write("completed", night.tally)
    if everything or night.masked_otherwise or night.settings.machines.engine == "local":
        clips_task(night.run_id, everything, True)
    database_task(night.run_id, everything)
    report_task(night.run_id)
    night.pending.clear()


def _judge_all(night: Night, everything: bool) -> None:
    night.plan_judging(everything)
    night.tally.on_change()
    if night.settings.machines.engine != "local":
        _share_out(night)
        return
    for shard in range(night.judge_shards):
        judge_task(night.run_id, shard)


def _hear_all(night: Night) -> None:
    """Hear what was planned, and judge it."""
    if night.settings.machines.engine != "local":
        # a shard is heard and judged at once
        _judge_all(night, everything=False)
        return
    shards = night.plan.shards if night.plan else ()
    wait([hear_task.submit(night.run_id, shard) for shard in range(len(shards))])
    _stop_on_error(night)
    _judge_all(night, everything=False)


def _share_out(night: Night) -> None:
    """Have other machines do it; Dask is imported for nobody else."""
    from flows.machines import share_out

    with _step(night.run_id):
        share_out(night)


@contextmanager
def _heeding_signals(night: Night) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the night in good order; Prefect would be cut off in the middle of a step."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        if night.stop.is_set():
            os._exit(130)  # asked twice; the workers leave with us
        night.error = interruption()
        night.stop.set()

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@flow(name="nightly", validate_parameters=False, persist_result=False, log_prints=False)
def nightly_flow(run_id: str | None = None) -> None:
    """Scan the inbox, hear and judge what is new, build the database. Without `run_id` it is a scheduled run."""
    if run_id is None:
        _scheduled()
        return
    night = _NIGHTS[run_id]
    with _heeding_signals(night), _recording_end(night):
        scan_task(run_id, False)
        _hear_all(night)
        while night.has_more:
            # their bytes leave for those that wait
            clips_task(run_id, False, False)
            scan_task(run_id, True)
            _hear_all(night)
        if night.outdated():
            _finish(night)
        else:
            database_task(run_id, False)  # what has been kept for its time is deleted every night


@flow(name="rejudge", validate_parameters=False, persist_result=False, log_prints=False)
def rejudge_flow(run_id: str) -> None:
    """Judge every stored call again where the rulebook, the CDR or the code of judging changed."""
    night = _NIGHTS[run_id]
    with _heeding_signals(night), _recording_end(night):
        _judge_all(night, everything=True)
        if night.outdated():
            _finish(night)


@flow(name="rebuild", validate_parameters=False, persist_result=False, log_prints=False)
def rebuild_flow(run_id: str) -> None:
    """Build database, excerpts and report again from the stored results."""
    night = _NIGHTS[run_id]
    with _heeding_signals(night), _recording_end(night):
        _finish(night, everything=True)


def _stop_on_error(night: Night) -> None:
    if night.error is not None:
        raise FlowStopped(STOPPED)


@contextmanager
def _recording_end(night: Night) -> Iterator[None]:
    """Whatever ends the run, its row says so, and Prefect learns nothing of why."""
    try:
        yield
    except Exception as error:
        if night.error is None:
            night.error = server_fault(error, night.home.root) or explained(error)
        night.stop.set()
        with suppress(OSError):  # the disk may be what failed; the row is closed by the next run
            night.record.write("failed", night.tally)
        raise FlowStopped(STOPPED) from None


def run_flow(which: str, night: Night) -> None:
    """Run one of the flows ("nightly", "rejudge", "rebuild") for a night. Raises the CallQAError that stopped it."""
    flows: dict[str, Any] = {"nightly": nightly_flow, "rejudge": rejudge_flow, "rebuild": rebuild_flow}
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=night.settings.hear.workers)
    with known(night):
        try:
            state = flows[which].with_options(task_runner=runner)(night.run_id, return_state=True)
        except Exception as error:
            # Prefect's own, before the flow began or after it ended
            raise night.error or server_fault(error, night.home.root) or error from error
    if night.error is not None:
        raise night.error
    if not state.is_completed():
        raise CallQAError(
            Message("Prefect did not complete the run ({state}); run it again, or `callqa doctor`", state=state.name)
        )


def _scheduled() -> None:
    """A run started by Prefect's scheduler, in a process of its own; `callqa schedule` sets the environment."""
    from flows.engines import fingerprint

    leave_with_starter()  # the scheduler's server goes with it, and the next start takes up the rest
    given = {name: os.environ.get(f"CALLQA_{name}") for name in ("SETTINGS", "HOME", "INBOX")}
    problem: CallQAError | None = None
    try:
        settings = load_settings(Path(given["SETTINGS"]) if given["SETTINGS"] else None)
        paths: dict[str, Path | str] = {}
        if given["HOME"]:
            paths["home"] = Path(given["HOME"])
        if given["INBOX"]:
            paths["inbox"] = inbox_at(given["INBOX"])
        settings = settings.model_copy(update={"paths": settings.paths.model_copy(update=paths)})
        only_ours(settings.paths.group)
        seal_by(settings.privacy)
        log_as(settings)
        with run_lock(Home(settings.paths.home), settings.paths.group):
            night = Night(settings, fingerprint(settings))
            with watched(night):
                night.tally.not_erased = len(finish_erasing(settings))
                night.close_lost_runs()
                run_flow("nightly", night)
            if not logs_json():
                print(night.tally.in_a_line(night.run_id), flush=True)
    except CallQAError as error:
        problem = error
    if problem is not None:
        text = problem.in_language(LANGUAGE)
        if logs_json():
            log_event("error", message=shown_lines(text), exit_status=FAILED)
        else:
            print(f"callqa: {text}", file=sys.stderr, flush=True)
        raise FlowStopped(STOPPED)
