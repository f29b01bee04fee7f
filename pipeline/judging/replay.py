"""What a draft rulebook would change: every stored call judged again, beside the verdicts it has. Nothing is heard.

A rule that is what it was when a call was judged (its hash says so) says what it said, so only what the draft changes
is judged. Calls are independent, so a large store is judged by several processes; each sends back counts and flips, no
words but the evidence's own.
"""

from __future__ import annotations

import gc
import heapq
import math
import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from operator import itemgetter
from pathlib import Path

import numpy as np

from pipeline.datatypes import Judged
from pipeline.errors import BadArtefact
from pipeline.judging.call_cache import (
    CALLS_IN_A_FILE,
    CachedCalls,
    CachedFile,
    Survey,
    make_file,
    read_calls,
    refresh,
    remove,
    survey,
)
from pipeline.judging.column_replay import replay_rows
from pipeline.judging.loader import load_rulebook
from pipeline.judging.replayed import MOST_FLIPS, NEW, Mean, Replay, flip_of, is_notable
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call, scorecard
from pipeline.storage import artefacts
from pipeline.storage.column_files import ColumnFile
from pipeline.storage.home import Home, JudgedFile, RecordingRecord

FEW = 300
"""Up to this many calls are read from their own files, by one process."""

_READ_AT_ONCE = 100
"""Calls of a sample that a process reads from their own files."""


def replay(
    home: Home,
    book: Rulebook,
    since: datetime | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    processes: int | None = None,
    few: int = FEW,
) -> Replay:
    """Judge every stored call of the rulebook's language again. `progress` is told how many of how many are done.

    `since`: only calls that began then or later (or were first seen then, where the start is not known). More calls
    than `few` are read from columns (`pipeline.judging.call_cache`), which are made where there are none yet.
    """
    with replaying(home, book, since, processes, few) as store:
        return store.whole(progress, few)


def _late_rows(surveyed: Survey, since: datetime) -> Iterator[bytes]:
    """The calls in columns that may have begun since then."""
    for file in surveyed.files:
        with suppress(BadArtefact):
            started_s = ColumnFile(file.path)["started_s"]
            is_late = np.isnan(started_s) | (started_s >= since.timestamp())
            yield from (sha for sha, late in zip(file.shas, is_late.tolist(), strict=False) if late)


@dataclass(frozen=True)
class _Work:
    """Some rows of a file of columns, or calls that are in none. `makes`: whether columns are to be made of them."""

    file: CachedFile | None
    shas: tuple[bytes, ...]
    makes: bool = True


def _works(surveyed: Survey) -> Iterator[_Work]:
    for file in surveyed.files:
        yield _Work(file, file.shas)
    for at in range(0, len(surveyed.missing), CALLS_IN_A_FILE):
        yield _Work(None, surveyed.missing[at : at + CALLS_IN_A_FILE])


@dataclass(frozen=True)
class Replaying:
    """A replay of a store, and the processes that have the rulebook ready for it; without a pool it is this one."""

    home: Home
    book: Rulebook
    since: datetime | None
    surveyed: Survey
    processes: int = 1
    pool: ProcessPoolExecutor | None = None

    def whole(self, progress: Callable[[int, int], None], few: int = FEW) -> Replay:
        """Of all calls."""
        replayed, total = Replay(), self.surveyed.calls
        if total <= few:
            own = chain(self.surveyed.missing, *(file.shas for file in self.surveyed.files))
            for done, sha in enumerate(sorted(own), 1):
                room = MOST_FLIPS - len(replayed.flips)
                replayed.add(replay_calls(self.home, self.book, self.since, [sha], room))
                progress(done, total)
            return replayed
        done = 0
        for part, size in self._do(_works(self.surveyed), replayed):
            replayed.add(part)
            done += size
            progress(done, total)
        return replayed

    def sample(self, count: int) -> tuple[Replay, int]:
        """Of so many calls, chosen by chance: those whose recordings have the lowest hashes. And how many there are.

        What is not in columns yet is read from the calls' own files, and no columns are made.
        """
        late = set(_late_rows(self.surveyed, self.since)) if self.since else None
        places = chain(
            (
                (sha, file, row)
                for file in self.surveyed.files
                for row, sha in enumerate(file.shas)
                if late is None or sha in late
            ),
            ((sha, None, 0) for sha in self.surveyed.missing),
        )
        chosen: dict[Path, tuple[CachedFile, list[int]]] = {}
        unread: list[bytes] = []
        for sha, file, row in heapq.nsmallest(count, places, key=itemgetter(0)):
            if file is None or row in file.stale:
                unread.append(sha)
            else:
                chosen.setdefault(file.path, (file, []))[1].append(row)
        works = [
            _Work(replace(file, rows=tuple(rows), stale=()), tuple(file.shas[row] for row in rows), False)
            for file, rows in chosen.values()
        ]
        works += [
            _Work(None, tuple(unread[at : at + _READ_AT_ONCE]), False) for at in range(0, len(unread), _READ_AT_ONCE)
        ]
        replayed = Replay()
        for part, _ in self._do(works, replayed):
            replayed.add(part)
        return replayed, self.surveyed.calls

    def _do(self, works: Iterable[_Work], so_far: Replay) -> Iterator[tuple[Replay, int]]:
        """The replay of each piece of work, and how many calls it has. `so_far`: what was found, for its flips."""
        home, since = self.home, self.since
        if self.pool is None:
            for work in works:
                yield _replay_work(home, self.book, since, work, MOST_FLIPS - len(so_far.flips)), len(work.shas)
            return
        # a few ahead of the one that is waited for: what is done must not pile up
        jobs: deque[tuple[Future[Replay], int]] = deque()
        for work in works:
            room = MOST_FLIPS - len(so_far.flips)
            jobs.append((self.pool.submit(_replay_here, home.root, since, work, room), len(work.shas)))
            if len(jobs) > 3 * self.processes:
                job, size = jobs.popleft()
                yield job.result(), size
        for job, size in jobs:
            yield job.result(), size


@contextmanager
def replaying(
    home: Home, book: Rulebook, since: datetime | None = None, processes: int | None = None, few: int = FEW
) -> Iterator[Replaying]:
    """A replay by as many processes as there are processors, or as are given; of `few` calls by this one.

    They have this one's rulebook where they can be forks of it; else they load it.
    """
    surveyed = survey(home)
    processes = processes or os.cpu_count() or 1
    if processes == 1 or surveyed.calls <= few:
        yield Replaying(home, book, since, surveyed)
        return
    # a fork has none of this process's threads, and may wait for ever for what one of them held
    forks = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if forks else "spawn")
    with ProcessPoolExecutor(processes, context, _load, (book if forks else book.folder,)) as pool:
        # now: soon there may be threads
        pool.submit(_nothing)
        yield Replaying(home, book, since, surveyed, processes, pool)


def _nothing() -> None:
    """What a process is started with."""


_loaded: list[Rulebook] = []


def _load(book: Rulebook | Path) -> None:
    threading.Thread(target=_leave_with_parent, name="watch parent", daemon=True).start()
    seldom_collect()
    _loaded[:] = [load_rulebook(book) if isinstance(book, Path) else book]
    gc.freeze()


def _leave_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it takes nobody along."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def seldom_collect() -> None:
    """Keep the garbage collector from going through a rulebook, and through a call while it is judged."""
    gc.freeze()
    gc.set_threshold(100_000)


def _replay_here(root: Path, since: datetime | None, work: _Work, room: int) -> Replay:
    return _replay_work(Home(root), _loaded[0], since, work, room)


def _replay_work(home: Home, book: Rulebook, since: datetime | None, work: _Work, room: int) -> Replay:
    """The replay of a file of columns, which is made or mended first; where that cannot be, of the calls' own files."""
    replayed, file = Replay(), work.file
    if file is None and not work.makes:
        return replay_calls(home, book, since, work.shas, room)
    try:
        if file is None:
            file, replayed.skipped = make_file(home, work.shas)
        elif file.stale:
            file = refresh(home, file)
            if file is None and work.file:
                remove(work.file.path)
                file, replayed.skipped = make_file(home, work.shas)
        if file is not None:
            replayed.add(_replay_file(home, book, since, file, room))
        return replayed
    except BadArtefact:
        if work.file:
            remove(work.file.path)
    except OSError:
        pass  # the disk is full, or nothing may be written here
    return replay_calls(home, book, since, work.shas, room)


def _replay_file(home: Home, book: Rulebook, since: datetime | None, file: CachedFile, room: int) -> Replay:
    """The replay of some rows of a file of columns. Raises BadArtefact."""
    cached = read_calls(file.path)
    rows, unknown = [], 0
    for row in file.rows:
        if cached.languages[row] == book.language and cached.stored.is_judged[row]:
            try:
                if since is None or _start(home, cached, row) >= since.timestamp():
                    rows.append(row)
            except BadArtefact:
                unknown += 1
    replayed = replay_rows(cached, np.array(rows, np.int64), home, book, room)
    replayed.skipped += unknown
    return replayed


def _start(home: Home, cached: CachedCalls, row: int) -> float:
    """When a call began, or was first seen, in seconds since 1970. Raises BadArtefact where nobody knows."""
    started_s = float(cached.started_s[row])
    if math.isnan(started_s):
        return artefacts.read(home.recording(cached.shas[row].hex()), RecordingRecord).first_seen.timestamp()
    return started_s


def replay_calls(
    home: Home, book: Rulebook, since: datetime | None, shas: Iterable[bytes], room: int = MOST_FLIPS
) -> Replay:
    """The replay of some calls, each read from its own file; damaged ones are counted as skipped."""
    replayed = Replay()
    for sha in shas:
        try:
            judged = artefacts.read(home.judged(sha.hex()), JudgedFile).judged
            if judged.call.language != book.language or judged.scorecard is None:
                continue
            if since is not None and _began(home, judged) < since:
                continue
        except BadArtefact:
            replayed.skipped += 1
            continue
        _compare(replayed, judged, book, room)
    return replayed


def _began(home: Home, judged: Judged) -> datetime:
    started = judged.call.cdr.started_at
    return started or artefacts.read(home.recording(judged.call.sha256), RecordingRecord).first_seen


def _compare(replayed: Replay, judged: Judged, book: Rulebook, room: int) -> None:
    old, call = judged.scorecard, judged.call
    assert old is not None
    before = {verdict.rule_id: verdict for verdict in old.verdicts}
    changed = book.only(
        rule.id for rule in book.rules if rule.id not in before or before[rule.id].rule_hash != rule.hash
    )
    after = {verdict.rule_id: verdict for verdict in (judge_call(call, changed).verdicts if changed.rules else ())}
    rules = [rule for rule in book.rules if rule.status != "retired"]
    new = scorecard(call, [after[rule.id] if rule.id in after else before[rule.id] for rule in rules], book)
    flips = 0
    for verdict in new.verdicts:
        known = before.get(verdict.rule_id)
        was = known.outcome if known else NEW
        replayed.outcomes[(verdict.rule_id, was, verdict.outcome)] += 1
        if is_notable(was, verdict.outcome):
            flips += 1
            if len(replayed.flips) < room:
                replayed.flips.append(flip_of(call, known, verdict))
    replayed.calls += 1
    replayed.flipped += bool(flips)
    if old.score is not None and new.score is not None:
        agent = call.cdr.agent_name or call.cdr.agent_id or ""
        replayed.agents.setdefault(agent, Mean()).add(Mean(1, old.score, new.score))
