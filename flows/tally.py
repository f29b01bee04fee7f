"""Counts of a run while it goes on, for its display, its record and its summary."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flows.language import say

if TYPE_CHECKING:
    from pipeline.intake.inbox import Scan
    from pipeline.intake.sources import RecognisedFile


@dataclass
class Tally:
    """Counted from several threads, by `add`; `on_change` is told of every count.

    `tried` are recordings whose hearing is over, well or not; `heard_s` is the length of those that were heard.
    """

    found: int = 0
    copies: int = 0
    pairs: int = 0
    one_sided: int = 0
    mixes: int = 0
    superseded: int = 0
    forgotten: int = 0
    not_erased: int = 0
    calls_expired: int = 0
    transcripts_expired: int = 0
    clips_expired: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    warnings: tuple[str, ...] = ()
    metadata: tuple[RecognisedFile, ...] = ()
    tables_unread: tuple[Path, ...] = ()
    cdr_calls: int = 0
    rows_unused: int = 0
    without_row: int = 0
    to_hear: int = 0
    heard: int = 0
    to_judge: int = 0
    judged: int = 0
    failed: int = 0
    known_failures: int = 0
    lost: int = 0
    without_clips: int = 0
    damaged: int = 0
    left: int = 0
    audio_s: float = 0.0
    expected_s: float = 0.0
    done_s: float = 0.0
    tried: int = 0
    heard_s: float = 0.0
    stage_s: dict[str, float] = field(default_factory=dict)
    on_change: Callable[[], None] = lambda: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        *,
        heard: int = 0,
        judged: int = 0,
        failed: int = 0,
        lost: int = 0,
        without_clips: int = 0,
        audio_s: float = 0.0,
        expected_s: float = 0.0,
        done_s: float = 0.0,
        tried: int = 0,
        stage_s: Mapping[str, float] | None = None,
    ) -> None:
        with self._lock:
            self.heard += heard
            self.judged += judged
            self.failed += failed
            self.lost += lost
            self.without_clips += without_clips
            self.audio_s += audio_s
            self.expected_s += expected_s
            self.done_s += done_s
            self.tried += tried
            self.heard_s += audio_s if heard else 0.0
            for stage, took_s in (stage_s or {}).items():
                self.stage_s[stage] = self.stage_s.get(stage, 0.0) + took_s
        self.on_change()

    def count_scan(self, scanned: Scan) -> None:
        """What the last look through the inbox found."""
        unread = [failure.message for failure in scanned.failures if failure.reason == "metadata"]
        self.copies, self.waiting = scanned.copies, scanned.unsettled
        self.warnings = (*unread, *scanned.warnings)
        self.metadata, self.tables_unread, self.cdr_calls = scanned.metadata, scanned.unread, scanned.calls
        self.rows_unused, self.without_row = scanned.rows_unused, scanned.without_row
        self.found = len(scanned.recordings) + len(scanned.failures) - len(unread)
        self.pairs, self.one_sided, self.mixes = scanned.pairs, scanned.one_sided, scanned.mixes
        self.superseded, self.passed_over, self.names = len(scanned.superseded), scanned.passed_over, scanned.names
        self.forgotten = scanned.forgotten

    def in_a_line(self, run_id: str) -> str:
        """What a night came to, with all that somebody should look at, for one that nobody watches."""
        return say(
            "run {id}: found {found}, transcribed {heard}, scored {judged}, failed {failed}; gone or changed {lost}, "
            "without clips {without_clips}, damaged files {damaged}, still being written {waiting}",
            id=run_id,
            found=self.found,
            heard=self.heard,
            judged=self.judged,
            failed=self.failed + self.known_failures,
            lost=self.lost,
            without_clips=self.without_clips,
            damaged=self.damaged,
            waiting=self.waiting,
        )
