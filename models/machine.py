"""What this process may use of the machine: a container or a service is often given less than the whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
MEMINFO = Path("/proc/meminfo")


def processors() -> int:
    """Processors that this process may use: those it is bound to, within the quota of its control groups (v2)."""
    try:
        bound = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        bound = os.cpu_count() or 1
    for group in _groups():
        with suppress(OSError, ValueError):  # "max": no quota
            quota, period = (int(part) for part in (group / "cpu.max").read_text(encoding="ascii").split())
            bound = min(bound, quota // period)
    return max(1, bound)


def free_memory_gb() -> float | None:
    """Memory that may still be taken within the limits of the control groups, in 10⁹ bytes; None if not known."""
    free: list[int] = []
    with suppress(OSError, IndexError):
        free.append(1024 * int(re.findall(r"MemAvailable:\s+(\d+)", MEMINFO.read_text(encoding="ascii"))[0]))
    for group in _groups():
        with suppress(OSError, ValueError, IndexError):
            limit = int((group / "memory.max").read_text(encoding="ascii"))
            taken = int((group / "memory.current").read_text(encoding="ascii"))
            # what files left in the cache is given back when asked for
            cached = int(re.findall(r"(?m)^file (\d+)", (group / "memory.stat").read_text(encoding="ascii"))[0])
            free.append(max(0, limit - taken + cached))
    return min(free) / 1e9 if free else None


def _groups() -> Iterator[Path]:
    """The control group of this process and those that hold it."""
    with suppress(OSError, IndexError):
        own = re.findall(r"(?m)^0::/(.*)$", MEMBERSHIP.read_text(encoding="utf-8"))[0]
        group = CGROUPS / own
        yield group
        yield from (parent for parent in group.parents if parent.is_relative_to(CGROUPS))
