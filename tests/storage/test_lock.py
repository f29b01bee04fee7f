"""One run and one build of the database at a time, whatever becomes of the process that had the lock."""

from __future__ import annotations

import os
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


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from pipeline.storage.files import write_whole
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), b"words of a call")
"""


def test_what_a_killed_run_had_half_written_is_gone_with_the_next(tmp_home: Home) -> None:
    """It may hold what people said."""
    files = [
        tmp_home.transcript("a" * 64, "b" * 64), tmp_home.judged("a" * 64), tmp_home.hashes,
        tmp_home.reports / "r" / "index.html", tmp_home.rulebooks / "zh" / "published.json.zst",
    ]  # fmt: skip
    for file in files:
        subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(file)], check=False)
    tmp_home.failure("whole").parent.mkdir()
    tmp_home.failure("whole").write_bytes(b"whole")
    assert len(list(tmp_home.root.rglob(".*.part"))) == 5

    def left() -> list[str]:
        return sorted(path.parent.name for path in tmp_home.root.rglob(".*.part"))

    with run_lock(tmp_home):
        # reports and rulebooks are written by others, too, who may be at it
        assert left() == ["r", "zh"]
    for path in tmp_home.root.rglob(".*.part"):
        os.utime(path, (0, 0))
    with run_lock(tmp_home):
        assert left() == []
    assert tmp_home.failure("whole").read_bytes() == b"whole"
