"""What a draft rulebook would change: every stored call judged again, beside the verdicts it has. Nothing is heard.

A rule that is what it was when a call was judged (its hash says so) says what it said, so only what the draft changes
is judged. Calls are independent, so a large store is judged by several processes; each sends back counts and flips, no
words but the evidence's own.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from pipeline.datatypes import Evidence, Judged, Verdict
from pipeline.errors import BadArtefact
from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call, scorecard
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile, RecordingRecord

CHUNK = 100
"""Calls a process judges before it tells how far it is."""
FEW = 300
"""Up to this many calls one process is done before others have loaded the rulebook."""
MOST_FLIPS = 5000
"""Flips kept with their words; all are counted."""

NEW = "new"
"""The verdict of a rule that the stored call was not judged by."""


@dataclass(frozen=True, slots=True)
class Flip:
    """One verdict that the draft changes.

    `at_s`, `sentence` and the words `matched` in it are of the draft's evidence, else of the present one's.
    """

    sha256: str
    call: str
    started: str
    agent: str
    rule_id: str
    before: str
    after: str
    at_s: float | None
    matched: str
    sentence: str
    reason: str


@dataclass
class Mean:
    """Sum and count of the scores of some calls, before and after."""

    calls: int = 0
    before: float = 0.0
    after: float = 0.0

    def add(self, other: Mean) -> None:
        self.calls += other.calls
        self.before += other.before
        self.after += other.after


@dataclass
class Replay:
    """What a replay found. `outcomes` counts (rule, before, after); `agents` sums the scores of both."""

    calls: int = 0
    flipped: int = 0
    skipped: int = 0
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    agents: dict[str, Mean] = field(default_factory=dict)
    flips: list[Flip] = field(default_factory=list)

    def add(self, other: Replay) -> None:
        self.calls += other.calls
        self.flipped += other.flipped
        self.skipped += other.skipped
        self.outcomes.update(other.outcomes)
        for agent, mean in other.agents.items():
            self.agents.setdefault(agent, Mean()).add(mean)
        self.flips += other.flips[: max(0, MOST_FLIPS - len(self.flips))]

    def rules(self) -> Iterator[tuple[str, Counter[str], Counter[str], int]]:
        """Per rule that differs anywhere: id, verdicts before, verdicts after, how many flip."""
        for rule_id in dict.fromkeys(rule for rule, _, _ in self.outcomes):
            changes = {(b, a): n for (rule, b, a), n in self.outcomes.items() if rule == rule_id}
            flips = sum(n for (b, a), n in changes.items() if _is_notable(b, a))
            if flips or any(b == NEW for b, _ in changes):
                before, after = Counter[str](), Counter[str]()
                for (b, a), n in changes.items():
                    before[b] += n
                    after[a] += n
                yield rule_id, before, after, flips


def achievement(outcomes: Counter[str]) -> float | None:
    """Passes ÷ (passes + fails)."""
    decided = outcomes["pass"] + outcomes["fail"]
    return outcomes["pass"] / decided if decided else None


def replay(
    home: Home,
    book: Rulebook,
    since: datetime | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    processes: int | None = None,
) -> Replay:
    """Judge every stored call of the rulebook's language again. `progress` is told how many of how many are done.

    `since`: only calls that began then or later (or were first seen then, where the start is not known).
    """
    files = list(home.files("judged"))
    total, replayed = len(files), Replay()
    done = 0
    for part, size in _parts(home, book, since, files, processes):
        replayed.add(part)
        done += size
        progress(done, total)
    return replayed


def _parts(
    home: Home, book: Rulebook, since: datetime | None, files: Sequence[Path], processes: int | None
) -> Iterator[tuple[Replay, int]]:
    chunks = _chunks(files)
    processes = processes or (1 if len(files) <= FEW else os.cpu_count() or 1)
    if processes == 1:
        for chunk in chunks:
            yield replay_calls(home, book, since, chunk), len(chunk)
        return
    # a process of its own, not a fork: threads of the parent would not come along
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _load, (book.folder,)) as pool:
        # a few chunks ahead of the one that is waited for: what is done must not pile up
        jobs: deque[tuple[Future[Replay], int]] = deque()
        for chunk in chunks:
            jobs.append((pool.submit(_replay_here, home.root, since, chunk), len(chunk)))
            if len(jobs) > 3 * processes:
                job, size = jobs.popleft()
                yield job.result(), size
        for job, size in jobs:
            yield job.result(), size


def _chunks(files: Iterable[Path]) -> Iterator[list[Path]]:
    rest = iter(files)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


_loaded: list[Rulebook] = []


def _load(folder: Path) -> None:
    book = load_rulebook(folder)
    assert book.lexicon
    _loaded.append(book)
    seldom_collect()


def seldom_collect() -> None:
    """Keep the garbage collector from going through a rulebook, and through a call while it is judged."""
    gc.freeze()
    gc.set_threshold(100_000)


def _replay_here(root: Path, since: datetime | None, files: Sequence[Path]) -> Replay:
    return replay_calls(Home(root), _loaded[0], since, files)


def replay_calls(home: Home, book: Rulebook, since: datetime | None, files: Iterable[Path]) -> Replay:
    """The replay of some judged files; damaged ones are counted as skipped."""
    replayed = Replay()
    for path in files:
        try:
            judged = artefacts.read(path, JudgedFile).judged
            if judged.call.language != book.language or judged.scorecard is None:
                continue
            if since is not None and _began(home, judged) < since:
                continue
        except BadArtefact:
            replayed.skipped += 1
            continue
        _compare(replayed, judged, book)
    return replayed


def _began(home: Home, judged: Judged) -> datetime:
    started = judged.call.cdr.started_at
    return started or artefacts.read(home.recording(judged.call.sha256), RecordingRecord).first_seen


def _compare(replayed: Replay, judged: Judged, book: Rulebook) -> None:
    old, call = judged.scorecard, judged.call
    assert old is not None
    before = {verdict.rule_id: verdict for verdict in old.verdicts}
    changed = book.only(
        rule.id for rule in book.rules if rule.id not in before or before[rule.id].rule_hash != rule.hash
    )
    same = (before[rule.id] for rule in book.rules if rule.id not in changed.ids and rule.status != "retired")
    new = scorecard(call, (*same, *(judge_call(call, changed).verdicts if changed.rules else ())), book)
    flips = 0
    for verdict in new.verdicts:
        known = before.get(verdict.rule_id)
        was = known.outcome if known else NEW
        replayed.outcomes[(verdict.rule_id, was, verdict.outcome)] += 1
        if was != verdict.outcome and _is_notable(was, verdict.outcome):
            flips += 1
            replayed.flips.append(_flip(judged, known, verdict))
    replayed.calls += 1
    replayed.flipped += bool(flips)
    if old.score is not None and new.score is not None:
        agent = call.cdr.agent_name or call.cdr.agent_id or ""
        replayed.agents.setdefault(agent, Mean()).add(Mean(1, old.score, new.score))


def _is_notable(before: str, after: str) -> bool:
    """Whether a change is one to read: of a new rule, what it fails or cannot tell."""
    return before != after and (before != NEW or after in ("fail", "unsure"))


def _flip(judged: Judged, before: Verdict | None, after: Verdict) -> Flip:
    call, cdr = judged.call, judged.call.cdr
    evidence = (*after.evidence, *after.grounds, *(before.evidence if before else ()))
    item = next((h for h in evidence if h.matched), None) or next(iter(evidence), Evidence(None, None, "", ""))
    return Flip(
        sha256=call.sha256,
        call=cdr.call_id or call.sha256[:12],
        started=f"{cdr.started_at:%Y-%m-%d %H:%M}" if cdr.started_at else "",
        agent=cdr.agent_name or cdr.agent_id or "",
        rule_id=after.rule_id,
        before=before.outcome if before else NEW,
        after=after.outcome,
        at_s=item.span.start_s if item.span else None,
        matched=item.matched,
        sentence=item.sentence or item.matched,
        reason=after.reason,
    )
