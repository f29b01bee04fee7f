"""Runs the command as a person would, in a process of its own, and looks at what it left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from pipeline.evaluation.degrade import write_wav
from pipeline.hearing.decode import decode
from pipeline.settings import CHECKOUT, Settings, load_settings
from tests.support.rulebooks import CASES, HEAD, LANGUAGES, write_book

CALLQA = [sys.executable, "-P", "-c", "from flows.cli import main; main()"]
SAMPLES = CHECKOUT / "data" / "samples"

CONTENT = {
    "calls": "SELECT * EXCLUDE (first_seen, built_from) FROM calls ORDER BY sha256",
    "turns": "FROM turns ORDER BY ALL",
    "verdicts": "FROM verdicts ORDER BY sha256, rule_id",
    "scorecards": "FROM scorecards ORDER BY sha256",
    "clips": "FROM clips ORDER BY ALL",
    "failures": "SELECT key, file_name, path, stage, reason, message FROM failures ORDER BY key",
}
"""All that a night finds out; left out is when, and which files the database was built from."""


def environment(prefect: Path, **more: str) -> dict[str, str]:
    """A clean environment: English, no locale's or other project's variables, Prefect's folder where we say."""
    dropped = ("CALLQA_", "PREFECT_", "PYTHON", "LC_", "COLUMNS")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    kept["PYTHONPATH"] = str(CHECKOUT)  # the code that is tested, whichever checkout is installed
    return {**kept, "LANG": "C.UTF-8", "PREFECT_HOME": str(prefect), "OMP_NUM_THREADS": "2", **more}


def own_rules(folder: Path) -> Path:
    """A settings file with a copy of the rulebooks: a night's content must not change because they are edited."""
    shutil.copytree(CHECKOUT / "rules", folder / "rules")
    return _settings(folder)


def one_rule(folder: Path) -> Path:
    """A settings file with a rulebook of one rule a language, which hardly a call keeps: for nights that are about
    something else, and would load the whole rulebooks each time."""
    rule = (
        "id: words\ntitle: {zh: 一句话, en: Words}\ndimension: one\nwhy: 试\nspeaks: any\n"
        "require: {said: {any: $words}}\n"
        f"cases: {json.dumps(CASES)}\n"
    )
    for language in LANGUAGES:
        head = HEAD.format(language=language).replace("trial", f"trial-{language}")
        write_book(folder / "rules" / f"hotline-{language}", {"words": rule}, "words: [abracadabra, 芝麻开门]", head)
    return _settings(folder)


def _settings(folder: Path) -> Path:
    settings = folder / "callqa.toml"
    settings.write_text(
        f"[paths]\nweights = {json.dumps(str(load_settings().paths.weights))}\n"
        'rulebooks = { zh = "rules/hotline-zh", en = "rules/hotline-en" }\n'
        # recordings of tests are seconds old
        "[ingest]\nsettle_s = 0\n[hear]\nworkers = 2\n",
        encoding="utf-8",
    )
    return settings


def callqa(
    *arguments: str | Path, env: dict[str, str], cwd: Path | None = None, timeout_s: float | None = 540
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, under a mask that closes nothing."""
    command = [*CALLQA, *map(str, arguments)]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=timeout_s, umask=0)


def start(*arguments: str | Path, env: dict[str, str]) -> subprocess.Popen[str]:
    """Start the command in a process group of its own, under a mask that closes nothing."""
    return subprocess.Popen(
        [*CALLQA, *map(str, arguments)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        umask=0,
    )


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON that ``--json`` printed, and nothing else on stdout."""
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def content(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(database, sql) for name, sql in CONTENT.items()}


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(line) for line in listed.split()]


def server_secret(pid: int) -> str:
    """The secret of the Prefect server that a process started; only its own account may read it there."""
    for child in children(pid):
        for entry in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            name, _, value = entry.partition(b"=")
            if name == b"PREFECT_SERVER_API_AUTH_STRING":
                return value.decode()
    raise LookupError("no Prefect server")


def ask_prefect(url: str, secret: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """What Prefect's API answers to one request."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pids: list[int], within_s: float) -> bool:
    """Whether all processes end within so many seconds."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        if not any(map(alive, pids)):
            return True
        time.sleep(0.1)
    return not any(map(alive, pids))


def kill(process: subprocess.Popen[str]) -> None:
    """As the kernel does it when memory is short."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def cut(source: Path, target: Path, start_s: float, end_s: float) -> Path:
    """A stretch of a recording as a recording of its own."""
    settings = Settings()
    audio = decode(source, settings.decode, settings.ingest)
    samples = audio.samples[:, int(start_s * audio.rate_hz) : int(end_s * audio.rate_hz)]
    write_wav(target, np.ascontiguousarray(samples), audio.rate_hz)
    return target
