"""A night shared by several machines, as the one that leads it sees it: plan, give out, wait, and put together.

Dask notices a machine that is lost and gives its shards to others. What Dask itself loses (the scheduler, or a shard
that lost too many machines) is given out again here: files in the home say which shards are done, nothing else does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flows.cluster import check_installed, cluster_security, is_loopback, scheduler_address
from flows.faults import RunStopped, interruption
from flows.manifest import Manifest, NightFolder, Shard, ShardOutcome
from flows.plan import expected_s
from flows.shards import made_by
from pipeline.errors import BadSetting, CallQAError
from pipeline.messages import Message
from pipeline.settings import Settings

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture

    from flows.night import Night

MOST_SHARDS = 400
"""A shard costs Prefect a task run, whatever it holds: so many keep hundreds of machines busy to the end."""

JUDGED_AS_HEARD_S = 10.0
"""To judge a call and cut its clips takes about as long as to hear this much of one."""

ROUNDS = 3
"""How often shards are given out again without a single one getting done."""

POLL_S = 0.5
MACHINES_POLL_S = 5.0


def check_machines(settings: Settings) -> None:
    """Raises CallQAError where these settings cannot lead a shared night."""
    if settings.machines.engine == "local":
        return
    check_installed()
    cluster_security(settings.machines)
    if settings.is_remote:
        raise BadSetting(
            Message("machines.engine = dask: paths.inbox must be a folder that every machine mounts, not a server")
        )
    api = os.environ.get("PREFECT_API_URL")
    if not is_loopback(scheduler_address(settings.machines)) and (api is None or is_loopback(api)):
        raise BadSetting(
            Message(
                "machines.engine = dask: other machines cannot reach the Prefect server of one run; start one for all "
                "(docs/machines.md) and set PREFECT_API_URL"
            )
        )


def share_out(night: Night) -> None:
    """Have all machines hear and judge what a night's scan found, and cut its clips. Raises CallQAError."""
    check_machines(night.settings)
    shards = plan_shards(night)
    if not shards:
        return
    night.record.begin(night.pending, night.tally)
    # named before they are judged: a kill of this process costs a look at a call, not its clips
    night.pending.add(*(sha256 for shard in shards for sha256 in shard.calls))
    folder = NightFolder(night.home, night.run_id)
    parts = made_by(night.settings, night.fingerprint, night.rulebooks)
    folder.write(Manifest(night.run_id, night.fingerprint, parts, len(shards)), shards)
    watch = _WATCHES[night.run_id] = _Watch(night, folder, shards, set(range(len(shards))))
    try:
        _give_out(watch)
    finally:
        del _WATCHES[night.run_id]
        folder.close()
    night.cut_best_clips(sorted(watch.best))


def plan_shards(night: Night) -> tuple[Shard, ...]:
    """All that is to be heard, judged, or put into the report, in shards that take about equally long."""
    plan = night.plan.recordings if night.plan else ()
    lengths_s = {recording.sha256: expected_s(recording.path, recording.size_bytes) for recording in plan}
    # what an earlier run judged and did not live to publish may lack clips
    heard = {record.sha256 for record in night.to_judge} | night.pending.calls()
    calls = [*lengths_s, *sorted(heard - lengths_s.keys())]
    weights_s = [lengths_s.get(sha256, 0.0) + JUDGED_AS_HEARD_S for sha256 in calls]
    largest_s = max(night.settings.hear.shard_minutes * 60, sum(weights_s) / MOST_SHARDS)
    shards: list[list[str]] = []
    room_s = 0.0
    for sha256, weight_s in zip(calls, weights_s, strict=True):
        if not shards or room_s <= 0:
            shards.append([])
            room_s += largest_s
        shards[-1].append(sha256)
        room_s -= weight_s
    said = night.corrections
    return tuple(
        Shard(
            tuple(s for s in shard if s in lengths_s),
            tuple(s for s in shard if s not in lengths_s),
            {s: said[s] for s in shard if said.get(s)},
        )
        for shard in shards
    )


@dataclass
class _Watch:
    """What is known of a night's shards: those that are not done yet, and what the others came to."""

    night: Night
    folder: NightFolder
    shards: Sequence[Shard]
    left: set[int]
    best: set[str] = field(default_factory=set)
    alone_since: float | None = None
    error: CallQAError | None = None

    def collect(self, shards: Sequence[int]) -> None:
        """Count what shards came to that are done now."""
        for number in shards:
            outcome = self.folder.outcome(number)
            if outcome is not None and number in self.left:
                self.left.remove(number)
                self._count(outcome, len(self.shards[number].to_hear))

    def _count(self, outcome: ShardOutcome, tried: int) -> None:
        tally = self.night.tally
        self.best.update(outcome.best)
        tally.warnings = tuple(dict.fromkeys((*tally.warnings, *outcome.warnings)))
        plan = self.night.plan
        for recording in plan.recordings if plan and outcome.lost else ():
            if recording.sha256 in outcome.lost:
                self.night.forget_hash(recording)
        tally.add(
            heard=outcome.heard,
            judged=outcome.judged,
            failed=outcome.failed,
            lost=len(outcome.lost),
            without_clips=outcome.without_clips,
            audio_s=outcome.audio_s,
            done_s=outcome.audio_s,
            tried=tried,
        )

    def heed_machines(self, client: Any) -> None:
        """Take note when there has been no machine for too long."""
        with suppress(OSError, ValueError, TypeError):
            if client.nthreads():
                self.alone_since = None
                return
        now = time.monotonic()
        self.alone_since = self.alone_since or now
        if now - self.alone_since > self.night.settings.machines.wait_s:
            self.error = self.stopped(Message("no machine has joined; start `callqa worker` on one"))

    def stopped(self, otherwise: Message) -> RunStopped:
        """Why the night cannot go on: what the last machine said that left, or what is known here."""
        faults = list(self.folder.faults())
        if faults:
            told = Message("{machine} left: {why}", machine=faults[-1].machine, why=faults[-1].message)
            return RunStopped(told)
        return RunStopped(otherwise)


_WATCHES: dict[str, _Watch] = {}
"""The nights that this process leads, by run id: a Prefect flow is given that and no more."""


def _give_out(watch: _Watch) -> None:
    """Give out shards until all are done. Raises CallQAError."""
    from prefect_dask.task_runners import DaskTaskRunner

    from flows.shard_flow import shards_flow

    machines = watch.night.settings.machines
    address, security = scheduler_address(machines), cluster_security(machines)
    rounds = 0
    while watch.left and rounds < ROUNDS:
        before = len(watch.left)
        runner: Any = DaskTaskRunner(
            address=address, client_kwargs={"security": security, "timeout": machines.wait_s, "name": "callqa"}
        )
        state = shards_flow.with_options(task_runner=runner)(watch.night.run_id, return_state=True)
        watch.collect(sorted(watch.left))
        if watch.night.stop.is_set():
            raise watch.night.error or interruption()
        if watch.error is not None:
            raise watch.error
        if not state.is_completed() and len(watch.left) == before:
            raise watch.stopped(
                Message("{address}: no Dask scheduler answers; see to it and run again", address=address)
            )
        rounds = rounds + 1 if len(watch.left) == before else 0
    if watch.left:
        raise watch.stopped(
            Message(
                "{count} shards were lost with their machines again and again; see to the machines and run again",
                count=len(watch.left),
            )
        )


def submit_and_watch(run_id: str) -> None:
    """One round, in a Prefect flow: give out what is left, and wait until Dask has nothing more to do."""
    from prefect.context import FlowRunContext

    from flows.shard_flow import shard_task

    watch = _WATCHES[run_id]
    futures: dict[int, PrefectFuture[Any]] = {n: shard_task.submit(run_id, n) for n in sorted(watch.left)}
    context = FlowRunContext.get()
    client = context.task_runner.client  # type: ignore[union-attr]
    looked = time.monotonic()
    try:
        while futures:
            done = [number for number, future in futures.items() if future.wrapped_future.done()]  # type: ignore[attr-defined]
            for number in done:
                del futures[number]
            watch.collect(done)
            if watch.night.stop.is_set() or watch.error is not None:
                return
            if time.monotonic() - looked > MACHINES_POLL_S:
                looked = time.monotonic()
                watch.heed_machines(client)
            time.sleep(POLL_S)
    finally:
        with suppress(Exception):  # what is left of the round; the cluster may be what failed
            client.cancel([future.wrapped_future for future in futures.values()], force=True)  # type: ignore[attr-defined]
