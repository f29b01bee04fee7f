"""Hearing in worker processes: each loads the models once, hears one recording after another, and can be lost.

The parent owns a `WorkerPool`. A worker is ``python -m flows.worker``; the two speak JSON lines over the worker's stdin
and stdout (a process of its own rather than a multiprocessing one: it shares nothing with Prefect's threads, and its
memory is the operating system's to take back).

What can go wrong, and what is done:

- the parent dies: its end of stdin closes, and the worker leaves at once;
- the worker dies (segmentation fault, out of memory): the recording gets one more worker, then it failed;
- the worker is stuck: it is killed when its time limit is over; the recording failed, unless it was not even read;
- the home takes no file, or there is no ffmpeg: `RunStopped`; nothing is lost but the recording in hand.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from flows.engines import threads
from flows.faults import RunStopped, interruption
from flows.language import LANGUAGE, say
from flows.log import log_event
from pipeline.datatypes import Half
from pipeline.messages import Message
from pipeline.settings import Settings

LOADING_LIMIT_S = 600.0
"""Loading the models takes seconds; minutes where a disk is slow."""
SHORTEST_LIMIT_S = 120.0
"""A short recording may wait for a busy machine; its limit is never shorter than this."""
MACHINE = "machine"
"""The reason of what may be the machine's fault and not the recording's."""
MACHINE_FAULTS_IN_A_ROW = 5
"""Recordings that fail so, one after the other, before it is held to be of no use to go on."""
TRIES = 2
"""Workers a recording gets before it is held to be what kills them."""


@dataclass(frozen=True, slots=True)
class WorkerOutcome:
    """What became of one recording. `reason` is None when it was heard, else a stable code; `stage_s` is what each
    stage of hearing took.
    """

    sha256: str
    audio_s: float = 0.0
    took_s: float = 0.0
    stage: str = "hear"
    reason: str | None = None
    message: str = ""
    stage_s: Mapping[str, float] = field(default_factory=dict)


class _Lost(Exception):
    """The worker is gone. `stuck`: we killed it for its time limit; `decoded`: it had the recording's sound by then."""

    def __init__(self, stuck: bool = False) -> None:
        super().__init__()
        self.stuck = stuck
        self.decoded = False


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    log: Path
    buffer: bytes = b""
    warm: bool = False

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise _Lost from error

    def receive(self, limit_s: float, stop: threading.Event) -> dict[str, Any]:
        """The worker's next message. Raises _Lost when it died or kept silent for `limit_s` seconds."""
        assert self.process.stdout is not None
        handle, ends_at = self.process.stdout.fileno(), time.monotonic() + limit_s
        while b"\n" not in self.buffer:
            if stop.is_set():
                self.kill()
                raise interruption()
            ready, _, _ = select.select([handle], [], [], 0.2)
            if ready:
                data = os.read(handle, 65536)
                if not data:
                    self.kill()
                    raise _Lost
                self.buffer += data
            elif time.monotonic() > ends_at:
                self.kill()
                raise _Lost(stuck=True)
        line, self.buffer = self.buffer.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def kill(self) -> None:
        """End the worker at once and collect it. Artefacts are renamed into place: there are no halves."""
        with suppress(OSError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


@dataclass
class WorkerPool:
    """Up to `settings.hear.workers` workers, started when first needed. Safe to call from many threads."""

    settings: Settings
    stop: threading.Event = field(default_factory=threading.Event)
    fingerprint: str | None = None
    _idle: list[_Worker] = field(default_factory=list)
    _all: list[_Worker] = field(default_factory=list)
    _started: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(
        self, sha256: str, path: Path, decoded: Callable[[float], None] | None = None, halves: Sequence[Half] = ()
    ) -> WorkerOutcome:
        """Hear one recording in a free worker and store its artefact. Raises RunStopped.

        `decoded` is told the recording's length in seconds as soon as it is known; `halves` as in `Recording`.
        """
        start = time.monotonic()
        job = {
            "sha256": sha256,
            "path": os.fsencode(path).hex(),
            "halves": [{"path": os.fsencode(half.path).hex(), "sha256": half.sha256} for half in halves],
        }
        for _ in range(TRIES):
            worker = self._take()
            try:
                outcome = self._hear(worker, job, start, decoded)
            except _Lost as lost:
                self._forget(worker)
                log_event("worker.lost", stuck=lost.stuck)
                if lost.stuck and not lost.decoded:
                    return WorkerOutcome(
                        sha256,
                        took_s=time.monotonic() - start,
                        stage="decode",
                        reason="machine",
                        message=say("its file was not read in time; the disk, the share or the machine is slow"),
                    )
                if lost.stuck:
                    return WorkerOutcome(
                        sha256,
                        took_s=time.monotonic() - start,
                        reason="stuck",
                        message=say("took far longer than its length and was given up; see hear.stuck_factor"),
                    )
            except BaseException:
                self._forget(worker)
                raise
            else:
                with self._lock:
                    self._idle.append(worker)
                return outcome
        return WorkerOutcome(
            sha256,
            took_s=time.monotonic() - start,
            reason="crashed",
            message=say("ended {tries} worker processes; memory may be short (callqa doctor)", tries=TRIES),
        )

    def _hear(
        self, worker: _Worker, job: dict[str, Any], start: float, decoded: Callable[[float], None] | None
    ) -> WorkerOutcome:
        worker.send(job)
        sha256 = job["sha256"]
        limit_s = self.settings.decode.timeout_s + SHORTEST_LIMIT_S
        audio_s = 0.0
        while True:
            try:
                reply = worker.receive(limit_s, self.stop)
            except _Lost as lost:
                lost.decoded = audio_s > 0
                raise
            match reply["event"]:
                case "decoded":
                    audio_s = float(reply["audio_s"])
                    limit_s = max(SHORTEST_LIMIT_S, self.settings.hear.stuck_factor * audio_s)
                    if not worker.warm:  # engines load when first used
                        limit_s += LOADING_LIMIT_S
                    if decoded:
                        decoded(audio_s)
                case "heard":
                    worker.warm = True
                    return WorkerOutcome(sha256, audio_s, time.monotonic() - start, stage_s=reply["stage_s"])
                case "failed":
                    took_s = time.monotonic() - start
                    return WorkerOutcome(sha256, audio_s, took_s, reply["stage"], reply["reason"], reply["message"])
                case _:
                    raise RunStopped(str(reply["message"]))

    def _take(self) -> _Worker:
        if self.stop.is_set():
            raise interruption()
        with self._lock:
            if self._idle:
                return self._idle.pop()
        worker = self._start()
        try:
            ready = worker.receive(LOADING_LIMIT_S, self.stop)
        except _Lost as lost:
            self._forget(worker)
            if lost.stuck:
                raise RunStopped(
                    Message(
                        "a worker process took too long to load its models; see {log}, or run `callqa doctor`",
                        log=worker.log,
                    )
                ) from None
            raise RunStopped(
                Message(
                    "a worker process ended while it loaded its models; see {log}, or run `callqa doctor`",
                    log=worker.log,
                )
            ) from None
        if ready["event"] != "ready":
            self._forget(worker)
            raise RunStopped(str(ready["message"]))
        self.fingerprint = str(ready["fingerprint"])
        return worker

    def _start(self) -> _Worker:
        logs = self.settings.paths.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with self._lock:
            log = logs / f"worker-{next(self._started) % 100}.log"
        # Prefect's address and secret are none of its business
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment = {**own, "OMP_NUM_THREADS": str(threads(self.settings)), "TOKENIZERS_PARALLELISM": "false"}
        environment["CALLQA_LANG"] = LANGUAGE
        with log.open("wb") as stream:
            # a session of its own: Ctrl-C reaches the parent alone, which then ends its workers itself
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env=environment,
                start_new_session=True,
            )
        worker = _Worker(process, log)
        with self._lock:
            self._all.append(worker)
        with suppress(_Lost):
            worker.send({"settings": self.settings.model_dump(mode="json")})
        return worker

    def _forget(self, worker: _Worker) -> None:
        worker.kill()
        with self._lock:
            self._all.remove(worker)

    def close(self) -> None:
        """End every worker."""
        with self._lock:
            workers, self._idle = list(self._all), []
            self._all = []
        for worker in workers:
            worker.kill()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MachineFaults:
    """Counts recordings that the machine failed, one after the other; for many threads."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._lock = threading.Lock()

    def note(self, outcome: WorkerOutcome) -> None:
        """Raises RunStopped when there are too many."""
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if outcome.reason == MACHINE else 0
            if self._in_a_row >= MACHINE_FAULTS_IN_A_ROW:
                message = Message(
                    "{count} recordings in a row could not be read; the last: {problem}; run again when that is "
                    "mended, nothing that was done is lost",
                    count=self._in_a_row,
                    problem=outcome.message,
                )
                raise RunStopped(message)
