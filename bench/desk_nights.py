"""Nights published under eight people who look at the list: no error, and never two nights in one page.

    python bench/desk_nights.py --nights 200

A few calls in two weeks, so two parts, are judged anew every night, all to one score: a page, or two questions to one
snapshot, that show two scores have mixed two nights; so has a score that is lower than one seen before the question.
Another process publishes; the desk is served over HTTP to four people, and four read the snapshot as statistics do.
"""

from __future__ import annotations

import argparse
import http.client
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from desk.context import Desk, make_desk
from desk.routing import session_cookie
from pipeline.results.store import build_database
from pipeline.storage.home import Home
from tests.support.desks import served, session_of, settings_of
from tests.support.factories import NIGHT, make_judged, save

CALLS, PAUSE_S = 6, 0.3


def publish(home: Home, night: int) -> None:
    """All calls judged anew, to the night's number."""
    calls = []
    for number in range(CALLS):
        judged = make_judged(f"call-{number}", score=float(night % 1000) / 10)
        cdr = replace(judged.call.cdr, call_id=f"C{number}", started_at=NIGHT + timedelta(weeks=number % 2))
        calls.append(replace(judged, call=replace(judged.call, cdr=cdr)))
    save(home, calls)
    build_database(home, settings_of(home.root))


class Found:
    """What readers met."""

    def __init__(self) -> None:
        self.done, self.lock = threading.Event(), threading.Lock()
        self.counts: Counter[str] = Counter()
        self.seen: set[float] = set()
        self.errors: list[str] = []

    def looked(self, kind: str, scores: set[float], calls: int, latest: float) -> float:
        with self.lock:
            self.counts[kind] += 1
            if len(scores) != 1:
                self.counts[f"{kind}: mixed"] += 1
            if calls != CALLS:
                self.counts[f"{kind}: incomplete"] += 1
            if min(scores, default=latest) < latest:
                self.counts[f"{kind}: older than before"] += 1
            self.seen |= scores
        return max(scores, default=latest)


def look_at_list(address: str, cookie: str, found: Found) -> None:
    connection, latest = http.client.HTTPConnection(address, timeout=60), 0.0
    while not found.done.wait(PAUSE_S):
        try:
            connection.request("GET", "/calls", headers={"cookie": cookie, "accept-language": "en"})
            answer = connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            connection.close()  # it was idle for long; browsers ask once more too
            continue
        text = answer.read().decode()
        if answer.status != 200:
            found.errors.append(f"{answer.status} {re.sub('<[^>]*>', ' ', text)[-300:]}")
            continue
        scores = re.findall(r'class="score \w+">([\d.–]+)<', text)
        latest = found.looked("list", {float(score) for score in scores}, len(scores), latest)


def ask_snapshot(desk: Desk, found: Found) -> None:
    latest = 0.0
    while not found.done.wait(PAUSE_S):
        try:
            with desk.snapshot.reading() as reader:
                calls = [row["score"] for row in reader.rows("SELECT score FROM calls")]
                time.sleep(PAUSE_S)
                cards = [row["score"] for row in reader.rows("SELECT score FROM scorecards")]
            latest = found.looked("snapshot", {*calls, *cards}, len(calls), latest)
        except Exception as error:
            found.errors.append(f"{type(error).__name__}: {error}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--seconds", type=float, help="end after so long, whatever was published by then")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.home:
        for night in range(1, given.nights + 1):
            publish(Home(given.home), night)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        home, found = Home(Path(folder) / "home"), Found()
        publish(home, 0)
        desk = make_desk(settings_of(home.root), dict)
        cookie = f"{session_cookie(desk)}={session_of(desk, 'reviewer', 'somebody')}"
        with served(desk) as address:
            readers = [
                threading.Thread(target=look_at_list, args=(address.partition("//")[2], cookie, found))
                for _ in range(4)
            ] + [threading.Thread(target=ask_snapshot, args=(desk, found)) for _ in range(4)]
            for reader in readers:
                reader.start()
            started = time.perf_counter()
            command = [sys.executable, __file__, "--nights", str(given.nights), "--home", str(home.root)]
            publisher = subprocess.Popen(command, cwd=CHECKOUT)
            try:
                code = publisher.wait(given.seconds)
            except subprocess.TimeoutExpired:
                publisher.terminate()
                code = publisher.wait()
            took_s = time.perf_counter() - started
            time.sleep(1)
            found.done.set()
            for reader in readers:
                reader.join()
    last = round(10 * max(found.seen))
    print(f"{last} nights in {took_s:.0f} s (exit {code}); {len(found.seen) - 1} of them seen by somebody")
    for name, count in sorted(found.counts.items()):
        print(f"| {name} | {count} |")
    print(f"| errors | {len(found.errors)} |")
    for error in found.errors[:5]:
        print(error)
    wrong = [name for name in found.counts if ":" in name]
    return int(bool(code or found.errors or wrong))


if __name__ == "__main__":
    sys.exit(main())
