"""What runs tell whoever watches over them: text for people, or one JSON object a line (`log.format = "json"`).

Names of events and their fields are kept from one version to the next; programs rely on them. An event holds counts,
times, stable codes and our own messages: nothing of a call, no file name, no number.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Literal

from pipeline.errors import shown_text
from pipeline.settings import Settings

EVENTS: dict[str, tuple[str, ...]] = {
    "run.started": ("kind",),
    "run.scanned": ("found", "to_hear", "copies", "unsettled", "known_failures", "warnings"),
    "run.fetched": ("files", "of_files", "size_mb"),
    "run.progress": ("heard", "to_hear", "judged", "failed", "audio_s"),
    "recording.failed": ("stage", "reason"),
    "worker.lost": ("stuck",),
    "run.ended": (
        "status", "exit_status", "seconds", "found", "heard", "judged", "failed", "lost", "queued", "audio_s",
    ),
    "schedule.ready": ("message",),
    "schedule.trouble": ("message",),
    "prefect.renewed": ("message",),
    "machine.joined": ("message",),
    "machine.trouble": ("message",),
    "shard.done": ("run_id", "shard", "heard", "judged", "failed"),
    "error": ("message", "exit_status"),
}  # fmt: skip
"""Every event, and its fields beside `at`, `level`, `event` and, where there is one, `run`."""

_LEVELS = {
    "recording.failed": "warning",
    "worker.lost": "warning",
    "schedule.trouble": "warning",
    "prefect.renewed": "warning",
    "machine.trouble": "warning",
    "error": "error",
}


MessageEvent = Literal["schedule.ready", "schedule.trouble", "prefect.renewed", "machine.joined", "machine.trouble"]
"""Events that tell people a text."""


class _Log:
    """How this process tells: set once, when its settings are read."""

    json = False
    run_id = ""


_log = _Log()


def log_as(settings: Settings) -> None:
    """Tell by these settings from now on."""
    _log.json = settings.log.format == "json"


def log_run(run_id: str) -> None:
    """Name the run that all later events belong to."""
    _log.run_id = run_id


def logs_json() -> bool:
    """Whether stderr is for a program: then nothing else may be written to it."""
    return _log.json


def log_event(name: str, **fields: str | float | None) -> None:
    """Tell of an event, where a program listens."""
    assert set(fields) == set(EVENTS[name]), name
    if not _log.json:
        return
    run = {"run": _log.run_id} if _log.run_id else {}
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"at": at, "level": _LEVELS.get(name, "info"), "event": name, **run, **fields}
    print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)


def log_message(name: MessageEvent, text: str) -> None:
    """Tell people a text, or a program the event of which it tells."""
    if _log.json:
        log_event(name, message=shown_text(text))
    else:
        print(text, file=sys.stderr, flush=True)
