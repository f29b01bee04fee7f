"""What a query can reach: nothing but what is in the database; and what is left of it when its shell is killed."""

from __future__ import annotations

import io
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import BadQuery
from pipeline.messages import STEERING
from pipeline.results.report import write_report
from pipeline.results.sql import ask, run_query
from pipeline.results.sql_output import answer
from pipeline.results.store import build_database, open_database
from pipeline.settings import Sql, load_settings
from pipeline.storage.home import Home
from tests.support.factories import make_judged, save
from tests.support.hostile_sql import TREASURE, hostile_places, hostile_statements
from tests.support.nights import alive, children, environment, gone

pytestmark = pytest.mark.slow

SQL = Sql(timeout_s=20)

WRITERS = {
    "copy": "COPY (SELECT 42 AS a) TO '{target}'",
    "copy explained": "EXPLAIN COPY (SELECT 42 AS a) TO '{target}'",
    "copy executed": "EXPLAIN ANALYZE COPY (SELECT 42 AS a) TO '{target}' (FORMAT csv, USE_TMP_FILE false)",
    "copy executed, in JSON": "EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 42 AS a) TO '{target}'",
    "copy executed, behind a comment": "EXPLAIN/**/ANALYZE/**/COPY (SELECT 42 AS a) TO '{target}'",
    "copy of a pivot executed": "EXPLAIN ANALYZE COPY (PIVOT calls ON agent_name USING count(*)) TO '{target}'",
    "delete executed": "EXPLAIN ANALYZE DELETE FROM calls",
    "table of a pivot": "CREATE TABLE mine AS PIVOT calls ON agent_name USING count(*)",
    "log to a file": "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = '{target}'); SELECT 1",
    "profile to a file": "SELECT * FROM enable_profiling(save_location = '{target}'); SELECT 1",
}
"""Statements that write to a file, where they are let."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    save(home, [make_judged(name) for name in ("first", "second")])
    build_database(home, load_settings())
    return home


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", ["", ".wal", ".wal.checkpoint", ".wal.recovery", ".tmp/x.csv", ".new"])
def test_no_statement_writes_to_the_database_or_beside_it(home: Home, suffix: str) -> None:
    """Every statement to one place, and to the others one that is refused by its kind and one that executes."""
    before = listing(home.root)
    names = WRITERS if suffix == ".wal" else ("copy", "copy executed")
    for name in names:
        statement = WRITERS[name]
        with pytest.raises(BadQuery):
            run_query(home.database, statement.format(target=f"{home.database}{suffix}"), SQL)
        assert listing(home.root) == before, name


def test_no_statement_writes_to_a_part_or_beside_it(home: Home) -> None:
    before = listing(home.root)
    (part,) = home.parts.iterdir()
    for target in (part / "calls.parquet", part / "new.csv", home.parts / "new.csv"):
        for name, statement in WRITERS.items():
            with pytest.raises(BadQuery):
                run_query(home.database, statement.format(target=target), SQL)
            assert listing(home.root) == before, name


def test_what_the_engine_lets_a_query_write_to_is_nowhere(home: Home) -> None:
    """With no regard to which statements are refused: its own list of permitted paths, and its temporary folder."""
    query = "SELECT current_setting('allowed_paths'), current_setting('allowed_directories')"
    ((paths, folders),) = run_query(home.database, query, SQL)[0].rows
    assert len(paths) == 4
    assert [Path(folder) for folder in folders] == [home.parts], "to read; what follows shows that it is no more"
    assert not any(Path(path).parent.exists() for path in paths)


@pytest.mark.parametrize("reason", [OSError, PermissionError])
def test_where_no_link_can_be_made_a_query_reads_a_copy(home: Home, tmp_path: Path, reason: type[OSError]) -> None:
    code = (
        "import os, runpy, sys\n"
        f"def refused(*_): raise {reason.__name__}('no links here')\n"
        "os.link = refused\n"
        "sys.argv = ['', str(os.getppid())]\n"
        f"runpy.run_path({str(Path(ask.__code__.co_filename).with_name('sql_child.py'))!r}, run_name='__main__')\n"
    )
    request = {
        "database": str(home.database),
        "sql": "SELECT count(*) FROM calls; SELECT current_setting('allowed_paths')",
        "memory_bytes": 10**9,
        "timeout_s": 20,
        "timezone": "UTC",
        "largest_row": 1000,
        "niceness": 0,
        **dict.fromkeys(("rows", "columns", "characters")),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(request), capture_output=True, text=True, cwd="/"
    )
    assert '{"rows": [[2]]}' in done.stdout
    assert str(home.root) not in done.stdout


def test_a_copy_that_fails_leaves_nothing(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    home.database.unlink()
    home.database.mkdir()
    with pytest.raises(BadQuery, match="callqa rebuild"):
        run_query(home.database, "SELECT 1", SQL)
    assert not list((tmp_path / "temporary").iterdir())
    assert not list(home.root.glob(".sql-*"))


def test_explain_is_for_a_select(home: Home) -> None:
    for statement in (
        "EXPLAIN SELECT count(*) FROM calls",
        "EXPLAIN ANALYZE FROM calls",
        "explain\nanalyze (SELECT 1)",
    ):
        (result,) = run_query(home.database, statement, SQL)
        assert "plan" in result.rows[0][0]


FORGED = {
    "scores": "DROP VIEW scorecards; CREATE TABLE scorecards AS SELECT 100.0 AS score",
    "a view that reads a file": "DROP TABLE failures; CREATE VIEW failures AS SELECT content AS key, content AS "
    "file_name, content AS path, 'x' AS stage, content AS reason, content AS message, now() AS at "
    "FROM read_text('{secret}')",
}


def forged_log(home: Home, statements: str, folder: Path) -> bytes:
    """The log of changes to a copy of the database, as its writer leaves it when it is killed."""
    copy = folder / "copy.duckdb"
    shutil.copyfile(home.database, copy)
    code = (
        "import duckdb, os, sys\n"
        "connection = duckdb.connect(sys.argv[1])\n"
        "connection.execute(\"SET checkpoint_threshold = '1GB'\")\n"
        "connection.execute(sys.argv[2])\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, copy, statements], check=True)
    return copy.with_name("copy.duckdb.wal").read_bytes()


@pytest.mark.parametrize("name", FORGED)
def test_a_log_beside_the_database_is_never_replayed(home: Home, tmp_path: Path, name: str) -> None:
    secret, settings = tmp_path / "secret.txt", load_settings()
    secret.write_text("treasure")
    log, stray = forged_log(home, FORGED[name].format(secret=secret), tmp_path), Path(f"{home.database}.wal")
    scores = "SELECT DISTINCT score FROM scorecards"
    honest = run_query(home.database, scores, SQL)[0].rows
    assert honest != ((100.0,),)

    stray.write_bytes(log)
    assert run_query(home.database, scores, SQL)[0].rows == honest
    assert not stray.exists()
    stray.write_bytes(log)
    with open_database(home.database, "UTC") as connection:
        assert connection.execute(scores).fetchall() == list(honest)
    stray.write_bytes(log)
    assert "treasure" not in write_report(home, settings).read_text(encoding="utf-8")
    for anew in (False, True):
        stray.write_bytes(log)
        build_database(home, settings, anew=anew)
        assert not stray.exists()
        assert run_query(home.database, scores, SQL)[0].rows == honest


def test_a_forged_database_reaches_no_file(home: Home, tmp_path: Path) -> None:
    """Somebody who could write to it has put a view there: callqa's own reading is shut in as well."""
    secret = tmp_path / "secret.txt"
    secret.write_text("treasure")
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(FORGED["a view that reads a file"].format(secret=secret))
    with open_database(home.database, "UTC") as connection:
        with pytest.raises(duckdb.PermissionException):
            connection.execute("FROM failures")
        with pytest.raises(duckdb.Error):
            connection.execute("SET enable_external_access = true")
    with pytest.raises((duckdb.Error, BadQuery)):
        write_report(home, load_settings())


def test_a_forged_database_is_called_damaged_by_those_who_read_it(home: Home) -> None:
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("CREATE MACRO max(x) AS (SELECT content FROM read_text('/etc/hostname'))")
    with pytest.raises(BadQuery, match="damaged; build it anew: callqa rebuild"):
        write_report(home, load_settings())


def test_hostile_statements_reach_nothing(home: Home, tmp_path: Path) -> None:
    """A few of each kind; bench/hostile_sql.py asks them all."""
    statements = hostile_statements(hostile_places(tmp_path, home.database))
    before, some = listing(tmp_path), random.Random(11)
    for kind, count in (("refused", 20), ("odd", 10), ("bombs", 3)):
        assert len(statements[kind]) >= 40
        for statement in some.sample(statements[kind], count):
            screen, told = Terminal(), ""
            try:
                answer(home.database, statement, Sql(timeout_s=3), some.choice(("table", "csv", "json")), screen, "UTC")
            except BadQuery as error:
                told = str(error)
            assert told or kind != "refused", statement
            assert TREASURE not in screen.getvalue() + told, statement
            assert not STEERING.search(told + re.sub(r"\x1b\[[0-9;]*m|\r?\n", "", screen.getvalue())), statement
            assert listing(tmp_path) == before, statement


def test_columns_heads_and_cells_steer_no_terminal_and_a_pipe_gets_all(home: Home) -> None:
    head, cell = "\x1b]0;\x9bhead", "\x1b[2J\u202e"
    query = f"SELECT chr(27) || '[2J' || chr(8238) AS \"{head}\""
    for form in ("table", "csv", "json"):
        screen, pipe = Terminal(), io.StringIO()
        for stream in (screen, pipe):
            answer(home.database, query, SQL, form, stream, "UTC")
        shown = re.sub(r"\x1b\[[0-9;]*m|\r?\n", "", screen.getvalue())
        assert not STEERING.search(shown), form
        assert "[2J" in shown
        if form == "csv":
            assert pipe.getvalue() == f"{head}\r\n{cell}\r\n"
        if form == "json":
            assert json.loads(pipe.getvalue()) == json.loads(screen.getvalue()) == [{head: cell}]


def test_memory_is_that_of_the_setting(home: Home) -> None:
    """What Python makes of values counts as well: the engine holds one row of them, and a list of a million."""
    largest_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    for statement in (
        "SELECT range(100000000)",
        "SELECT repeat('x', 60000000) FROM range(50)",
        "SELECT list(range::VARCHAR) FROM range(50000000)",
    ):
        messages = ask(home.database, statement, Sql(memory="200MB", timeout_s=30))
        with pytest.raises(BadQuery, match="200MB"), closing(messages):
            deque(messages, maxlen=0)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(largest_kb, 600_000)


SLOW = "SELECT count(*) FROM range(1000000000000) a, range(1000000) b"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGINT, signal.SIGQUIT])
def test_a_killed_shell_leaves_no_process_and_no_file(home: Home, tmp_path: Path, number: signal.Signals) -> None:
    before, temporary = listing(home.root), tmp_path / "temporary"
    temporary.mkdir()
    env = environment(tmp_path / "prefect", CALLQA_HOME=str(home.root), TMPDIR=str(temporary))
    code = "from flows.cli import main; main()"
    shell = subprocess.Popen(
        [sys.executable, "-P", "-c", code, "sql", SLOW],
        env=env,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # who runs the tests may ignore it (nohup, a shell's background), and that is inherited
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None,
    )
    try:
        started = _until(lambda: children(shell.pid))
        _until(lambda: b"sql_child" in Path(f"/proc/{started[0]}/cmdline").read_bytes())
        time.sleep(1)
        shell.send_signal(number)
        shell.wait(timeout=20)
        assert gone(started, 5)
    finally:
        shell.kill()
    assert not any(map(alive, started))
    assert {name: data for name, data in listing(home.root).items() if not name.endswith("audit.log")} == before
    assert list(temporary.iterdir()) == []
    assert not list(home.root.glob(".sql-*"))


def _until(found: object, within_s: float = 30) -> list[int]:
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        result = found()  # type: ignore[operator]
        if result:
            return result  # type: ignore[no-any-return]
        time.sleep(0.05)
    raise AssertionError("did not happen")


def test_what_a_query_left_that_was_killed_while_it_started_goes_with_the_next(home: Home) -> None:
    left, young = home.root / ".sql-left", home.root / ".sql-young"
    for folder in (left, young):
        folder.mkdir()
        os.link(home.database, folder / "callqa.duckdb")
    os.utime(left, (0, 0))
    run_query(home.database, "SELECT 1", SQL)
    assert (left.exists(), young.exists()) == (False, True)


def test_so_does_a_copy_that_a_killed_query_left(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, young = tmp_path / "callqa-sql-left", tmp_path / "callqa-sql-young"
    for folder in (left, young):
        folder.mkdir()
        shutil.copy(home.database, folder)
    os.utime(left, (0, 0))
    run_query(home.database, "SELECT 1", SQL)
    assert (left.exists(), young.exists()) == (False, True)


def test_an_answer_that_nobody_reads_to_its_end_leaves_no_process(home: Home) -> None:
    others = children(os.getpid())  # a server that tests share may be among them
    messages = ask(home.database, "SELECT * FROM range(100000000)", SQL)
    for _ in range(3):
        next(messages)
    started = [pid for pid in children(os.getpid()) if pid not in others]
    assert started
    messages.close()
    assert gone(started, 5)
