"""A night shared by several machines: manifest, shards, marks, and workers that are killed.

`bench/many_machines.py` does the same with whole nights, under Prefect, with TLS and Postgres.
"""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.cluster import cluster_security, scheduler_address
from flows.exit_status import UNFIT
from flows.faults import RunStopped
from flows.machine import work_on
from flows.machines import _WATCHES, MOST_SHARDS, _Watch, check_machines, plan_shards
from flows.manifest import MachineFault, Manifest, NightFolder, Shard, forget_nights
from flows.night import Night
from flows.shards import TRIES_OF_MACHINES, Machine, made_by
from pipeline.datatypes import Judged, Transcript
from pipeline.errors import BadSetting
from pipeline.settings import CHECKOUT, Machines, Settings
from pipeline.storage import artefacts
from pipeline.storage.files import write_whole
from pipeline.storage.home import Failure, Home, JudgedFile
from pipeline.storage.lock import run_lock
from tests.support import scripted_hearing
from tests.support.nights import environment
from tests.support.scripted_hearing import FINGERPRINT, script_hearing, scripted_transcript

RUN = "20261130T013000-abc123"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home and an inbox of twelve recordings; hearing is by script, no rulebook is loaded."""
    for name, place in (("hear", "flows.worker_pool.WorkerPool"), ("cut_excerpts", "pipeline.results.excerpts")):
        monkeypatch.setattr(f"{place}.{name}", None)
    monkeypatch.setattr("flows.engines.fingerprint", None)
    monkeypatch.setattr("flows.shards.fingerprint", None)
    script_hearing()
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number in range(12):
        (inbox / f"20261117-090000-1380013800{number % 10}-{number}.wav").write_bytes(f"call {number}".encode())
    settings = Settings().anchored(tmp_path)
    return settings.model_copy(
        update={
            "paths": settings.paths.model_copy(update={"inbox": inbox, "home": tmp_path / "home", "rulebooks": {}}),
            "ingest": settings.ingest.model_copy(update={"settle_s": 0.0}),
            "hear": settings.hear.model_copy(update={"workers": 1}),
        }
    )


def led(settings: Settings) -> tuple[Night, NightFolder]:
    """A night that has been planned, with its manifest in the home, in shards of five calls."""
    night = Night(settings, FINGERPRINT, run_id=RUN)
    home = night.home
    with run_lock(home):
        calls = [recording.sha256 for recording in night.scan().recordings]
    shards = tuple(Shard(to_hear=tuple(calls[at : at + 5])) for at in range(0, len(calls), 5))
    folder = NightFolder(home, RUN)
    folder.write(Manifest(RUN, FINGERPRINT, made_by(settings, FINGERPRINT, {}), len(shards)), shards)
    return night, folder


def machine(settings: Settings) -> Machine:
    return Machine(settings, "here", threading.Event())


def results(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for kind in ("heard", "judged") for path in home.files(kind)}  # type: ignore[arg-type]


def test_every_call_is_in_one_shard_and_shards_are_few(here: Settings) -> None:
    night = Night(here, FINGERPRINT)
    night.scan()
    left_by_a_killed_run = "ab" * 32
    night.pending.add(left_by_a_killed_run)
    shards = plan_shards(night)
    assert night.plan is not None
    assert sorted(call for shard in shards for call in shard.calls) == sorted(
        [left_by_a_killed_run, *(recording.sha256 for recording in night.plan.recordings)]
    )
    assert left_by_a_killed_run in shards[-1].heard
    night.pending.add(*(f"{number:064x}" for number in range(100_000)))
    assert len(plan_shards(night)) <= MOST_SHARDS + 1


def test_a_manifest_holds_hashes_and_nothing_of_a_call(here: Settings) -> None:
    led(here)
    files = filter(artefacts.is_artefact, (here.paths.home / "nights" / RUN).rglob("*"))
    text = "".join(artefacts.unpacked(path).decode() for path in files)
    values = re.findall(r'"([^"]*)"', text)
    fields = {"run_id", "fingerprint", "made_by", "shards", "to_hear", "heard", "corrections"}
    names = fields | {*made_by(here, FINGERPRINT, {})}
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in values if value not in names | {RUN})


def test_a_shard_done_twice_leaves_what_the_first_one_made(here: Settings) -> None:
    night, folder = led(here)
    outcome = machine(here).do_shard(RUN, 0)
    assert outcome is not None
    assert (outcome.heard, outcome.judged, outcome.failed) == (5, 5, 0)
    assert outcome.audio_s == sum(scripted_transcript(s).duration_s for s in folder.shard(0).to_hear)
    made = results(night.home)
    assert len(made) == 10
    assert machine(here).do_shard(RUN, 0) is None
    # the machine that did it was lost before it could say so
    (folder.root / "shards" / "0.json.zst").unlink()
    again = machine(here).do_shard(RUN, 0)
    assert again == outcome
    assert results(night.home) == made
    # it wrote nothing that only the leader writes
    assert not night.pending
    assert not list(night.home.files("runs"))


def test_two_machines_at_one_shard_come_to_one_result(here: Settings) -> None:
    night, _ = led(here)
    machines = [machine(here), machine(here)]
    threads = [threading.Thread(target=one.do_shard, args=(RUN, 1)) for one in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard = list(night.home.files("heard"))
    assert len(heard) == len(list(night.home.files("judged"))) == 5
    for path in heard:
        sha256 = path.name.split(".")[0]
        assert artefacts.read(path, Transcript) == scripted_transcript(sha256)
        assert isinstance(artefacts.read(night.home.judged(sha256), JudgedFile).judged, Judged)


def test_a_recording_that_ended_two_workers_is_set_aside_for_the_night(here: Settings) -> None:
    night, folder = led(here)
    killer, innocent = folder.shard(0).to_hear[:2]
    for _ in range(TRIES_OF_MACHINES):
        folder.begin_hearing(killer)
    folder.begin_hearing(innocent)
    outcome = machine(here).do_shard(RUN, 0)
    assert outcome is not None
    assert (outcome.heard, outcome.failed) == (4, 1)
    failure = artefacts.read(night.home.failure(killer), Failure)
    # the next nights try it again, the third time that it comes to that is the last
    assert (failure.reason, failure.tries, failure.fingerprint) == ("crashed", 1, "")
    assert night.home.transcript(innocent, FINGERPRINT).exists()
    assert not list((folder.root / "hearing").iterdir())
    # a shard that is done again does not count the failure again
    (folder.root / "shards" / "0.json.zst").unlink()
    assert machine(here).do_shard(RUN, 0) == outcome
    assert artefacts.read(night.home.failure(killer), Failure) == failure


def test_a_run_whose_manifest_is_gone_is_over(here: Settings) -> None:
    night, folder = led(here)
    forget_nights(night.home)
    assert not folder.root.exists()
    assert machine(here).do_shard(RUN, 0) is None
    assert results(night.home) == {}


def test_a_machine_that_would_come_to_other_results_does_nothing_and_says_so(here: Settings) -> None:
    night, folder = led(here)
    other = here.model_copy(update={"judge": here.judge.model_copy(update={"default_language": "en"})})
    with pytest.raises(RunStopped, match=r"\(judge differ\)"):
        machine(other).do_shard(RUN, 0)
    assert [fault.machine for fault in folder.faults()] == ["here"]
    assert results(night.home) == {}


def test_a_machine_that_cannot_do_the_work_leaves_before_its_shard_is_given_up(
    here: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    led(here.model_copy(update={"judge": here.judge.model_copy(update={"default_language": "en"})}))
    monkeypatch.setattr("flows.machine._Joined.machine", machine(here))
    monkeypatch.setattr("flows.machine._Joined.leaving", threading.Event())
    monkeypatch.setattr("os._exit", sys.exit)
    with pytest.raises(SystemExit) as left:
        work_on(RUN, 0)
    assert left.value.code == UNFIT
    assert capsys.readouterr().err.endswith("(judge differ)\n")


def test_the_leader_counts_what_machines_did_once(here: Settings) -> None:
    night, folder = led(here)
    watch = _Watch(night, folder, [folder.shard(number) for number in range(3)], {0, 1, 2})
    machine(here).do_shard(RUN, 0)
    machine(here).do_shard(RUN, 2)
    watch.collect([0, 1, 2])
    watch.collect([0, 1, 2])
    assert watch.left == {1}
    assert (night.tally.heard, night.tally.judged, night.tally.tried) == (7, 7, 7)
    assert night.tally.audio_s > 0


class NoMachines:
    """A Dask client whose scheduler knows no worker."""

    def nthreads(self) -> dict[str, int]:
        return {}


def test_a_night_without_machines_ends_with_the_reason_of_the_last_that_left(here: Settings) -> None:
    impatient = here.model_copy(update={"machines": here.machines.model_copy(update={"wait_s": 1e-9})})
    night, folder = led(impatient)
    for fault, told in ((None, "start `callqa worker`"), ("no models", "there left: no models")):
        if fault:
            folder.tell(MachineFault("there", fault, datetime.now(UTC)))
        watch = _Watch(night, folder, (), set())
        watch.heed_machines(NoMachines())
        watch.heed_machines(NoMachines())
        assert watch.error is not None
        assert told in str(watch.error)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"scheduler": None}, "not set"),
        ({"scheduler": "tcp://10.0.0.5:8786"}, "not encrypted"),
        ({"scheduler": "tls://10.0.0.5:8786"}, "needs ca, certificate and key"),
        ({"scheduler": "tls://10.0.0.5:8786", "ca": "/nowhere/ca.pem"}, "no such file"),
    ],
)
def test_a_cluster_that_lets_anybody_in_is_refused(given: dict[str, str], fault: str) -> None:
    with pytest.raises(BadSetting, match=fault):
        cluster_security(Machines.model_validate(given))


def test_plain_connections_are_for_this_machine_or_by_leave(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ({"scheduler": "tcp://127.0.0.1:8786"}, {"scheduler": "tcp://10.0.0.5:8786", "plain": True}):
        assert scheduler_address(Machines.model_validate(given)) == given["scheduler"]
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    machines = Machines.model_validate({"engine": "dask", "scheduler": "tcp://10.0.0.5:8786", "plain": True})
    with pytest.raises(BadSetting, match="PREFECT_API_URL"):
        check_machines(here.model_copy(update={"machines": machines}))


def test_dask_is_imported_by_nobody_who_does_not_use_it() -> None:
    for file in (CHECKOUT / "flows").rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names}.isdisjoint({"dask", "distributed", "prefect_dask"}), file


class Cluster:
    """A scheduler and workers on the loopback interface, as processes."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.file = folder / "callqa.toml"
        write_whole(
            self.file,
            f'[paths]\nhome = "{settings.paths.home}"\ninbox = "{settings.paths.inbox}"\nrulebooks = {{}}\n'
            f'[hear]\nworkers = 1\n[machines]\nscheduler = "{self.address}"\n'.encode(),
        )
        self.processes: list[subprocess.Popen[str]] = []
        self._start("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port),
                    "--dashboard-address", "127.0.0.1:0")  # fmt: skip

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        env = environment(self.folder / "prefect", SCRIPTED_S="0.3")
        process = subprocess.Popen(
            [sys.executable, *arguments], env=env, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[str]:
        return self._start("-P", "-m", scripted_hearing.__name__, "--settings", str(self.file), "worker")

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def cluster(tmp_path: Path, here: Settings) -> Iterator[Cluster]:
    running = Cluster(tmp_path, here)
    yield running
    running.close()


def test_what_travels_is_names_and_numbers_only(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import cloudpickle

    from flows.shard_flow import shard_task, shards_flow

    night, folder = led(here)
    monkeypatch.setitem(_WATCHES, RUN, _Watch(night, folder, (), set()))
    monkeypatch.setattr("flows.machine._Joined.machine", machine(here))
    sent = cloudpickle.dumps((shards_flow, shard_task, {"run_id": RUN, "shard": 1}))
    assert b"work_on" in sent
    assert str(here.paths.home).encode() not in sent
    assert len(sent) < 20_000


@pytest.mark.slow
def test_the_shard_of_a_killed_worker_goes_elsewhere_and_what_kills_them_is_set_aside(
    here: Settings, cluster: Cluster
) -> None:
    from distributed import Client

    (here.inbox_folder / "killer.wav").write_bytes(b"ends its workers")
    night, folder = led(here)
    manifest = folder.read()
    assert manifest is not None
    workers = [cluster.worker() for _ in range(TRIES_OF_MACHINES + 1)]
    with Client(cluster.address, timeout=60) as client:
        futures = [client.submit(work_on, RUN, number, pure=False) for number in range(manifest.shards)]
        client.gather(futures)
    outcomes = [folder.outcome(number) for number in range(manifest.shards)]
    assert sum(outcome.heard for outcome in outcomes if outcome) == 12
    assert sum(outcome.failed for outcome in outcomes if outcome) == 1
    assert [artefacts.read(path, Failure).reason for path in night.home.files("failures")] == ["crashed"]
    (left,) = [worker for worker in workers if worker.poll() is None]
    left.terminate()
    assert left.wait(60) == 0
