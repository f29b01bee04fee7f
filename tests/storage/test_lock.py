"""One run and one build of the database at a time, whatever becomes of the process that had the lock."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import CallQAError
from pipeline.storage.home import Home
from pipeline.storage.lock import database_lock, run_lock, running

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.storage.home import Home
from pipeline.storage import lock
with getattr(lock, sys.argv[1])(Home(Path(sys.argv[2]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_process(tmp_home: Home) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a process that holds a lock of the home by the time this returns."""
    started = []

    def hold(name: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, name, str(tmp_home.root)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.wait()


def test_a_second_run_is_told_who_is_at_work(
    tmp_home: Home, other_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = other_process("run_lock")
    with pytest.raises(CallQAError, match=rf"process {process.pid}, since") as refused, run_lock(tmp_home):
        pass
    assert f"进程 {process.pid}，开始于 2" in refused.value.in_language("zh")
    assert str(tmp_home.root) in str(refused.value)
    holder = running(tmp_home)
    assert holder is not None
    assert f"process {process.pid}, since 2" in holder


def test_a_killed_process_holds_nothing(tmp_home: Home, other_process: Callable[[str], subprocess.Popen[str]]) -> None:
    process = other_process("run_lock")
    process.kill()
    process.wait()
    assert running(tmp_home) is None, "though its name is still in the file"
    with run_lock(tmp_home):
        assert running(tmp_home)
    assert running(tmp_home) is None
    assert tmp_home.lock.read_text() == ""


def test_a_holder_that_has_not_said_its_name_yet_is_respected(tmp_home: Home) -> None:
    with run_lock(tmp_home):
        tmp_home.lock.write_text("")
        assert running(tmp_home) == "just started"


def test_nobody_runs_over_a_home_that_is_not_there(tmp_path: Path) -> None:
    assert running(Home(tmp_path / "none")) is None
    assert not (tmp_path / "none").exists()


def test_who_builds_the_database_waits_for_the_one_before(
    tmp_home: Home, other_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = other_process("database_lock")
    done = threading.Event()

    def build() -> None:
        with database_lock(tmp_home):
            done.set()

    threading.Thread(target=build, daemon=True).start()
    assert not done.wait(0.5)
    process.kill()
    assert done.wait(10)
