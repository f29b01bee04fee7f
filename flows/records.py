"""What a run keeps in the home beside its results: that results await their report, failures, the run itself."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from flows.log import log_event
from flows.tally import Tally
from pipeline.errors import BadArtefact
from pipeline.messages import in_language
from pipeline.numbers import mask_numbers
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import write_whole
from pipeline.storage.home import Failure, Home, Run


class PendingReport:
    """A mark in the home that results changed since the database was built, with the calls judged since.

    Who does not publish (`publishes`) leaves it to whoever does.
    """

    def __init__(self, home: Home, publishes: bool = True) -> None:
        self.path = home.root / "unpublished"
        # one process writes it: on a share, two that append lose each other's lines
        self._publishes = publishes

    def set(self) -> None:
        if self._publishes and not self.path.exists():
            write_whole(self.path, b"")

    def add(self, *calls: str) -> None:
        """Name calls that are judged; a line that a kill cut short is left out when they are read."""
        if self._publishes and calls:
            with self.path.open("a", encoding="ascii") as stream:
                stream.write("".join(f"\n{sha256}\n" for sha256 in calls))

    def calls(self) -> frozenset[str]:
        """The calls judged since the last report."""
        try:
            text = self.path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return frozenset()
        return frozenset(line for line in text.split() if len(line) == 64)

    def leave_out(self, gone: Collection[str]) -> None:
        """Name these calls no more; that results changed stays."""
        if self and (named := self.calls()) & set(gone):
            write_whole(self.path, "".join(f"\n{sha256}\n" for sha256 in sorted(named - set(gone))).encode())

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)

    def __bool__(self) -> bool:
        return self.path.exists()


class Failures:
    """Recordings that could not be heard or judged, kept in the language of whoever runs this."""

    def __init__(self, home: Home, pending: PendingReport, tally: Tally, language: str) -> None:
        self._home, self._pending, self._tally, self._language = home, pending, tally, language

    def keep(self, failure: Failure) -> None:
        """Keep a failure; one that is known already is left as it was, so that it changes nothing."""
        self._tally.add(failed=1)
        log_event("recording.failed", stage=failure.stage, reason=failure.reason)
        path = self._home.failure(failure.key)
        wordings = {mask_numbers(str(in_language(failure.message, language))) for language in ("zh", "en")}
        with suppress(BadArtefact):
            known = artefacts.read(path, Failure)
            if known.message in wordings and replace(known, at=failure.at, message=failure.message) == failure:
                return
        self._pending.set()
        message = mask_numbers(str(in_language(failure.message, self._language)))
        artefacts.write(path, replace(failure, path=mask_numbers(failure.path), message=message))

    def forget(self, sha256: str) -> None:
        self._home.failure(sha256).unlink(missing_ok=True)

    def forget_judging(self, sha256: str) -> None:
        """Take back the failure of an earlier judging; one of hearing stays, it says what these engines cannot hear."""
        with suppress(BadArtefact):
            if artefacts.read(self._home.failure(sha256), Failure).stage == "judge":
                self.forget(sha256)


class RunRecord:
    """The run's own row, which is there from the first thing that it does."""

    def __init__(self, home: Home, run_id: str, started_at: datetime, settings: Settings) -> None:
        self._home, self._run_id, self._started_at = home, run_id, started_at
        masked = "yes" if settings.privacy.mask else "no"
        self._settings = {"engine": settings.hear.engine, "model": settings.hear.model, "masked": masked}
        self._begun = False
        self._lock = threading.Lock()

    def begin(self, pending: PendingReport, tally: Tally) -> None:
        """Write the row unless it is there."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
        pending.set()
        self.write("running", tally)

    def write(self, status: Literal["running", "completed", "failed"], tally: Tally) -> None:
        """Write the row of a run that has begun."""
        if not self._begun:
            return
        run = Run(
            self._run_id,
            self._started_at,
            None if status == "running" else datetime.now(UTC),
            status,
            found=tally.found,
            heard=tally.heard,
            judged=tally.judged,
            failed=tally.failed,
            skipped=tally.found - tally.to_hear,
            waiting=tally.waiting,
            audio_s=tally.audio_s,
            settings=self._settings,
        )
        artefacts.write(self._home.run(self._run_id), run)

    def read(self) -> Run | None:
        return artefacts.read(self._home.run(self._run_id), Run) if self._begun else None


def close_lost_runs(home: Home, pending: PendingReport) -> None:
    """Runs that say they are running, while we hold the lock, were killed: say so."""
    for path in home.files("runs"):
        with suppress(BadArtefact):
            run = artefacts.read(path, Run)
            if run.status == "running":
                pending.set()
                artefacts.write(path, replace(run, status="failed"))
