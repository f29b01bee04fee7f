"""Each exit status is what the one table says of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.exit_status import DONE, EXIT_STATUSES, FAILED, INCOMPLETE, INTERRUPTED, READER_GONE, UNFIT, USAGE
from flows.tally import Tally
from flows.watch import exit_status
from pipeline.settings import CHECKOUT
from tests.support.nights import CALLQA, callqa, environment

Env = dict[str, str]


def of_a_run(env: Env) -> int:
    """What `exit_status` says, which `callqa nightly` ends with (tests/flows/test_nightly.py)."""

    class Run:
        tally = Tally(failed=1)

    return exit_status(Run)  # type: ignore[arg-type]


def of_a_machine(env: Env) -> int:
    """What a `callqa worker` ends with that is given a shard and has no home mounted."""
    code = """
import sys, threading
from pathlib import Path
import flows.machine, flows.shards
from pipeline.settings import Settings
flows.shards.fingerprint = lambda settings: ""
settings = Settings().anchored(Path(sys.argv[1]))
flows.machine._Joined.machine = flows.shards.Machine(settings, "here", threading.Event())
flows.machine.work_on("run", 0)
"""
    return subprocess.run(
        [sys.executable, "-P", "-c", code, env["CALLQA_HOME"]], env=env, capture_output=True
    ).returncode


def whose_reader_left(env: Env) -> int:
    process = subprocess.Popen([*CALLQA, "settings"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.close()
    return process.wait(60)


def interrupted(env: Env) -> int:
    """Ctrl-C while a command is at work."""
    command = [*CALLQA[:-1], "from flows.cli import main, app\nimport time\n"
               "app.command('wait')(lambda: (print('here', flush=True), time.sleep(60)))\nmain()", "wait"]  # fmt: skip
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=60)[1]
    return process.returncode


REACHED: dict[int, Callable[[Env], int]] = {
    DONE: lambda env: callqa("--version", env=env).returncode,
    FAILED: lambda env: callqa("judge", "no-such-call", env=env).returncode,
    USAGE: lambda env: callqa("nightly", "--wrong", env=env).returncode,
    INCOMPLETE: of_a_run,
    UNFIT: of_a_machine,
    INTERRUPTED: interrupted,
    READER_GONE: whose_reader_left,
}
"""How each status comes about."""


def test_no_status_is_left_out() -> None:
    assert REACHED.keys() == EXIT_STATUSES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("status", EXIT_STATUSES)
def test_a_command_ends_as_the_table_says(status: int, tmp_path: Path) -> None:
    env = environment(tmp_path / "prefect", CALLQA_HOME=str(tmp_path / "home"))
    assert REACHED[status](env) == status


def test_a_run_that_left_nothing_undone_is_done() -> None:
    for undone in ("failed", "known_failures", "lost", "without_clips", "damaged"):
        for count, status in ((0, DONE), (1, INCOMPLETE)):

            class Run:
                tally = Tally(**{undone: count})

            assert exit_status(Run) == status  # type: ignore[arg-type]


@pytest.mark.parametrize(("page", "language"), [("docs/operations.md", "en"), ("docs/operations.zh-CN.md", "zh")])
def test_the_runbook_has_the_same_table(page: str, language: str) -> None:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    for status, meaning in EXIT_STATUSES.items():
        assert f"| {status} | {meaning.in_language(language)} |" in text
