"""How quick the desk's list of calls is over a year of calls, with eight people at it at once.

    python bench/desk_list.py --keep DIR             # 100,000 calls, 8 million turns; what is made stays in DIR

The calls are those of store_scale.py; into their turns a word that is seldom said and one that hardly ever is are put.
A night is published into them from its files, so that there are pages of single calls to open. Then the product's own
server is started, eight people sign in and click: lists, next pages, filters, searches, sorting, single calls, over
HTTP with sessions, parts of pages as a browser with scripts asks for them. Two rounds: with a second between two clicks
of a person, and without any pause. Told are milliseconds from the question to the last byte of the answer. At first one
person asks for everything alone, some times running, for the server's processor time: on a busy machine only that
means anything.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

import duckdb
import store_scale
from judge_speed import generate

from desk.calls.call_index import INDEX_KINDS, make_index
from desk.calls.index_files import index_file
from desk.context import make_desk
from desk.routing import session_cookie
from desk.snapshot import Snapshot
from pipeline.datatypes import Judged
from pipeline.judging.loader import load_rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.results.parts import finish_part, part_rows, quoted
from pipeline.results.rows import rulebook_info
from pipeline.settings import Settings, load_settings
from pipeline.storage.home import Home

OF_THE_NIGHT = 20
"""Different ones of the night's calls."""

PORT, PASSWORD = 8741, "a long enough password"
SELDOM = """text || CASE WHEN hash(sha256 || turn) % 4000 = 0 THEN '，refund please'
    WHEN hash(sha256 || turn) % 400000 = 1 THEN '，量子纠缠' ELSE '' END"""

PARTS: dict[str, list[tuple[str, str]]] = {
    "search 退款": [("q", "退款")],
    "search 不好意思": [("q", "不好意思")],
    "search refund (in 2 calls of 100)": [("q", "refund")],
    "search 量子纠缠 (in 20 calls)": [("q", "量子纠缠")],
    "search 您好 (in nearly every call)": [("q", "您好")],
    "search 您好, by score": [("q", "您好"), ("sort", "score")],
    "search 退款 of a team, customer, below 80": [("q", "退款"), ("who", "customer"), ("team", "3 组"),
                                               ("score_to", "80")],
    "filter: a team": [("team", "7 组")],
    "filter: an agent": [("agent", "1234")],
    "filter: a rule failed": [("rule", "closing:fail")],
    "filter: two rules and a month": [("rule", "closing:fail"), ("rule", "greeting:pass"), ("from", "2025-06-01"),
                                      ("to", "2025-06-30")],
    "sort by score": [("sort", "score")],
    "sort by failed, a queue": [("sort", "failed"), ("queue", "投诉")],
}  # fmt: skip


def make_home(folder: Path, calls: int, night: int) -> tuple[Home, Settings, dict[str, str]]:
    """The year, the index of it, a night into it, the index of that; each is kept with its figures once it is made."""
    home, settings, kept = Home(folder / str(calls)), load_settings(), folder / f"{calls}.json"
    figures: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    os.fsync = lambda handle: None  # type: ignore[assignment]
    book = load_rulebook(CHECKOUT / "rules" / "hotline-zh")
    books = [rulebook_info(book)]

    def templates(distinct: int) -> list[Judged]:
        return [Judged(call, judge_call(call, book)) for call in generate(book, distinct)]

    def publish() -> dict[str, str]:
        last = store_scale.FIRST + timedelta(weeks=store_scale.WEEKS - 1, days=6)
        new = store_scale.calls_of(templates(OF_THE_NIGHT), night, last, 1, "night")
        return store_scale.publish_night(home, settings, new, books)

    snapshot = Snapshot(home.database, settings.ingest.timezone)
    stages: dict[str, Callable[[], dict[str, str]]] = {
        "year": lambda: store_scale.make_year(home, settings, calls, templates(store_scale.DISTINCT), books),
        "words that are seldom said": lambda: season(home, snapshot),
        "index": lambda: indexed(home, snapshot, "the index, made from nothing"),
        "night": publish,
        "index of the night": lambda: indexed(home, snapshot, f"the index after a night of {night:,} calls"),
    }
    for stage, make in stages.items():
        if f"made: {stage}" not in figures:
            figures |= make() | {f"made: {stage}": "yes"}
            kept.write_text(json.dumps(figures, ensure_ascii=False))
    return home, settings, {name: value for name, value in figures.items() if not name.startswith("made: ")}


def season(home: Home, snapshot: Snapshot) -> dict[str, str]:
    """Put the words that are seldom said into the turns."""
    for name in snapshot.parts():
        turns, made = home.parts / name / "turns.parquet", home.parts / name / ".seasoned"
        with duckdb.connect(config={"memory_limit": "1GB", "threads": "1"}) as connection:
            connection.execute(
                f"COPY (SELECT * REPLACE ({SELDOM} AS text) FROM read_parquet({quoted(str(turns))})) "
                f"TO {quoted(str(made))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)"
            )
        made.replace(turns)
        finish_part(home.parts / name, part_rows(home.parts / name))
    return {}


def indexed(home: Home, snapshot: Snapshot, what: str) -> dict[str, str]:
    """Make what is missing of the index; seconds and size."""
    before, at, started = set(home.call_index.glob("*/*.sqlite")), time.perf_counter(), time.process_time()
    parts = snapshot.parts()
    assert not make_index(home, parts)
    took = f"{time.process_time() - started:.0f} s CPU, {time.perf_counter() - at:.0f} s"
    files = [index_file(home, part, kind) for part in parts for kind in INDEX_KINDS]
    made = [file for file in files if file not in before]
    size = sum(file.stat().st_size for file in made) / 1e6
    return {what: f"{took}; {len(made)} files, {size:,.0f} MB"}


class Person:
    """Somebody with a browser that keeps its connection."""

    def __init__(self, cookie: str, number: int) -> None:
        self.cookie, self.draw = cookie, random.Random(number)
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        self.took: list[tuple[str, float]] = []
        self.pages: dict[str, str] = {}
        self.calls: list[str] = []

    def ask(self, kind: str, address: str, part: bool) -> str:
        headers = {"cookie": self.cookie, "accept-language": "zh"} | ({"hx-request": "true"} if part else {})
        at = time.perf_counter()
        try:
            self.connection.request("GET", address, headers=headers)
            answer = self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError):  # idle for long; browsers ask once more too
            self.connection.close()
            self.connection.request("GET", address, headers=headers)
            answer = self.connection.getresponse()
        text = answer.read().decode()
        self.took.append((kind, 1000 * (time.perf_counter() - at)))
        if answer.status != 200:
            raise SystemExit(f"{answer.status} {address}\n{text[:500]}")
        return text

    def click(self) -> None:
        draw = self.draw.random()
        if draw < 0.15 or not self.calls:
            page = self.ask("list, first page", "/calls", False)
            self.pages["next"] = _next(page)
            # only the night's calls have files that a page could be made of
            page = self.ask("filter: part of a call id", "/calls?call=night-", True)
            self.calls = re.findall(r'<th scope="row"><a href="(/calls/[0-9a-f]{32})[?"]', page)
        elif draw < 0.3:
            page = self.ask("list, a later page", self.pages["next"], True)
            self.pages["next"] = _next(page)
        elif draw < 0.5:
            self.ask("a call", self.draw.choice(self.calls), False)
        else:
            kind = self.draw.choice(list(PARTS))
            self.ask(kind, f"/calls?{urlencode(PARTS[kind])}", True)


def _next(page: str) -> str:
    found = re.search(r'rel="next" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else "/calls"


def clicked(cookies: list[str], seconds: float, pause: Callable[[], float]) -> list[Person]:
    people = [Person(cookie, number) for number, cookie in enumerate(cookies)]
    until = time.perf_counter() + seconds

    def work(person: Person) -> None:
        while time.perf_counter() < until:
            person.click()
            time.sleep(pause())

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return people


def alone(person: Person, pid: int, times: int) -> None:
    """The server's processor time for each kind of click."""
    for _ in range(3):
        person.calls = []
        person.click()
    kinds: dict[str, tuple[str, bool]] = {kind: (f"/calls?{urlencode(query)}", True) for kind, query in PARTS.items()}
    kinds |= {"list, first page": ("/calls", False), "list, a later page": (person.pages["next"], True)}
    kinds |= {"a call": (person.calls[0], False)}
    print("\n| asked | ms CPU |\n|---|---:|")
    for kind, (address, part) in sorted(kinds.items()):
        person.ask(kind, address, part)
        used = cpu_of(pid)
        for _ in range(times):
            person.ask(kind, address, part)
        print(f"| {kind} | {1000 * (cpu_of(pid) - used) / times:.0f} |", flush=True)


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sessions(home: Home, settings: Settings, people: int) -> list[str]:
    desk = make_desk(settings.model_copy(update={"paths": settings.paths.model_copy(update={"home": home.root})}), dict)
    cookies = []
    for number in range(people):
        name = f"person {number}"
        if desk.accounts.get(name) is None:
            desk.accounts.make(name, "reviewer", PASSWORD)
        cookies.append(f"{session_cookie(desk)}={quote(desk.sessions.begin(name, 'password'))}")
    return cookies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--night", type=int, default=500, help="calls that are published last")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each round")
    parser.add_argument("--keep", type=Path, required=True, help="a folder in which what is made stays")
    given = parser.parse_args()
    home, settings, figures = make_home(given.keep.absolute(), given.calls, given.night)
    for name, value in figures.items():
        print(f"| {name} | {value} |")
    cookies = sessions(home, settings, given.people)
    command = [sys.executable, "-m", "flows.cli", "--home", str(home.root), "desk", "--port", str(PORT)]
    server = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    try:
        for _ in range(120):
            time.sleep(1)
            try:
                Person(cookies[0], 0).ask("", "/calls", False)
                break
            except OSError:
                continue
        alone(Person(cookies[0], 0), server.pid, 20)
        for title, pause in (("a second's pause", lambda: random.uniform(0.5, 1.5)), ("no pause", lambda: 0.0)):
            used = cpu_of(server.pid)
            people = clicked(cookies, given.seconds, pause)
            took = [each for person in people for each in person.took]
            used = cpu_of(server.pid) - used
            print(f"\n{given.people} people, {title}: {len(took)} clicks, {len(took) / given.seconds:.0f} a second, "
                  f"{1000 * used / len(took):.0f} ms CPU a click; load {os.getloadavg()[0]:.1f}\n")  # fmt: skip
            print("| asked | n | median ms | p95 ms |\n|---|---:|---:|---:|")
            for kind in ["all", *sorted({kind for kind, _ in took})]:
                values = sorted(ms for each, ms in took if kind in ("all", each))
                p95 = values[min(len(values) - 1, int(0.95 * len(values)))]
                print(f"| {kind} | {len(values)} | {statistics.median(values):.0f} | {p95:.0f} |", flush=True)
    finally:
        server.terminate()
        server.wait(20)
    return 0


if __name__ == "__main__":
    sys.exit(main())
