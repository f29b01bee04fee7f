"""A machine in a Dask cluster: ``callqa worker`` joins it, does shards, and comes back when the scheduler was away.

A machine that cannot do a shard (no models, another rulebook, a disk that is full) says why and leaves, so that its
shards go to others and it takes no more; status 78 tells a supervisor not to start it again as it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.cluster import cluster_security, is_loopback, scheduler_address
from flows.exit_status import UNFIT
from flows.language import LANGUAGE, say
from flows.log import log_event, log_message, logs_json
from flows.manifest import ShardOutcome
from flows.shards import Machine
from pipeline.errors import CallQAError
from pipeline.settings import Settings

REJOIN_S = 5.0
LEAVE_LIMIT_S = 10.0
"""How long recordings in hand may take to be let go of; the processes that hear them are killed at once."""


class _Joined:
    """This process's machine, which tasks find by this name, and the shards that it has in hand."""

    machine: Machine | None = None
    in_hand = 0
    leaving = threading.Event()
    lock = threading.Lock()


def work_on(run_id: str, shard: int) -> None:
    """Do a shard in this process, for Prefect's task; does not return where the machine leaves with it undone."""
    machine = _Joined.machine
    if machine is None:
        raise RuntimeError("no machine here")
    with _Joined.lock:
        _Joined.in_hand += 1
    try:
        outcome = machine.do_shard(run_id, shard)
        if outcome is not None:
            _tell_done(run_id, shard, outcome)
        return
    except CallQAError as error:
        if not _Joined.leaving.is_set():
            _trouble(say("leaves the cluster: {why}", why=error.in_language(LANGUAGE)))
            _let_go(machine, but=1)
            os._exit(UNFIT)
    finally:
        with _Joined.lock:
            _Joined.in_hand -= 1
    # the process ends in a moment; until then nobody shall take the shard for done or failed
    threading.Event().wait()


def join(settings: Settings) -> None:
    """Work for the cluster of the settings until SIGINT or SIGTERM. Raises CallQAError where that cannot begin."""
    address, security = scheduler_address(settings.machines), cluster_security(settings.machines)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    _Joined.machine = Machine(settings, f"{socket.gethostname()}-{os.getpid()}", _Joined.leaving)
    began_anew = asyncio.run(_work(_Joined.machine, address, security))
    _let_go(_Joined.machine)
    if began_anew:
        # threads that are at work for the lost scheduler would go on in this process
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    os._exit(0)


def _let_go(machine: Machine, but: int = 0) -> None:
    """End what is in hand, `but` for the caller's own, so that no mark of it is left behind."""
    _Joined.leaving.set()
    ends_at = time.monotonic() + LEAVE_LIMIT_S
    while _Joined.in_hand > but and time.monotonic() < ends_at:
        time.sleep(0.05)
    machine.close()


async def _work(machine: Machine, address: str, security: Any) -> bool:
    """Join and work; True when the scheduler was lost, False when the end was asked for."""
    import dask
    from distributed import Worker

    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    threads = machine.settings.hear.workers
    with tempfile.TemporaryDirectory(prefix="callqa-worker-", ignore_cleanup_errors=True) as scratch:
        dask.config.set({"distributed.worker.http.routes": [], "distributed.worker.daemon": False})
        told = False
        while not asked.is_set():
            worker = Worker(
                address,
                nthreads=threads,
                name=machine.name,
                security=security,
                host="127.0.0.1" if is_loopback(address) else None,
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                local_directory=scratch,
            )
            try:
                await asyncio.wait_for(worker, REJOIN_S)
            except (OSError, TimeoutError):
                if not told:
                    told = True
                    _trouble(
                        say(
                            "no scheduler answers at {address}; tries again every {retry_s:.0f} s",
                            address=address,
                            retry_s=REJOIN_S,
                        )
                    )
                with suppress(Exception):
                    await worker.close(timeout=1)
                with suppress(TimeoutError):
                    await asyncio.wait_for(asked.wait(), REJOIN_S)
                continue
            joined = say(
                "joined {address} as {name}, {count} at a time", address=address, name=machine.name, count=threads
            )
            log_message("machine.joined", joined)
            finished: Any = worker.finished  # untyped
            waits = [asyncio.ensure_future(finished()), asyncio.ensure_future(asked.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not asked.is_set():
                _trouble(say("the scheduler at {address} is gone; begins anew", address=address))
            _Joined.leaving.set()
            return not asked.is_set()
    return False


def _trouble(text: str) -> None:
    log_message("machine.trouble", text)


def _tell_done(run_id: str, shard: int, outcome: ShardOutcome) -> None:
    log_event(
        "shard.done",
        run_id=run_id,
        shard=shard,
        heard=outcome.heard,
        judged=outcome.judged,
        failed=outcome.failed,
    )
    if not logs_json():
        text = say(
            "run {run} shard {shard}: transcribed {heard}, scored {judged}, failed {failed}",
            run=run_id,
            shard=shard,
            heard=outcome.heard,
            judged=outcome.judged,
            failed=outcome.failed,
        )
        print(text, file=sys.stderr, flush=True)


def own_prefect_folder() -> Path:
    """A folder for what Prefect keeps on this machine; the home's is the leader's."""
    return Path(tempfile.mkdtemp(prefix="callqa-prefect-"))
