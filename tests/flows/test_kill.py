"""A night that is killed at any moment goes on where it was, and ends as if nothing had happened.

`bench/kill_night.py` does the same with hundreds of recordings and twenty kills.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from flows import worker_pool
from flows.engines import fingerprint
from flows.faults import RunStopped
from flows.worker_pool import WorkerPool
from pipeline.datatypes import Half, Transcript
from pipeline.settings import Settings, load_settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home
from tests.support.nights import (
    SAMPLES,
    alive,
    callqa,
    children,
    content,
    cut,
    environment,
    gone,
    kill,
    one_rule,
    rows,
    start,
    summary,
)

pytestmark = [pytest.mark.models, pytest.mark.slow]

KILLS = 3


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """Four recordings of a few seconds."""
    folder = tmp_path_factory.mktemp("inbox")
    source = SAMPLES / "20261117-163719-2336-baggage.wav"
    for number in range(4):
        cut(source, folder / f"call-{number}.wav", 3.0 * number, 3.0 * number + 4.0)
    return folder


def test_killed_nights_end_like_an_uninterrupted_one(inbox: Path, tmp_path: Path) -> None:
    env = environment(tmp_path / "prefect", CALLQA_SETTINGS=str(one_rule(tmp_path)))
    whole, broken = Home(tmp_path / "whole"), Home(tmp_path / "broken")
    began = time.monotonic()
    assert callqa("--home", whole.root, "nightly", "--inbox", inbox, env=env).returncode == 0
    lasted = time.monotonic() - began
    moments = random.Random(20261121)
    for _ in range(KILLS):
        night = start("--home", broken.root, "nightly", "--inbox", inbox, env=env)
        # from before the server is up to the last report
        time.sleep(moments.uniform(0.2, 1.0) * lasted)
        started = children(night.pid)
        kill(night)
        assert gone(started, 15), "a child outlived its parent"
        if broken.database.exists():
            rows(broken.database, "FROM calls")  # it opens, whenever the kill came
    last = callqa("--home", broken.root, "nightly", "--inbox", inbox, "--json", env=env)
    assert last.returncode == 0, last.stderr
    assert content(broken.database) == content(whole.database)
    assert len(rows(broken.database, "FROM calls")) == 4
    assert len(list(broken.files("heard"))) == 4
    assert rows(broken.database, "SELECT count(*) FROM runs WHERE status = 'running'") == [(0,)]
    assert summary(callqa("--home", broken.root, "nightly", "--inbox", inbox, "--json", env=env))["run_id"] is None


def pool_settings(home: Home, **hear: float) -> Settings:
    settings = load_settings()
    return settings.model_copy(
        update={
            "paths": settings.paths.model_copy(update={"home": home.root}),
            "hear": settings.hear.model_copy(update=hear),
        }
    )


def _pids(pool: WorkerPool) -> list[int]:
    return [child.process.pid for child in pool._all]


def test_a_child_that_dies_is_replaced_and_one_that_is_stuck_is_given_up(inbox: Path, tmp_home: Home) -> None:
    settings = pool_settings(tmp_home, stuck_factor=1.01)
    recordings = sorted(inbox.glob("*.wav"))
    hashes = [file_sha256(recording) for recording in recordings]
    killed: list[int] = []

    def strike(how: signal.Signals, times: int) -> None:
        pid = _pids(pool)[0]
        if killed.count(pid) == 0 and len(killed) < times:
            killed.append(pid)
            os.kill(pid, how)

    with WorkerPool(settings) as pool:
        once = pool.hear(hashes[0], recordings[0], lambda _: strike(signal.SIGKILL, 1))
        assert once.reason is None
        assert len(killed) == 1
        heard = artefacts.read(tmp_home.transcript(hashes[0], fingerprint(settings)), Transcript)
        assert heard.duration_s == pytest.approx(4.0, abs=0.1)
        assert once.audio_s == pytest.approx(4.0, abs=0.1)
        killed.clear()
        twice = pool.hear(hashes[1], recordings[1], lambda _: strike(signal.SIGKILL, 9))
        assert twice.reason == "crashed"
        assert len(killed) == worker_pool.TRIES
        killed.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker_pool, "SHORTEST_LIMIT_S", 1.0)
            patch.setattr(worker_pool, "LOADING_LIMIT_S", 60.0)
            assert pool.hear(hashes[3], recordings[3]).reason is None
            stuck = pool.hear(hashes[2], recordings[2], lambda _: strike(signal.SIGSTOP, 1))
        assert stuck.reason == "stuck"
        assert gone(killed, 5)
        assert not tmp_home.transcript(hashes[2], fingerprint(settings)).exists()


def test_a_call_in_two_files_is_heard_as_one(inbox: Path, tmp_home: Home) -> None:
    settings = pool_settings(tmp_home)
    first, second = sorted(inbox.glob("*.wav"))[:2]
    halves = [Half(path, file_sha256(path)) for path in (first, second)]
    with WorkerPool(settings) as pool:
        assert pool.hear("ab" * 32, first, halves=halves).reason is None
        heard = artefacts.read(tmp_home.transcript("ab" * 32, fingerprint(settings)), Transcript)
        assert (heard.channels, heard.sha256) == (2, "ab" * 32)
        second.write_bytes(first.read_bytes())
        assert pool.hear("cd" * 32, first, halves=halves).reason == "replaced"


def test_closing_the_pool_or_losing_the_parent_ends_the_children(inbox: Path, tmp_home: Home) -> None:
    recording = min(inbox.glob("*.wav"))
    with WorkerPool(pool_settings(tmp_home)) as pool:
        pool.hear(file_sha256(recording), recording)
        first = _pids(pool)
        assert all(map(alive, first))
        # what a child sees of a killed parent is that its stdin closes
        stdin = pool._all[0].process.stdin
        assert stdin is not None
        stdin.close()
        assert gone(first, 10)
    with WorkerPool(pool_settings(tmp_home)) as pool:
        pool.hear(file_sha256(recording), recording)
        second = _pids(pool)
    assert gone(second, 1)


def test_stopping_takes_effect_at_once(inbox: Path, tmp_home: Home) -> None:
    stop, recording = threading.Event(), min(inbox.glob("*.wav"))
    sha256 = file_sha256(recording)
    with WorkerPool(pool_settings(tmp_home), stop) as pool:
        with pytest.raises(RunStopped):
            pool.hear(sha256, recording, lambda _: stop.set())
        assert not _pids(pool)
        with pytest.raises(RunStopped):
            pool.hear(sha256, recording)
