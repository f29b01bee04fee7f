"""Hostile statements against `callqa sql`: what they reached, how long they took, what they left.

    python bench/hostile_sql.py                       # all of tests/data/hostile_sql.txt, some minutes
    python bench/hostile_sql.py --kind refused --kind odd
    python bench/hostile_sql.py --only callqa.parts   # those that name the folder of weeks
    python bench/hostile_sql.py --seconds 20 --memory 1GB

Every statement is asked against a small database of its own, as a table on a terminal, as CSV and as JSON (bombs in one
of them). Nothing may
get out: no file read or written, no change to the database, no character that steers a terminal, no answer later than
the limit, no process and no folder left, no process larger than the memory allowed. Exit status 1 when something did.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.errors import BadQuery
from pipeline.messages import STEERING
from pipeline.results.sql_output import Format, answer
from pipeline.results.store import build_database
from pipeline.settings import Sql, load_settings
from pipeline.storage.home import Home
from tests.support.factories import make_night, save
from tests.support.hostile_sql import TREASURE, hostile_places, hostile_statements

STARTING_S = 15
"""What starting and ending a process may take beyond the limit."""

HANGING_S = 120
"""Whatever else a machine has to do, nothing takes so long."""

THREADS = 2
"""Of a query."""

STARTING_MB = 200
"""What Python and the engine hold before a query begins."""

LOOKED_AT = 5_000_000
"""Characters of an answer after which nobody looks at it any more; the time that reading takes is nobody's limit."""

FORMS: tuple[Format, ...] = ("table", "csv", "json")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What our own tables are coloured with."""


class Terminal(io.StringIO):
    """What would have been seen, of which the end is kept; whoever looks at it goes when it does not end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = ""
        self.steered: set[str] = set()
        self.size = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        plain = _COLOURS.sub("", text).replace("\r\n", "").replace("\n", "")
        self.steered |= set(STEERING.findall(plain))
        self.seen = (self.seen + text)[-100_000:]
        self.size += len(text)
        if self.size > LOOKED_AT:
            raise BrokenPipeError
        return len(text)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def children_s() -> float:
    """Seconds of processor that the processes which ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def children() -> str:
    return subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "sql_child"], capture_output=True, text=True).stdout


def faults(
    kind: str, statement: str, forms: tuple[Format, ...], home: Home, settings: Sql, before: dict[str, bytes]
) -> list[str]:
    """What was wrong with one statement, form by form."""
    wrong = []
    for form in forms:
        screen, start, told = Terminal(), time.monotonic(), ""
        worked_s = children_s()
        try:
            answer(home.database, statement, settings, form, screen, "Asia/Shanghai")
        except BadQuery as error:
            told = f"{error} {error.in_language('zh')}"
        except BrokenPipeError:
            told = "went on"
        took_s, worked_s = time.monotonic() - start, children_s() - worked_s
        if kind == "refused" and told in ("", "went on"):
            wrong.append(f"{form}: answered")
        if TREASURE in screen.seen or TREASURE in told:
            wrong.append(f"{form}: read a file")
        if screen.steered or STEERING.search(told):
            wrong.append(f"{form}: steers a terminal {screen.steered}")
        # the limit counts while the engine works; on a busy machine, or where nobody reads on, all takes longer
        if worked_s > settings.timeout_s * THREADS + STARTING_S or took_s > HANGING_S:
            wrong.append(f"{form}: took {took_s:.0f} s, worked {worked_s:.0f} s")
    if contents(home.root.parent) != before:
        wrong.append("files changed")
    if children():
        wrong.append("left a process")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", choices=("refused", "odd", "bombs"))
    parser.add_argument("--only", default="", help="statements that hold this text")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--memory", default="1GB")
    options = parser.parse_args()
    settings = Sql(timeout_s=options.seconds, memory=options.memory)
    failed = asked = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        temporary = root / "tmp"
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        home = Home(root / "home")
        save(home, make_night(20))
        build_database(home, load_settings())
        statements = hostile_statements(hostile_places(root, home.database))
        before = contents(root)
        for kind in options.kind or statements:
            chosen = [statement for statement in statements[kind] if options.only in statement]
            for number, statement in enumerate(chosen):
                # a bomb may take all its time: one form each, in turn
                forms = FORMS if kind != "bombs" else (FORMS[number % len(FORMS)],)
                wrong = faults(kind, statement, forms, home, settings, before)
                asked, failed = asked + 1, failed + bool(wrong)
                if wrong:
                    print(f"{kind}: {statement[:100]!r}: {'; '.join(wrong)}", flush=True)
            largest_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            own_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{kind}: {len(chosen)} statements; largest process {largest_mb:.0f} MiB, ", end="")
            print(f"this one {own_mb:.0f} MiB", flush=True)
    most_mb = settings.memory_bytes * 5 / 4 / 2**20 + STARTING_MB
    if largest_mb > most_mb:
        print(f"a process held more than {most_mb:.0f} MiB")
        failed += 1
    print(f"{asked} statements, {failed} got through")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
