"""A night of many calls through three worker processes that share nothing but the home, killed again and again.

    python bench/many_machines.py                                   # 2,000 calls, 30 kills
    python bench/many_machines.py --calls 100000 --postgres         # the target; Prefect's server on Postgres

Hearing is scripted: a recording's bytes decide what was said in it, so nothing is decoded and no model is loaded; all
else is as in any night: scan, manifest, shards over Dask with TLS, verdicts, database, report. Workers are killed with
SIGKILL at random moments, and so is the scheduler, once. It passes when every call is there exactly once, nothing
failed, no more than 500 task runs were made, and all content equals that of a night that one machine did alone.

Recordings are a few bytes each, so no clips are cut.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

import yaml

from pipeline.settings import Settings
from pipeline.storage.home import Home

CALLQA = [sys.executable, "-P", "-m", "tests.support.scripted_hearing"]
HEARD_S = 0.02
TLS_FILES = {"ca": "ca.pem", "certificate": "machine.pem", "key": "machine.key"}


def make_inbox(folder: Path, calls: int) -> None:
    folder.mkdir(parents=True)
    for number in range(calls):
        (folder / f"{number:06d}.wav").write_bytes(f"call {number:06d}".encode())
    # who is on which channel is known, else to find it out is most of the work
    rows = [f"{number:06d}.wav,agent-left" for number in range(calls)]
    (folder / "cdr.csv").write_text("\n".join(["file,channel_map", *rows]) + "\n", encoding="ascii")


def make_certificates(folder: Path) -> None:
    """An authority and one certificate for everybody, as docs/machines.md makes them."""
    folder.mkdir()
    for command in (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=callqa-ca -keyout ca.key -out ca.pem",
        "openssl req -newkey rsa:2048 -nodes -subj /CN=callqa -keyout machine.key -out machine.csr",
        "openssl x509 -req -days 30 -in machine.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out machine.pem",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


def small_book(folder: Path) -> Path:
    """A rulebook of four rules: how many there are changes nothing but how long it takes."""
    from tests.support.rulebooks import CASES, write_book

    conditions = {
        "greeting": {"require": {"said": {"by": "agent", "any": ["您好"], "in": {"turns": "1..2"}}}},
        "goodbye": {"require": {"said": {"by": "agent", "any": ["再见"], "in": {"turns": "-3..-1"}}}},
        "brush-off": {"forbid": {"said": {"by": "agent", "any": ["你自己打电话问"]}}},
        "complaint": {"forbid": {"said": {"by": "customer", "any": ["投诉"]}}},
    }
    rules = {}
    for name, gate in conditions.items():
        title = {"zh": name, "en": name}
        rule = {"id": name, "title": title, "dimension": "one", "why": "x", "cases": CASES, "speaks": "any", **gate}
        rules[name] = yaml.safe_dump(rule, allow_unicode=True)
    return write_book(folder, rules)


def settings_file(folder: Path, engine: str, port: int, hotline: bool) -> Path:
    weights = Settings().anchored(CHECKOUT).paths.weights
    rules = {language: CHECKOUT / "rules" / f"hotline-{language}" for language in ("zh", "en")}
    if not hotline:
        rules = {"zh": folder / "book"}
    books = ", ".join(f"{language} = {json.dumps(str(book))}" for language, book in rules.items())
    tls = folder / "tls"
    file = folder / f"{engine}.toml"
    lines = (
        "[paths]",
        f"inbox = {json.dumps(str(folder / 'inbox'))}",
        f"home = {json.dumps(str(folder / engine))}",
        f"weights = {json.dumps(str(weights))}",
        f"rulebooks = {{ {books} }}",
        "[ingest]",
        "settle_s = 0",
        "[hear]",
        "workers = 1",
        "[machines]",
        f'engine = "{engine}"',
        f'scheduler = "tls://127.0.0.1:{port}"',
        *(f"{name} = {json.dumps(str(tls / own))}" for name, own in TLS_FILES.items()),
    )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@contextmanager
def postgres(folder: Path, port: int):
    """A Postgres of our own, of Debian's package, under an account that is not root; yields Prefect's URL of it."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    data = Path(tempfile.mkdtemp(prefix="callqa-pg-"))
    as_owner = []
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
        as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={data} -c max_connections=50"
    run = {"check": True, "capture_output": True, "cwd": data}
    subprocess.run([*as_owner, programs / "initdb", "-D", data / "db", "-U", "prefect", "-A", "trust"], **run)
    control = [*as_owner, programs / "pg_ctl", "-D", data / "db", "-w"]
    subprocess.run([*control, "-l", data / "log", "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    try:
        subprocess.run(
            [*as_owner, programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "prefect", "prefect"], **run
        )
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/prefect"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(data, ignore_errors=True)


def environment(folder: Path, **more: str) -> dict[str, str]:
    dropped = ("CALLQA_", "PREFECT_", "PYTHON", "DASK_", "LC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8", "PREFECT_HOME": str(folder / "prefect"),
            "OMP_NUM_THREADS": "1", "SCRIPTED_S": str(HEARD_S), **more}  # fmt: skip


class Cluster:
    """Scheduler and workers as processes, killed and started again."""

    def __init__(self, folder: Path, settings: Path, port: int, env: dict[str, str]) -> None:
        self.folder, self.settings, self.port = folder, settings, port
        self.env = {name: value for name, value in env.items() if name != "PREFECT_HOME"}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.peaks_mb: list[float] = []
        self.log = (folder / "cluster.log").open("ab")

    def start_scheduler(self) -> None:
        tls = self.folder / "tls"
        self.scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port),
             "--protocol", "tls", "--tls-ca-file", tls / "ca.pem", "--tls-cert", tls / "machine.pem", "--tls-key",
             tls / "machine.key", "--dashboard-address", "127.0.0.1:0"],
            env=self.env, stderr=self.log, stdout=self.log, start_new_session=True,
        )  # fmt: skip

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [*CALLQA, "--settings", str(self.settings), "worker"]
        worker = subprocess.Popen(command, env=self.env, stderr=self.log, stdout=self.log, start_new_session=True)
        self.workers.append(worker)
        return worker

    def memory_mb(self) -> list[float]:
        """What each worker holds now."""
        held = []
        for worker in self.workers:
            with suppress(OSError, ValueError, IndexError):
                held.append(int(Path(f"/proc/{worker.pid}/statm").read_text().split()[1]) * 4096 / 2**20)
        return held

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            with suppress(OSError):
                process.kill()
            process.wait()
        self.log.close()


class Killer(threading.Thread):
    """Kills workers at random moments while shards are at work, and the scheduler once."""

    def __init__(self, cluster: Cluster, home: Home, kills: int, every_s: float) -> None:
        super().__init__(daemon=True)
        self.cluster, self.home, self.kills, self.every_s = cluster, home, kills, every_s
        self.done, self.schedulers, self.stop = 0, 0, threading.Event()
        self.memory_mb: list[tuple[float, float]] = []

    def run(self) -> None:
        draw = random.Random(1)
        began = time.monotonic()
        while not self.stop.wait(draw.uniform(0.2, 1.8) * self.every_s):
            if held := self.cluster.memory_mb():
                self.memory_mb.append((time.monotonic() - began, max(held)))
            at_work = any(self.home.nights.glob("*/manifest.json.*"))
            if not at_work or self.done >= self.kills:
                continue
            if self.done >= self.kills / 2 and not self.schedulers:
                self.schedulers = 1
                self.cluster.scheduler.kill()
                self.cluster.scheduler.wait()
                time.sleep(2)
                self.cluster.start_scheduler()
            victim = draw.choice(self.cluster.workers)
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            self.cluster.workers.remove(victim)
            self.done += 1
            self.cluster.start_worker()


def task_runs(env: dict[str, str], home: Path) -> int:
    """How many task runs Prefect has seen, by its database."""
    url = env.get("PREFECT_SERVER_DATABASE_CONNECTION_URL")
    if url:
        sql = ["psql", "-At", url.replace("+asyncpg", ""), "-c", "SELECT count(*) FROM task_run"]
        return int(subprocess.run(sql, check=True, capture_output=True, text=True).stdout)
    import sqlite3

    with sqlite3.connect(f"file:{env['PREFECT_HOME']}/prefect.db?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT count(*) FROM task_run").fetchone()[0])


def told_too_much(folder: Path, env: dict[str, str]) -> list[str]:
    """Whether Prefect's database or a log has anything of a call: a file's name, a hash, a word."""
    url = env.get("PREFECT_SERVER_DATABASE_CONNECTION_URL")
    if url:
        dump = subprocess.run(["pg_dump", url.replace("+asyncpg", "")], check=True, capture_output=True).stdout
    else:
        dump = b"".join(path.read_bytes() for path in Path(env["PREFECT_HOME"]).rglob("prefect.db*"))
    dump += (folder / "cluster.log").read_bytes()
    dump += b"".join(path.read_bytes() for path in (folder / "dask" / "logs").glob("*"))
    hashes = [path.name[:12] for path in Home(folder / "dask").files("judged")]
    secrets = [".wav", "客服", "快递", *hashes]
    found = [secret for secret in secrets if secret.encode() in dump or json.dumps(secret)[1:-1].encode() in dump]
    size_mb = len(dump) / 1e6
    print(f"{size_mb:.1f} MB of Prefect's database and logs: {len(found)} of {len(secrets)} things of calls found")
    return [f"told: {secret}" for secret in found]


def night(settings: Path, env: dict[str, str]) -> tuple[dict[str, object], float, float, str]:
    """Run a night to its end: its summary, seconds it took, peak memory of its process in MB, and what it said."""
    command = [*CALLQA, "--settings", str(settings), "nightly", "--json"]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=err, text=True)
        _, status, used = os.wait4(process.pid, 0)
        out.seek(0)
        err.seek(0)
        text = out.read()
        said = err.read()
    told = json.loads(text) if text.strip().startswith("{") else {}
    return {"exit": os.waitstatus_to_exitcode(status), **told}, time.monotonic() - began, used.ru_maxrss / 1024, said


def cpu_s(pids: list[int]) -> float:
    """Processor time that processes have taken."""
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def command_of(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def empty_shards(folder: Path, given: argparse.Namespace) -> int:
    """What a shard costs beside its calls: processor time of each part for so many without a call."""
    from tests.support.nights import children
    from tests.support.scripted_hearing import FINGERPRINT, script_hearing

    make_inbox(folder / "inbox", 1)
    make_certificates(folder / "tls")
    small_book(folder / "book")
    port = 20000 + os.getpid() % 20000
    file = settings_file(folder, "dask", port, given.hotline)
    (folder / "cluster").mkdir()
    env = environment(folder / "cluster")
    with ExitStack() as stack:
        if given.postgres:
            os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = stack.enter_context(postgres(folder, port + 1))
        cluster = Cluster(folder, file, port, env)
        stack.callback(cluster.close)
        cluster.start_scheduler()
        for _ in range(3):
            cluster.start_worker()
        script_hearing()
        os.environ["PREFECT_HOME"] = str(folder / "prefect")
        from flows import machines
        from flows.manifest import Shard
        from flows.night import Night
        from flows.prefect_server import quiet_server
        from pipeline.settings import load_settings

        home = folder / "dask"
        settings = load_settings(file)
        (home / "logs").mkdir(parents=True)
        (home / "run.lock").touch()
        stack.enter_context(quiet_server(home))
        while (folder / "cluster.log").read_text().count("joined") < 3:
            time.sleep(0.5)
        for count in (10, given.empty):  # the first for what is done once
            machines.plan_shards = lambda night, count=count: tuple(Shard() for _ in range(count))
            server = [pid for pid in children(os.getpid()) if b"prefect_server" in command_of(pid)]
            parts = {"leader": [os.getpid()], "Prefect's server": server, "Dask's scheduler": [cluster.scheduler.pid],
                     "three workers": [worker.pid for worker in cluster.workers]}  # fmt: skip
            before = {name: cpu_s(pids) for name, pids in parts.items()}
            began = time.monotonic()
            machines.share_out(Night(settings, FINGERPRINT))
            took_s = time.monotonic() - began
            used = {name: 1000 * (cpu_s(pids) - before[name]) / count for name, pids in parts.items()}
            print(f"{count} empty shards: {took_s:.0f} s; CPU, ms a shard: "
                  + ", ".join(f"{name} {ms:.0f}" for name, ms in used.items()), flush=True)  # fmt: skip
    return 0


def compare(folder: Path, given: argparse.Namespace) -> int:
    from tests.support.nights import content, rows

    if not folder.exists():
        folder.mkdir(parents=True)
        make_inbox(folder / "inbox", given.calls)
        make_certificates(folder / "tls")
        small_book(folder / "book")
    port = 20000 + os.getpid() % 20000
    alone, shared = (settings_file(folder, engine, port, given.hotline) for engine in ("local", "dask"))
    faults: list[str] = []
    told, alone_s, alone_mb, said = night(alone, environment(folder))
    print(f"alone: {alone_s:.0f} s, {alone_mb:.0f} MB, {told}", flush=True)
    if told.get("exit") != 0:
        faults.append(f"alone: {said[-500:]}")
    with ExitStack() as stack:
        env = environment(folder / "cluster")
        (folder / "cluster").mkdir(exist_ok=True)
        if given.postgres:
            env["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = stack.enter_context(postgres(folder, port + 1))
        cluster = Cluster(folder, shared, port, env)
        stack.callback(cluster.close)
        cluster.start_scheduler()
        for _ in range(3):
            cluster.start_worker()
        home = Home(folder / "dask")
        killer = Killer(cluster, home, given.kills, given.every)
        killer.start()
        nights, total_s = 0, 0.0
        while nights < 5:
            nights += 1
            told, took_s, leader_mb, said = night(shared, env)
            total_s += took_s
            print(f"shared, run {nights}: {took_s:.0f} s, {leader_mb:.0f} MB, {told}", flush=True)
            if told.get("exit") == 0:
                break
            print(said[-800:], flush=True)
        killer.stop.set()
        killer.join()
        runs = task_runs(env, home.root)
        print(f"workers killed {killer.done}, scheduler killed {killer.schedulers}, nights started {nights}, "
              f"{total_s:.0f} s; Prefect task runs {runs} on {'Postgres' if given.postgres else 'SQLite'}")  # fmt: skip
        held, half = killer.memory_mb, len(killer.memory_mb) // 2
        peaks = [max((mb for _, mb in part), default=0.0) for part in (held[:half], held[half:])]
        print(f"largest worker: first half {peaks[0]:.0f} MB, second half {peaks[1]:.0f} MB; leader {leader_mb:.0f} MB")
        faults += told_too_much(folder, env)
    counted = rows(home.database, "SELECT count(*), count(DISTINCT sha256) FROM calls")[0]
    if counted != (given.calls, given.calls):
        faults.append(f"{given.calls} recordings, but {counted} calls")
    if runs > 500:
        faults.append(f"{runs} task runs")
    one, other = content(folder / "local" / "callqa.duckdb"), content(home.database)
    faults += [f"{table}: content differs" for table in one if one[table] != other[table]]
    faults += [f"{name} is left" for name in ("nights",) if any((home.root / name).glob("*"))]
    print("\n".join(faults) if faults else f"every one of {given.calls} calls exactly once, content equal")
    return 1 if faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--every", type=float, default=8.0, help="a kill every so many seconds, at random")
    parser.add_argument("--hotline", action="store_true", help="judge by the whole rulebooks, not by four rules")
    parser.add_argument("--postgres", action="store_true", help="Prefect's server on Postgres (Debian's package)")
    parser.add_argument("--folder", type=Path, help="where to work; kept (default: temporary)")
    parser.add_argument("--empty", type=int, help="only so many shards without a call: what a shard costs by itself")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="callqa-bench-") as temporary:
        os.chmod(temporary, 0o755)
        return (empty_shards if given.empty else compare)(given.folder or Path(temporary) / "work", given)


if __name__ == "__main__":
    sys.exit(main())
