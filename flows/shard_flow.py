"""What travels between machines: a Prefect flow and its task, in a module of their own.

Prefect sends flow and task to Dask's workers with all that their code refers to by name. Here that is two functions,
which are sent as names. A task learns a run's id and a shard's number, and gives nothing back.
"""

from __future__ import annotations

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.machine import work_on
from flows.machines import submit_and_watch


@task(name="shard", cache_policy=NO_CACHE, persist_result=False)
def shard_task(run_id: str, shard: int) -> None:
    work_on(run_id, shard)


@flow(name="shards", validate_parameters=False, persist_result=False, log_prints=False)
def shards_flow(run_id: str) -> None:
    submit_and_watch(run_id)
