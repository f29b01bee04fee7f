"""What a process may use: bound processors, control groups, memory; and how many hearing processes that makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.engines import threads, with_worker_count
from models import machine
from pipeline.settings import Settings

GB = 10**9


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process in a service, in a slice, on a machine of 16 processors with 64 GB free; the service's group."""
    own = tmp_path / "cgroup" / "night.slice" / "callqa.service"
    own.mkdir(parents=True)
    (tmp_path / "self").write_text("1:name=systemd:/x\n0::/night.slice/callqa.service\n")
    (tmp_path / "meminfo").write_text("MemTotal: 99000000 kB\nMemAvailable:   62500000 kB\n")
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "MEMBERSHIP", tmp_path / "self")
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    return own


def limit(group: Path, processors: str = "max 100000", memory: str = "max", taken: int = 0, cached: int = 0) -> None:
    (group / "cpu.max").write_text(processors + "\n")
    (group / "memory.max").write_text(memory + "\n")
    (group / "memory.current").write_text(f"{taken}\n")
    (group / "memory.stat").write_text(f"anon {taken - cached}\nfile {cached}\nfile_mapped 7\n")


def test_the_whole_machine_without_limits(service: Path) -> None:
    limit(service)
    assert machine.processors() == 16
    assert machine.free_memory_gb() == pytest.approx(64.0)


def test_the_narrowest_group_counts(service: Path) -> None:
    limit(service, "600000 100000", str(20 * GB), taken=9 * GB, cached=2 * GB)
    assert machine.processors() == 6
    assert machine.free_memory_gb() == pytest.approx(13.0)
    limit(service.parent, "350000 100000", str(8 * GB), taken=9 * GB)
    assert machine.processors() == 3
    assert machine.free_memory_gb() == 0.0
    limit(service.parent, "20000 100000")
    assert machine.processors() == 1


def test_a_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CGROUPS", "MEMBERSHIP", "MEMINFO"):
        monkeypatch.setattr(machine, name, tmp_path / "none")
    assert machine.processors() >= 1
    assert machine.free_memory_gb() is None
    assert _workers_and_threads() == (1, machine.processors())


def _workers_and_threads(**hear: object) -> tuple[int, int]:
    settings = Settings.model_validate({"hear": {"device": "cpu"} | hear})
    found = with_worker_count(settings)
    assert with_worker_count(found) == found
    return found.hear.workers, threads(found)


def test_a_worker_for_each_processor_as_far_as_memory_goes(service: Path) -> None:
    limit(service)
    assert _workers_and_threads() == (16, 1)
    assert _workers_and_threads(threads=4) == (4, 4)
    assert _workers_and_threads(workers=5) == (5, 3)
    limit(service, memory=str(13 * GB))
    assert _workers_and_threads() == (4, 4)
    limit(service, memory=str(2 * GB))
    assert _workers_and_threads() == (1, 16)


def test_one_worker_where_its_needs_are_not_known(service: Path) -> None:
    limit(service)
    assert _workers_and_threads(device="cuda") == (1, 16)
    assert _workers_and_threads(model="large-v3-turbo") == (1, 16)
