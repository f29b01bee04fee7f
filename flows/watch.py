"""Keeps others told while a night is at work and at its end: the home, the metrics file, the log."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.exit_status import DONE, FAILED, INCOMPLETE, INTERRUPTED
from flows.log import log_event, log_run
from flows.metrics import stored_gauges, write_metrics
from flows.night_state import NightState, counts_of, last_night, night_state_file
from pipeline.errors import CallQAError
from pipeline.settings import Settings
from pipeline.storage import artefacts, audit

if TYPE_CHECKING:
    from flows.night import Night

EVERY_S = 15.0
"""How often the state of a night at work is written: as often as Prometheus usually looks."""


def exit_status(night: Night) -> int:
    """The exit status of a run that came to its end."""
    tally = night.tally
    undone = tally.failed or tally.known_failures or tally.lost or tally.without_clips or tally.damaged
    return INCOMPLETE if undone else DONE


@contextmanager
def watched(night: Night, kind: str = "nightly") -> Iterator[None]:
    """Tell of a run while the block runs, and of how it ended. Only for who holds the run lock.

    The home keeps the state of nights alone: a rejudging says nothing of whether recordings are heard.
    """
    nightly, before = kind == "nightly", last_night(night.home)
    log_run(night.run_id)
    log_event("run.started", kind=kind)
    privacy = night.settings.privacy
    audit.record(
        night.home, "run.started", run=night.run_id, kind=kind, settings=_settings_hash(night.settings),
        masked=privacy.mask, encrypted=privacy.encrypt,
    )  # fmt: skip
    state = NightState(night.run_id, "running", night.started_at, succeeded_at=before.succeeded_at if before else None)
    over = threading.Event()
    writer = threading.Thread(target=_keep_writing, args=(night, state, over), name="night state", daemon=True)
    if nightly:
        writer.start()
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt) or getattr(error, "interrupted", False)
        state = replace(
            state, status="interrupted" if stopped else "failed", exit_status=INTERRUPTED if stopped else FAILED
        )
        raise
    else:
        state = replace(state, status="completed", exit_status=exit_status(night), succeeded_at=datetime.now(UTC))
    finally:
        over.set()
        state = _counted(night, replace(state, ended_at=datetime.now(UTC)))
        if nightly:
            writer.join()
            with suppress(OSError):
                artefacts.write(night_state_file(night.home), state)
        with suppress(OSError):
            write_metrics(night.settings, state if nightly else before)
        _log_end(state)
        with suppress(CallQAError):  # a full disk, which is told already; that the run began is in the log
            told: dict[str, Any] = {name: count for name, count in state.counts.items() if count}
            audit.record(night.home, "run.ended", run=night.run_id, kind=kind, status=state.status, **told)


def _settings_hash(settings: Settings) -> str:
    """Tells one night's settings from another's in the audit log."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:16]


def _keep_writing(night: Night, state: NightState, over: threading.Event) -> None:
    stored = stored_gauges(night.home, night.settings) if night.settings.metrics.file else ()
    while True:
        now = _counted(night, state)
        with suppress(OSError):  # a full disk is told where it stops the work
            artefacts.write(night_state_file(night.home), now)
        with suppress(OSError):
            write_metrics(night.settings, now, stored)
        if over.wait(EVERY_S):
            return


def _log_end(state: NightState) -> None:
    seconds = (state.ended_at or state.started_at) - state.started_at
    told = ("found", "heard", "judged", "failed", "lost", "queued")
    log_event(
        "run.ended",
        status=state.status,
        exit_status=state.exit_status,
        seconds=round(seconds.total_seconds(), 1),
        audio_s=round(state.heard_s, 1),
        **{name: state.counts[name] for name in told},
    )


def _counted(night: Night, state: NightState) -> NightState:
    tally = night.tally
    return replace(state, counts=counts_of(tally), heard_s=tally.heard_s, stage_s=dict(tally.stage_s))
