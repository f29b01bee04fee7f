"""Hearing in child processes: each loads the models once, hears one recording after another, and can be lost.

The parent owns a `Crew`. A child is this module run with ``python -m flows.worker``; the two speak JSON
lines over the child's stdin and stdout (a process of its own rather than a multiprocessing one: it shares
nothing with Prefect's threads, and its memory is the operating system's to take back).

What can go wrong, and what is done:

- the parent dies: its end of stdin closes, and the child leaves at once;
- the child dies (segmentation fault, out of memory): the recording gets one more child, then it failed;
- the child is stuck: it is killed when its time limit is over, and the recording failed;
- the disk is full: `NightStopped`; nothing is lost but the recording in hand.
"""

from __future__ import annotations

import errno
import json
import os
import select
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any

from pipeline.errors import BadRecording, CallQAError
from pipeline.settings import CHECKOUT, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
LOADING_LIMIT_S = 600.0
"""Loading the models takes seconds; minutes where a disk is slow."""
SHORTEST_LIMIT_S = 120.0
"""A short recording may wait for a busy machine; its limit is never shorter than this."""
TRIES = 2
"""Children a recording gets before it is held to be what kills them."""


class NightStopped(CallQAError):
    """The night cannot go on (disk full, models missing, interrupted); what is done stays done."""

    def __init__(self, message: str, interrupted: bool = False) -> None:
        super().__init__(message)
        self.interrupted = interrupted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording. `reason` is None when it was heard, else a stable code."""

    sha256: str
    audio_s: float = 0.0
    took_s: float = 0.0
    stage: str = "hear"
    reason: str | None = None
    message: str = ""


def place(error: BaseException) -> str:
    """Where in our own code an error came up, as file:line; its text may quote a call and is not shown."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(CHECKOUT) and "site-packages" not in f.filename]
    last = (ours or frames)[-1:]
    return f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "?"


# --- the parent's side ---------------------------------------------------------------------------------


class _Lost(Exception):
    """The child is gone (`stuck` tells whether we killed it for its time limit)."""

    def __init__(self, stuck: bool = False) -> None:
        super().__init__()
        self.stuck = stuck


@dataclass
class _Child:
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
        """The child's next message. Raises _Lost when it died or kept silent for `limit_s` seconds."""
        assert self.process.stdout is not None
        handle, ends_at = self.process.stdout.fileno(), time.monotonic() + limit_s
        while b"\n" not in self.buffer:
            if stop.is_set():
                self.kill()
                raise NightStopped("interrupted", interrupted=True)
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
        """End the child at once and collect it. Artefacts are renamed into place: there are no halves."""
        with suppress(OSError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


@dataclass
class WorkerPool:
    """Up to `settings.hear.workers` children, started when first needed. Safe to call from many threads."""

    settings: Settings
    stop: threading.Event = field(default_factory=threading.Event)
    fingerprint: str | None = None
    _idle: list[_Child] = field(default_factory=list)
    _all: list[_Child] = field(default_factory=list)
    _started: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, sha256: str, path: Path, decoded: Callable[[float], None] | None = None) -> Outcome:
        """Hear one recording in a free child and store its artefact. Raises NightStopped.

        `decoded` is told the recording's length in seconds as soon as it is known.
        """
        start = time.monotonic()
        for _ in range(TRIES):
            child = self._take()
            try:
                outcome = self._hear(child, sha256, path, start, decoded)
            except _Lost as lost:
                self._forget(child)
                if lost.stuck:
                    return Outcome(
                        sha256,
                        took_s=time.monotonic() - start,
                        reason="stuck",
                        message="took far longer than its length and was given up; see hear.stuck_factor",
                    )
            except BaseException:
                self._forget(child)
                raise
            else:
                with self._lock:
                    self._idle.append(child)
                return outcome
        return Outcome(
            sha256,
            took_s=time.monotonic() - start,
            reason="crashed",
            message=f"ended {TRIES} hearing processes; memory may be short (callqa doctor)",
        )

    def _hear(
        self, child: _Child, sha256: str, path: Path, start: float, decoded: Callable[[float], None] | None
    ) -> Outcome:
        child.send({"sha256": sha256, "path": os.fsencode(path).hex()})
        limit_s = self.settings.decode.timeout_s + SHORTEST_LIMIT_S
        audio_s = 0.0
        while True:
            reply = child.receive(limit_s, self.stop)
            match reply["event"]:
                case "decoded":
                    audio_s = float(reply["audio_s"])
                    limit_s = max(SHORTEST_LIMIT_S, self.settings.hear.stuck_factor * audio_s)
                    if not child.warm:  # engines load when first used
                        limit_s += LOADING_LIMIT_S
                    if decoded:
                        decoded(audio_s)
                case "heard":
                    child.warm = True
                    return Outcome(sha256, audio_s, time.monotonic() - start)
                case "failed":
                    took_s = time.monotonic() - start
                    return Outcome(sha256, audio_s, took_s, reply["stage"], reply["reason"], reply["message"])
                case _:
                    raise NightStopped(str(reply["message"]))

    def _take(self) -> _Child:
        if self.stop.is_set():
            raise NightStopped("interrupted", interrupted=True)
        with self._lock:
            if self._idle:
                return self._idle.pop()
        child = self._start()
        try:
            ready = child.receive(LOADING_LIMIT_S, self.stop)
        except _Lost as lost:
            self._forget(child)
            why = "took too long to load its models" if lost.stuck else "ended while it loaded its models"
            raise NightStopped(f"a hearing process {why}; see {child.log}, or run `callqa doctor`") from None
        if ready["event"] != "ready":
            self._forget(child)
            raise NightStopped(str(ready["message"]))
        self.fingerprint = str(ready["fingerprint"])
        return child

    def _start(self) -> _Child:
        from flows.engines import threads  # not above: a child reads its orders before it loads engines

        logs = self.settings.paths.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with self._lock:
            log = logs / f"worker-{next(self._started) % 100}.log"
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads(self.settings)), "TOKENIZERS_PARALLELISM": "false"}
        with log.open("wb") as stream:
            # a session of its own: Ctrl-C reaches the parent alone, which then ends its children itself
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env=environment,
                start_new_session=True,
            )
        child = _Child(process, log)
        with self._lock:
            self._all.append(child)
        with suppress(_Lost):
            child.send({"settings": self.settings.model_dump(mode="json")})
        return child

    def _forget(self, child: _Child) -> None:
        child.kill()
        with self._lock:
            self._all.remove(child)

    def close(self) -> None:
        """End every child."""
        with self._lock:
            children, self._idle = list(self._all), []
            self._all = []
        for child in children:
            child.kill()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# --- the child's side ----------------------------------------------------------------------------------


def leave_with_parent() -> None:
    """End this process at once when the other end of stdin closes, that is, when the parent is gone."""

    def watch() -> None:
        poll = select.poll()
        poll.register(0, select.POLLHUP)
        while not any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(1000)):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="watch parent", daemon=True).start()


def _failure(error: Exception, stage: str) -> dict[str, Any]:
    if isinstance(error, BadRecording):
        return {"event": "failed", "stage": stage, "reason": error.reason, "message": str(error)}
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return {"event": "stop", "message": "the disk is full: make room and run again; nothing that was done is lost"}
    if isinstance(error, CallQAError):  # a model that cannot be loaded would fail every recording
        return {"event": "stop", "message": str(error)}
    if isinstance(error, MemoryError):
        return {"event": "failed", "stage": stage, "reason": "memory", "message": "not enough memory to hear it"}
    # an unforeseen error's text may quote the call: only its kind and place may leave the process
    return {
        "event": "failed",
        "stage": stage,
        "reason": "error",
        "message": f"unforeseen {type(error).__name__} at {place(error)}; please report it",
    }


def main() -> None:
    """The child: read settings, load the models, then hear what is asked for until stdin ends."""
    import faulthandler

    faulthandler.enable()
    # libraries print to stdout as they like; messages go through a copy that they do not know
    out: IO[bytes] = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        out.write(json.dumps(message).encode() + b"\n")

    first = json.loads(sys.stdin.buffer.readline() or "{}")
    if not first:
        return
    leave_with_parent()
    settings = Settings.model_validate(first["settings"])
    home = Home(settings.paths.home)
    try:
        from flows.engines import load_engines
        from pipeline.hearing.decode import decode
        from pipeline.run import hear_audio, hearing_fingerprint

        engines = load_engines(settings)
        fingerprint = hearing_fingerprint(engines, settings)
    except CallQAError as error:
        say({"event": "stop", "message": str(error)})
        return
    say({"event": "ready", "fingerprint": fingerprint})
    for line in sys.stdin.buffer:
        job = json.loads(line)
        path, sha256, stage = Path(os.fsdecode(bytes.fromhex(job["path"]))), job["sha256"], "decode"
        try:
            start = time.perf_counter()
            audio = decode(path, settings.decode, settings.ingest)
            say({"event": "decoded", "audio_s": audio.duration_s})
            stage = "hear"
            transcript = hear_audio(audio, sha256, engines, settings, {"decode": time.perf_counter() - start})
            artefacts.write(home.transcript(sha256, fingerprint), transcript)
            say({"event": "heard"})
        except Exception as error:
            say(_failure(error, stage))
            del error


if __name__ == "__main__":
    main()
