"""Parts made by several processes at once, where there is much to make: each makes one, which nobody else needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeVar
from zoneinfo import ZoneInfo

from pipeline.results.parts import PartPlace, WeekPart, WeekPlan, make_part, part_places
from pipeline.storage.home import Home

AT_ONCE_CALLS = 4000
"""From so many calls on, there are as many processes as processors; starting them takes a second."""

_PLACED_CALLS = 2000

_Task = TypeVar("_Task")
_Done = TypeVar("_Done")


def make_parts(plans: Sequence[WeekPlan], on_progress: Callable[[int, int], None]) -> list[WeekPart]:
    """Make some parts; `on_progress` is told how many calls of how many are done. Raises as `make_part` does."""
    calls, done, made = sum(len(plan.fresh) for plan in plans), 0, []
    for plan, part in zip(plans, _at_once(make_part, plans, calls), strict=True):
        done += len(plan.fresh)
        on_progress(done, calls)
        made.append(part)
    return made


def places_of(home: Home, zone: ZoneInfo, calls: Sequence[str]) -> Mapping[str, PartPlace]:
    """Where each call belongs (`part_places`)."""
    found: dict[str, PartPlace] = {}
    batches = [calls[start : start + _PLACED_CALLS] for start in range(0, len(calls), _PLACED_CALLS)]
    for some in _at_once(partial(part_places, home, zone), batches, len(calls)):
        found |= some
    return found


def _at_once(do: Callable[[_Task], _Done], tasks: Sequence[_Task], calls: int) -> Iterator[_Done]:
    workers = min(os.cpu_count() or 1, len(tasks))
    if workers < 2 or calls < AT_ONCE_CALLS:
        yield from map(do, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(do, tasks)
