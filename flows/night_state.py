"""What the last night came to, or what the one at work has come to so far, as the home keeps it.

A night that found nothing new, or that stopped before it began, leaves no row in the runs table; here it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from flows.tally import Tally
from pipeline.errors import BadArtefact
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from pipeline.storage.lock import running

NightStatus = Literal["running", "completed", "failed", "interrupted", "killed"]


@dataclass(frozen=True, slots=True)
class NightState:
    """One night. `succeeded_at` is when a night last came to its end, this one or one before.

    `counts` are those of `counts_of`; `stage_s` is what each stage of hearing took, over all workers.
    """

    run_id: str
    status: NightStatus
    started_at: datetime
    ended_at: datetime | None = None
    succeeded_at: datetime | None = None
    exit_status: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    heard_s: float = 0.0
    stage_s: dict[str, float] = field(default_factory=dict)


def night_state_file(home: Home) -> Path:
    return home.root / "night.json.zst"


def last_night(home: Home) -> NightState | None:
    """The last night, or the one at work; None where there was none. One that says it runs and does not was killed."""
    try:
        state = artefacts.read(night_state_file(home), NightState)
    except BadArtefact:
        return None
    if state.status == "running" and running(home) is None:
        return replace(state, status="killed")
    return state


def counts_of(tally: Tally) -> dict[str, int]:
    """What a night has counted, under names that are kept from version to version."""
    return {
        "found": tally.found,
        "heard": tally.heard,
        "judged": tally.judged,
        "failed": tally.failed + tally.known_failures,
        "lost": tally.lost,
        "queued": max(0, tally.to_hear - tally.tried),
        "unsettled": tally.waiting,
        "left": tally.left,
        "damaged": tally.damaged,
        "calls_expired": tally.calls_expired,
        "transcripts_expired": tally.transcripts_expired,
        "clips_expired": tally.clips_expired,
        "not_erased": tally.not_erased,
    }
