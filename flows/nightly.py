"""The Prefect flows: nightly, rejudge and rebuild.

Prefect shows that a run went on and how long each part took. It learns a run's id and shard numbers and
nothing else: no file name, no name of a person, no word of a call is in a parameter, a result or a log.
What is to be done, and whether it is done, `flows.night` finds in the home folder.

Import this module after `flows.prefect_server.quiet_environment`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

from flows.night import Night, explain
from flows.worker import NightStopped
from pipeline.errors import CallQAError
from pipeline.settings import load_settings
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock

_NIGHTS: dict[str, Night] = {}
"""The runs of this process, by id: tasks take an id, so that Prefect sees no more than that."""


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
            night.error = explain(error)
        night.stop.set()
        failed = True
    else:
        failed = False
    if failed:
        raise FlowStopped("stopped; callqa says why where it runs")


@task(name="scan", cache_policy=NO_CACHE, persist_result=False)
def scan(run_id: str) -> None:
    with _step(run_id) as night:
        if not night.scanned:
            night.scan()


@task(name="hear", cache_policy=NO_CACHE, persist_result=False)
def hear(run_id: str, shard: int) -> None:
    with _step(run_id) as night:
        night.hear(shard)


@task(name="judge", cache_policy=NO_CACHE, persist_result=False)
def judge(run_id: str, shard: int) -> None:
    with _step(run_id) as night:
        night.judge(shard)


@task(name="excerpts", cache_policy=NO_CACHE, persist_result=False)
def excerpts(run_id: str, everything: bool) -> None:
    with _step(run_id) as night:
        night.cut_excerpts(everything)


@task(name="database", cache_policy=NO_CACHE, persist_result=False)
def database(run_id: str, anew: bool) -> None:
    with _step(run_id) as night:
        night.build_database(anew)


@task(name="report", cache_policy=NO_CACHE, persist_result=False)
def report(run_id: str) -> None:
    with _step(run_id) as night:
        night.report()


def _finish(night: Night, everything: bool = False) -> None:
    night.record("completed")
    excerpts(night.run_id, everything)
    database(night.run_id, everything)
    report(night.run_id)
    night.unpublished.clear()


def _judge_all(night: Night, everything: bool) -> None:
    night.plan_judging(everything)
    night.on_change()
    for shard in range(night.judge_shards):
        judge(night.run_id, shard)


@contextmanager
def _heeding_signals(night: Night) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the night in good order; Prefect would be cut off in the middle of a step."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        if night.stop.is_set():
            os._exit(130)  # asked twice; the children leave with us
        night.error = NightStopped("interrupted", interrupted=True)
        night.stop.set()

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@flow(name="nightly", validate_parameters=False, persist_result=False, log_prints=False)
def nightly(run_id: str | None = None) -> None:
    """Scan the inbox, hear and judge what is new, publish. Without `run_id` it is a scheduled run."""
    if run_id is None:
        _scheduled()
        return
    night = _NIGHTS[run_id]
    with _heeding_signals(night), _recording_end(night):
        scan(run_id)
        futures = [hear.submit(run_id, shard) for shard in range(len(night.shards))]
        wait(futures)
        _stop_on_error(night)
        _judge_all(night, everything=False)
        if night.stale():
            _finish(night)


@flow(name="rejudge", validate_parameters=False, persist_result=False, log_prints=False)
def rejudge(run_id: str) -> None:
    """Judge every stored call again where the rulebook, the CDR or the code of judging changed."""
    night = _NIGHTS[run_id]
    with _heeding_signals(night), _recording_end(night):
        _judge_all(night, everything=True)
        if night.stale():
            _finish(night)


@flow(name="rebuild", validate_parameters=False, persist_result=False, log_prints=False)
def rebuild(run_id: str) -> None:
    """Build database, excerpts and report again from the stored results."""
    night = _NIGHTS[run_id]
    with _heeding_signals(night), _recording_end(night):
        _finish(night, everything=True)


def _stop_on_error(night: Night) -> None:
    if night.error is not None:
        raise FlowStopped("stopped; callqa says why where it runs")


@contextmanager
def _recording_end(night: Night) -> Iterator[None]:
    """Whatever ends the run, its row says so, and Prefect learns nothing of why."""
    try:
        yield
    except Exception as error:
        if night.error is None:
            night.error = explain(error)
        night.stop.set()
        with suppress(OSError):  # the disk may be what failed; the row is closed by the next run
            night.record("failed")
        raise FlowStopped("stopped; callqa says why where it runs") from None


def run_flow(which: str, night: Night) -> None:
    """Run one of the flows ("nightly", "rejudge", "rebuild") for a night. Raises the CallQAError that stopped it."""
    flows: dict[str, Any] = {"nightly": nightly, "rejudge": rejudge, "rebuild": rebuild}
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=night.settings.hear.workers)
    with known(night):
        state = flows[which].with_options(task_runner=runner)(night.run_id, return_state=True)
    if night.error is not None:
        raise night.error
    if not state.is_completed():
        raise CallQAError(f"Prefect did not complete the run ({state.name}); run it again, or `callqa doctor`")


def _scheduled() -> None:
    """A night started by Prefect's scheduler, in a process of its own; `callqa schedule` sets the environment."""
    from flows.engines import fingerprint

    _leave_with_scheduler()
    given = {name: os.environ.get(f"CALLQA_{name}") for name in ("SETTINGS", "HOME", "INBOX")}
    problem: CallQAError | None = None
    try:
        settings = load_settings(Path(given["SETTINGS"]) if given["SETTINGS"] else None)
        paths = {name: Path(path) for name in ("home", "inbox") if (path := given[name.upper()])}
        settings = settings.model_copy(update={"paths": settings.paths.model_copy(update=paths)})
        with run_lock(Home(settings.paths.home)):
            night = Night(settings, fingerprint(settings))
            night.close_lost_runs()
            run_flow("nightly", night)
            t = night.tally
            print(
                f"night {night.run_id}: {t.found} found, {t.heard} heard, {t.judged} judged, "
                f"{t.failed + t.known_failures} failed",
                flush=True,
            )
    except CallQAError as error:
        problem = error
    if problem is not None:
        print(f"callqa: {problem}", file=sys.stderr, flush=True)
        raise FlowStopped("stopped; callqa says why where it runs")


def _leave_with_scheduler() -> None:
    """A scheduled night ends with the scheduler: its server is gone, and the next start takes up the rest."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
