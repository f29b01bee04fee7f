"""Hostile statements on the desk's SQL page: what they reached, how long they took, what others noticed of it.

    nice python bench/desk_sql.py                     # all, some minutes
    nice python bench/desk_sql.py --only sleep        # those whose name or text has this

The statements of tests/data/hostile_sql.txt and those that a web page adds (tests/support/hostile_pages.py), sent to
the product's own server by three people at once, while a fourth opens the list of calls again and again. Nothing may
get through: no file read or written, no change to the database, no markup of theirs in a page, no answer later than the
limits, no process left, the desk's memory bounded. Then what people do: leave, ask again, ask thirty at once, take
files without end. Exit status 1 when something got through.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

import httpx
import uvicorn

from desk.app import make_app
from desk.calls.call_index import make_index
from desk.context import Desk, make_desk
from desk.rights import AccountRole
from desk.routing import session_cookie
from pipeline.results.store import build_database
from pipeline.settings import Settings, Sql
from pipeline.storage.home import Home
from tests.support.desks import ORIGIN, session_of, settings_of
from tests.support.factories import make_night, save
from tests.support.hostile_pages import MARKUP, got_through, page_statements
from tests.support.hostile_sql import TREASURE, hostile_places, hostile_statements

LIMIT_S, MEMORY = 6.0, "1GB"
HANGING_S = 60.0
"""Whatever else a machine has to do, nothing takes so long."""

LARGEST_PAGE = 40_000_000
"""Bytes of an answer; each of 3 million characters may be written as five or six."""

FORM = {"content-type": "application/x-www-form-urlencoded"}
OWN_FILES = ("accounts.sqlite", "reviews.sqlite", "audit.log", "call-index", ".lock", "error.log", "desk-spill")
"""What the desk itself writes in a home."""


@dataclass
class Tally:
    """What was asked, and what got through; seconds of each answer."""

    asked: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass
class Trial:
    """A desk that runs, and people who are signed in to it."""

    desk: Desk
    address: str
    process: int
    root: Path

    def client(self, name: str, role: AccountRole = "reviewer") -> httpx.Client:
        cookies = {session_cookie(self.desk): session_of(self.desk, role, name), "callqa-language": "en"}
        headers = ORIGIN | {"hx-request": "true"}
        return httpx.Client(base_url=self.address, cookies=cookies, headers=headers, timeout=HANGING_S)

    def queries(self) -> list[int]:
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process), "-f", "sql_child"], capture_output=True, text=True
        ).stdout
        return [int(line) for line in listed.split()]

    def wait(self, condition: Callable[[], bool], within_s: float = 10.0) -> float:
        """Seconds until something is so; more than `within_s` when it never was."""
        begun = time.monotonic()
        while not condition() and time.monotonic() - begun < within_s:
            time.sleep(0.02)
        return time.monotonic() - begun if condition() else within_s + 1

    def worked_s(self) -> float:
        """Processor time of the desk itself."""
        user, system = Path(f"/proc/{self.process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def largest_mb(self) -> float:
        status = Path(f"/proc/{self.process}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def trial_settings(home: Path) -> Settings:
    return settings_of(home).model_copy(update={"sql": Sql(timeout_s=LIMIT_S, memory=MEMORY)})


def serve(home: Path, port: int) -> None:
    app = make_app(make_desk(trial_settings(home), dict))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)


def body(sql: str) -> bytes:
    return urlencode({"sql": sql}, errors="surrogatepass").encode()


def send(client: httpx.Client, sql: str, path: str = "/sql") -> httpx.Response:
    return client.post(path, content=body(sql), headers=FORM)


def faults(client: httpx.Client, kind: str, sql: str, tally: Tally) -> list[str]:
    """What was wrong with the answer to one statement."""
    begun = time.monotonic()
    answer = send(client, sql)
    took_s = time.monotonic() - begun
    tally.seconds.append(took_s)
    text, wrong = answer.text, []
    if answer.status_code >= 500 and answer.status_code != 503:
        wrong.append(f"status {answer.status_code}")
    if TREASURE in text.replace(html_of(sql), ""):
        wrong.append("read a file")
    if kind == "refused" and 'class="problem"' not in text:
        wrong.append("answered")
    if took_s > HANGING_S - 1:
        wrong.append(f"took {took_s:.0f} s")
    if len(answer.content) > LARGEST_PAGE:
        wrong.append(f"{len(answer.content)} bytes")
    return wrong + got_through(text)


def html_of(sql: str) -> str:
    return sql.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not any(own in str(path.relative_to(root)) for own in OWN_FILES)
    }


class Bystander(threading.Thread):
    """Somebody who opens the list of calls again and again."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(daemon=True)
        self.client = trial.client("bystander")
        self.ended = threading.Event()
        self.seconds: list[float] = []
        self.faults = 0

    def run(self) -> None:
        while not self.ended.wait(0.25):
            begun = time.monotonic()
            with suppress(httpx.HTTPError):
                if self.client.get("/calls").status_code == 200:
                    self.seconds.append(time.monotonic() - begun)
                    continue
            self.faults += 1

    def told(self) -> str:
        self.ended.set()
        self.join()
        ms = sorted(1000 * each for each in self.seconds) or [0.0]
        median, most = statistics.median(ms), ms[int(len(ms) * 0.95)]
        return (
            f"{len(ms)} pages, median {median:.0f} ms, 95 of 100 within {most:.0f} ms, "
            f"slowest {ms[-1]:.0f} ms, {self.faults} failed"
        )


def all_at(trial: Trial, statements: Sequence[tuple[str, str, str]]) -> Tally:
    """Every statement, by three people at once."""
    tally, lock, left = Tally(), threading.Lock(), list(statements)

    def work(number: int) -> None:
        with trial.client(f"asker-{number}") as client:
            while True:
                with lock:
                    if not left:
                        return
                    kind, name, sql = left.pop(0)
                try:
                    wrong = faults(client, kind, sql, tally)
                except httpx.HTTPError as error:
                    wrong = [repr(error)]
                with lock:
                    tally.asked += 1
                    if wrong:
                        tally.wrong.append(name)
                        print(f"{kind}: {name[:90]!r}: {'; '.join(wrong)}", flush=True)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def people(trial: Trial) -> Mapping[str, str | bool]:
    """What people do, and whether it came out as it should."""
    sleep = "SELECT pg_sleep(1000)"
    return {
        "10 MB of text": send(trial.client("a"), "x" * (10 << 20)).status_code == 413,
        "a form of a thousand and one fields": trial.client("a").post("/sql", data={f"f{n}": "" for n in range(1001)})
        .status_code == 400,
        "sent by another site": trial.client("a").post("/sql", content=body("SELECT 1"),
                                headers=FORM | {"sec-fetch-site": "cross-site"}).status_code == 403,
        "asked in the address": ">42<" not in trial.client("a").get("/sql?sql=SELECT+42").text,
        "agent, coach, supervisor ask": {send(trial.client(role, role), "SELECT 1").status_code
                                         for role in ("agent", "coach", "supervisor")} == {403},
        "a reviewer takes a file": send(trial.client("a"), "SELECT 1", "/sql/answer.csv").status_code == 403,
        "somebody leaves": leaving(trial, sleep),
        "a query is stopped": stopping(trial, sleep),
        "somebody asks again, ten times": asking_again(trial, sleep),
        "one person, 30 at once": thirty(trial, [trial.client("a")] * 30, sleep),
        "30 people at once": thirty(trial, [trial.client(f"p{number}") for number in range(30)], sleep),
        "a file without end is left": leaving(trial, "SELECT * FROM range(100000000000)", "/sql/answer.csv"),
        "a CSV without end": endless(trial, "/sql/answer.csv"),
        "a workbook without end": endless(trial, "/sql/answer.xlsx"),
        "formulas in files": formulas(trial),
        "a workbook that asks too much": send(trial.client("boss", "administrator"), "SELECT pg_sleep(1000)",
                                              "/sql/answer.xlsx").status_code == 409,
    }  # fmt: skip


def beside(trial: Trial, rounds: int = 5, each_s: float = 7.0) -> None:
    """The list of calls in turn alone, and beside three queries that take all of both processors; and the processor
    time of the desk for each, without its queries'."""
    bomb = "SELECT sum(hash(a.range + b.range)) FROM range(1000000) a, range(1000000) b"
    seen: dict[str, list[float]] = {"alone": [], "beside three queries": []}
    worked: dict[str, float] = dict.fromkeys(seen, 0.0)
    for _ in range(rounds):
        for way, seconds in seen.items():
            threads = [] if way == "alone" else [in_background(trial.client(f"p{n}"), bomb)[0] for n in range(3)]
            if threads:
                trial.wait(lambda: len(trial.queries()) == 3)
            watcher, before_s = Bystander(trial), trial.worked_s()
            watcher.start()
            time.sleep(min(each_s, LIMIT_S - 1))
            watcher.told()
            worked[way] += trial.worked_s() - before_s
            seconds += watcher.seconds
            for thread in threads:
                thread.join()
    for way, seconds in seen.items():
        ms = sorted(1000 * each for each in seconds)
        median, most, each_ms = statistics.median(ms), ms[int(len(ms) * 0.95)], 1000 * worked[way] / len(ms)
        print(f"list of calls, {way}: {len(ms)} pages, median {median:.0f} ms, 95 of 100 within {most:.0f} ms", end="")
        print(f", {each_ms:.0f} ms of processor each", flush=True)


def leaving(trial: Trial, sql: str, path: str = "/sql") -> str | bool:
    role: AccountRole = "administrator" if path != "/sql" else "reviewer"
    cookie = f"{session_cookie(trial.desk)}={session_of(trial.desk, role, f'leaves-{role}')}"
    sent = body(sql)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {trial.address[7:]}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: {FORM['content-type']}\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(trial.address.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + sent)
        trial.wait(lambda: bool(trial.queries()))
        time.sleep(1)
        ran = bool(trial.queries())
    gone_s = trial.wait(lambda: not trial.queries())
    return f"its query was gone after {gone_s:.1f} s" if ran and gone_s < 5 else False


def in_background(client: httpx.Client, sql: str) -> tuple[threading.Thread, list[str]]:
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(send(client, sql).text))
    thread.start()
    return thread, told


def stopping(trial: Trial, sleep: str) -> str | bool:
    client = trial.client("a")
    thread, told = in_background(client, sleep)
    trial.wait(lambda: bool(trial.queries()))
    begun = time.monotonic()
    trial.client("a").post("/sql/stop")
    thread.join()
    return f"after {time.monotonic() - begun:.1f} s" if "stopped" in told[0] and not trial.queries() else False


def asking_again(trial: Trial, sleep: str) -> str | bool:
    begun = [in_background(trial.client("a"), sleep) for _ in range(10)]
    most = 0
    for _ in range(40):
        most = max(most, len(trial.queries()))
        time.sleep(0.02)
    answer = send(trial.client("a"), "SELECT 40 + 2").text
    for thread, _ in begun:
        thread.join()
    stopped = sum("stopped" in told[0] for _, told in begun)
    return f"{stopped} stopped, at most {most} ran at once" if ">42<" in answer and most <= 1 else False


def thirty(trial: Trial, clients: Sequence[httpx.Client], sleep: str) -> str | bool:
    with ThreadPoolExecutor(30) as pool:
        begun = time.monotonic()
        sent = [pool.submit(send, client, sleep) for client in clients]
        most = 0
        while not all(each.done() for each in sent) and time.monotonic() - begun < HANGING_S:
            most = max(most, len(trial.queries()))
            time.sleep(0.05)
        told = [each.result() for each in sent]
    waited = sum(each.status_code == 503 for each in told)
    limited = sum("took longer than" in each.text for each in told)
    stopped = sum(">stopped<" in each.text for each in told)
    if most > 3 or trial.queries() or waited + limited + stopped != 30:
        return False
    return f"{waited} told to wait, {stopped} stopped, {limited} at their limit; at most {most} ran at once"


def endless(trial: Trial, path: str) -> str | bool:
    client = trial.client("boss", "administrator")
    begun, size, end = time.monotonic(), 0, b""
    with client.stream("POST", path, content=body("SELECT range FROM range(100000000000)"), headers=FORM) as answer:
        for block in answer.iter_bytes():
            size, end = size + len(block), (end + block)[-300:] if path.endswith("csv") else end + block
    took_s = time.monotonic() - begun
    if path.endswith("csv"):
        rows, cut = end.splitlines()[-2].decode(), b"this is not all" in end
    else:
        book = zipfile.ZipFile(io.BytesIO(end))
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        rows, cut = str(sheet.count("<row ")), "this is not all" in sheet
    return f"{size / 1e6:.1f} MB, {rows} rows, {took_s:.0f} s, says that it is not all" if cut else False


def formulas(trial: Trial) -> str | bool:
    texts = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", '=HYPERLINK("http://x")', *MARKUP)
    listed = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    sql = f"SELECT {listed}, ['=1'], 1 AS \"=1+1\""
    boss = trial.client("boss", "administrator")
    rows = list(csv.reader(io.StringIO(send(boss, sql, "/sql/answer.csv").content.decode("utf-8-sig"), newline="")))
    run = [cell for row in rows for cell in row if cell.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "＝")]
    book = zipfile.ZipFile(io.BytesIO(send(boss, sql, "/sql/answer.xlsx").content))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    links = [name for name in book.namelist() if "rels" in name and b"hyperlink" in book.read(name)]
    return f"{len(texts) + 2} cells, none runs" if not run and "<f>" not in sheet and not links else False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="statements whose name or text holds this")
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(Path(options.serve[0]), int(options.serve[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(tried(Path(folder), options.calls, options.only))


def tried(root: Path, calls: int, only: str) -> bool:
    home = Home(root / "home")
    save(home, make_night(calls))
    settings = trial_settings(home.root)
    build_database(home, settings)
    desk = make_desk(settings, dict)
    make_index(home, desk.snapshot.parts())
    places = hostile_places(root, home.database)
    statements = [(kind, sql, sql) for kind, listed in hostile_statements(places).items() for sql in listed]
    statements += [("page", name, sql) for name, sql in page_statements().items()]
    statements = [each for each in statements if only in each[1] or only in each[2]]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, "--serve", str(home.root), str(port)]
    process = subprocess.Popen(command, cwd=CHECKOUT)
    trial = Trial(desk, f"http://127.0.0.1:{port}", process.pid, root)
    try:
        return not _all(trial, statements)
    finally:
        process.terminate()
        process.wait()


def _all(trial: Trial, statements: Sequence[tuple[str, str, str]]) -> bool:
    def answers() -> bool:
        with suppress(httpx.HTTPError):
            return trial.client("bystander").get("/calls").status_code == 200
        return False

    trial.wait(answers, 60)
    for number in range(3):
        trial.client(f"asker-{number}").close()  # whose account is made now, and not while it is measured
    before, quiet = contents(trial.root), Bystander(trial)
    quiet.start()
    time.sleep(12)
    print(f"list of calls, nobody asks: {quiet.told()}", flush=True)
    good = True
    for kinds, name in ((("refused", "odd"), "as callqa sql"), (("page",), "of a page"), (("bombs",), "bombs")):
        chosen = [each for each in statements if each[0] in kinds]
        meanwhile = Bystander(trial)
        meanwhile.start()
        tally = all_at(trial, chosen)
        good &= not tally.wrong
        slowest = max(tally.seconds, default=0.0)
        print(f"{name}: {tally.asked} statements, {len(tally.wrong)} got through, slowest {slowest:.1f} s; ", end="")
        print(f"list meanwhile: {meanwhile.told()}; desk {trial.largest_mb():.0f} MiB", flush=True)
    beside(trial)
    for what, came in people(trial).items():
        good &= bool(came)
        print(f"{what}: {'as it should' if came is True else came or 'NOT AS IT SHOULD'}", flush=True)
    left = trial.wait(lambda: not trial.queries()) > 10
    changed = contents(trial.root) != before
    strays = [*Path(tempfile.gettempdir()).glob("callqa-sql-*"), *trial.desk.home.root.glob(".sql-*")]
    print(f"processes left: {left}, files changed: {changed}, folders left: {len(strays)}")
    print(f"the desk held at most {trial.largest_mb():.0f} MiB", flush=True)
    return good and not left and not changed and not strays


if __name__ == "__main__":
    main()
