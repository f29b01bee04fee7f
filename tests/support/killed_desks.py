"""A desk that is killed at random moments while reviewers answer over HTTP, and what is there of their answers then."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx
import uvicorn

from desk.app import make_app
from desk.context import make_desk
from desk.reviews.results import CallReview
from desk.routing import session_cookie
from pipeline.reviews.verdict_keys import VerdictKey, verdict_keys
from pipeline.storage import artefacts
from pipeline.storage.audit import verify_audit
from pipeline.storage.home import Home, JudgedFile
from tests.support.desks import ORIGIN, session_of, settings_of
from tests.support.judged_desks import make_judged_desk, small_book

_PROCESSES = multiprocessing.get_context("forkserver")
# else every start would import all anew
_PROCESSES.set_forkserver_preload(["tests.support.killed_desks"])


def serve(folder: str, port: int) -> None:
    """A desk on the home of a folder, until it is killed."""
    book = small_book(Path(folder) / "book")
    desk = make_desk(settings_of(Path(folder) / "home"), lambda: {"zh": book})
    uvicorn.run(make_app(desk), host="127.0.0.1", port=port, log_level="critical", access_log=False)


@dataclass
class AnsweringReviewer:
    """Somebody who answers one verdict after the other, and sends again what got no reply, as browsers do."""

    name: str
    session: str
    cookie: str
    address: str
    asked: Sequence[tuple[str, VerdictKey]]
    acknowledged: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    tries: int = 0
    last: str = ""

    def work(self, stop: threading.Event) -> None:
        number = 0
        with httpx.Client(cookies={self.cookie: self.session}, headers=ORIGIN, timeout=20) as client:
            while not stop.is_set():
                number += 1
                call_id, key = self.asked[number % len(self.asked)]
                comment = f"{self.name}-{number}"
                given = {
                    "token": comment, "rule": key.rule_id, "verdict": CallReview.shown_key(key), "comment": comment,
                    "answer": "right" if number % 2 else "unsure", "open_s": "1",
                }  # fmt: skip
                self._send(client, f"{self.address}/calls/{call_id}/answers", given, comment, stop)

    def _send(self, client: httpx.Client, url: str, given: dict[str, str], comment: str, stop: threading.Event) -> None:
        while not stop.is_set():
            self.tries += 1
            try:
                answer = client.post(url, data=given)
            except httpx.TransportError as error:
                self.last = repr(error)
                time.sleep(0.01)
                continue
            if answer.status_code == 303:
                self.acknowledged.append(comment)
            else:
                self.faults.append(f"{answer.status_code} {answer.text[-300:]}")
            return


@dataclass(frozen=True)
class KilledDesk:
    """What came of it: answers acknowledged, of them lost, answers kept twice, kept but never acknowledged (the last
    of each reviewer may be), replies that were none, and whether SQLite and the audit log are whole."""

    kills: int
    acknowledged: int
    resent: int
    lost: int
    doubled: int
    unacknowledged: int
    faults: tuple[str, ...]
    sound: bool


def kill_desk(folder: Path, kills: int, seed: int = 1, longest_s: float = 0.4) -> KilledDesk:
    """Kill a desk so many times while three reviewers work, and look at what they said."""
    reviewers, port = _reviewers(folder)
    chance, stop = random.Random(seed), threading.Event()
    threads = [threading.Thread(target=each.work, args=(stop,)) for each in reviewers]
    process = _started(folder, port)
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            _at_work(reviewers, process)
            time.sleep(chance.uniform(0.0, longest_s))
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            process = _started(folder, port)
        _at_work(reviewers, process)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
        process.kill()
        process.join()
    return _found(folder, kills, reviewers)


def _at_work(reviewers: Sequence[AnsweringReviewer], process: BaseProcess) -> None:
    """Wait until each of them has had a reply."""
    before, end = [len(each.acknowledged) for each in reviewers], time.monotonic() + 300
    while any(len(each.acknowledged) == was for each, was in zip(reviewers, before, strict=True)):
        assert process.is_alive()
        assert time.monotonic() < end, [(each.tries, each.last, each.faults) for each in reviewers]
        time.sleep(0.002)


def _reviewers(folder: Path) -> tuple[list[AnsweringReviewer], int]:
    desk, night = make_judged_desk(folder, 3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked = [
        (desk.call_ids.of(judged.call.sha256), key)
        for judged in night
        for key in verdict_keys(artefacts.read(desk.home.judged(judged.call.sha256), JudgedFile)).values()
    ]
    return [
        AnsweringReviewer(
            name, session_of(desk, "reviewer", name), session_cookie(desk), f"http://127.0.0.1:{port}", asked
        )
        for name in ("li", "wang", "zhao")
    ], port


def _started(folder: Path, port: int) -> BaseProcess:
    process = _PROCESSES.Process(target=serve, args=(str(folder), port), daemon=True)
    process.start()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as there:
            if there.connect_ex(("127.0.0.1", port)) == 0:
                return process
        assert process.is_alive(), "the desk does not start"
        time.sleep(0.01)
    raise AssertionError("the desk does not start in time")


def _found(folder: Path, kills: int, reviewers: Sequence[AnsweringReviewer]) -> KilledDesk:
    home = Home(folder / "home")
    with sqlite3.connect(home.root / "reviews.sqlite") as rows:
        kept = Counter(comment for (comment,) in rows.execute("SELECT comment FROM verdict_reviews"))
        whole = rows.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    acknowledged = [comment for each in reviewers for comment in each.acknowledged]
    return KilledDesk(
        kills=kills,
        acknowledged=len(acknowledged),
        resent=sum(each.tries for each in reviewers) - len(acknowledged),
        lost=sum(comment not in kept for comment in acknowledged),
        doubled=sum(count > 1 for count in kept.values()),
        unacknowledged=len(kept.keys() - set(acknowledged)),
        faults=tuple(fault for each in reviewers for fault in each.faults),
        sound=whole and verify_audit(home).fault is None,
    )
