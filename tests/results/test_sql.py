"""Queries by anybody: what they may do, what they may not, and how answers look. And those of the documentation."""

from __future__ import annotations

import csv
import io
import json
import re
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

import duckdb
import pytest

from pipeline.datatypes import CDR, Judged
from pipeline.errors import BadQuery
from pipeline.results import sql as sql_module
from pipeline.results.excerpts import Excerpt, ExcerptSet, Line, excerpt_record
from pipeline.results.sql import AnswerLimits, QueryResult, run_query
from pipeline.results.sql_output import Format, answer
from pipeline.results.sql_prompt import shell
from pipeline.results.store import build_database
from pipeline.reviews.appeals import AppealRules, appeal
from pipeline.reviews.manual_points import give_points
from pipeline.reviews.releases import release
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.working_days import WorkingDays
from pipeline.settings import CHECKOUT, Settings, Sql, load_settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile
from tests.support.factories import make_failure, make_judged, make_night, make_turns, save
from tests.support.people import result_of, say

SQL = Sql()
QUERIES = 14


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty calls of two weeks, and one whose names and words are hostile to spreadsheets and terminals."""
    home = Home(tmp_path_factory.mktemp("sql") / "home")
    night = make_night(60)
    turns = make_turns([("agent", "=HYPERLINK(1)"), ("customer", "\x1b[31m红色 [bold]粗[/bold]")])
    odd = make_judged("odd", turns=turns, verdicts=(), score=None, cdr=CDR(call_id="-1+1", agent_name="@SUM"))
    save(home, [*night, odd])
    for item in night:
        assert item.scorecard
        clips = tuple(
            Excerpt(v.rule_id, 1, f"{v.rule_id}.mp3", t.span, t.text, v.reason, (Line("agent", t.span, t.text, True),))
            for v in item.scorecard.verdicts
            if v.outcome == "fail"
            for t in item.call.turns[:1]
        )
        if clips:
            artefacts.write(excerpt_record(home, item.call.sha256), ExcerptSet(item.call.sha256, "zh", clips))
    failure = make_failure()
    artefacts.write(home.failure(failure.key), failure)
    _say_something(home, night)
    build_database(home, load_settings())
    return home.database


def _say_something(home: Home, night: Sequence[Judged]) -> None:
    """A verdict is overruled, and another, which its agent had appealed against; points are given."""
    reviews = Reviews(home)
    second = night[1]
    keys = [verdict_keys(artefacts.read(home.judged(each.call.sha256), JudgedFile)) for each in night]
    failed = next(key for of_call in keys for key in of_call.values() if key.outcome == "fail")
    say(reviews, "li", failed, "unsure", comment="听不清")
    rules = AppealRules(WorkingDays(ZoneInfo("Asia/Shanghai")))
    with reviews.file.writing() as rows:
        release(rows, "chen", 2, "r", result_of(second))
        rule_id = result_of(second).verdicts[0].rule_id
        appeal(rows, "mei", second.call.cdr.agent_id, "a", second.call.sha256, rule_id, "问过客户", rules)
        give_points(rows, "li", 1, "p", second.call.sha256, "客户表扬", 5.0, "客户来信")


def documented(page: str) -> list[str]:
    """The queries of a page's numbered list."""
    text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^\d+\. .+?\n {3,4}```sql\n(.*?) {3,4}```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


def test_both_pages_have_the_same_queries() -> None:
    queries = documented("sql.md")
    assert len(queries) == QUERIES
    assert documented("sql.zh-CN.md") == queries


@pytest.mark.parametrize("number", range(QUERIES))
def test_a_documented_query_answers(database: Path, number: int) -> None:
    (result,) = run_query(database, documented("sql.md")[number], SQL)
    assert result.rows
    assert all(any(row[column] is not None for row in result.rows) for column in range(len(result.columns)))


@pytest.mark.slow
def test_several_statements_give_several_results(database: Path) -> None:
    one, two = run_query(database, "SELECT 1 AS a; SELECT '好' AS b, NULL AS c;", SQL)
    assert one == QueryResult(("a",), ("INTEGER",), ((1,),))
    assert two.rows == (("好", None),)


def test_values_are_plain(database: Path) -> None:
    (result,) = run_query(
        database,
        "SELECT TIMESTAMPTZ '2025-03-03 01:00:00+00' AS t, DATE '2025-03-03' AS d, 1.50::DECIMAL(4,2) AS n, "
        "'nan'::DOUBLE AS x, [1, 2] AS l, {'a': 1} AS s, MAP {'k': 'v'} AS m, 'ab'::BLOB AS b",
        SQL,
        "Asia/Shanghai",
    )
    assert result.rows == (
        ("2025-03-03 09:00:00+08:00", "2025-03-03", 1.5, "nan", [1, 2], {"a": 1}, {"k": "v"}, "6162"),
    )


@pytest.mark.slow
def test_a_limit_says_that_there_was_more(database: Path) -> None:
    (result,) = run_query(database, "SELECT * FROM range(10)", SQL, part=AnswerLimits(rows=3))
    assert (len(result.rows), result.truncated) == (3, True)
    (result,) = run_query(database, "SELECT * FROM range(3)", SQL, part=AnswerLimits(rows=3))
    assert (len(result.rows), result.truncated) == (3, False)


ATTACKS = {
    "read a file": "SELECT * FROM read_csv('{secret}')",
    "read a text": "SELECT content FROM read_text('{secret}')",
    "read as a table": "SELECT * FROM '{secret}'",
    "read another database": "SELECT * FROM read_duckdb('{other}', table_name = 'hidden')",
    "list files": "SELECT * FROM glob('{folder}/*')",
    "sniff": "SELECT * FROM sniff_csv('{secret}')",
    "dynamic": "SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
    "attach": "ATTACH '{other}' AS other",
    "attach and read": "ATTACH '{other}' AS other; SELECT * FROM other.hidden",
    "copy out": "COPY calls TO '{target}'",
    "copy out explained": "EXPLAIN ANALYZE COPY calls TO '{target}'",
    "export": "EXPORT DATABASE '{target}'",
    "log to a file": "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = '{target}'); SELECT 1",
    "unlock": "SET lock_configuration = false",
    "open up": "SET enable_external_access = true",
    "more memory": "SET memory_limit = '100GB'",
    "reset": "RESET enable_external_access",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "http": "SELECT * FROM read_csv('https://example.org/a.csv')",
    "environment": "SELECT getenv('HOME')",
    "delete": "DELETE FROM calls",
    "update": "UPDATE calls SET score = 100",
    "insert": "INSERT INTO about VALUES ('a', 'b')",
    "drop": "DROP TABLE calls",
    "create": "CREATE TABLE mine (a INTEGER)",
    "pragma": "PRAGMA enable_profiling = 'json'",
    "profile to a file": "PRAGMA profiling_output = '{target}'",
    "call": "CALL enable_logging(storage = 'file')",
    "prepared": "PREPARE x AS DELETE FROM calls; EXECUTE x",
    "second statement": "SELECT 1; COPY calls TO '{target}'",
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.slow
def test_reading_is_all_that_can_be_done(database: Path, tmp_path: Path, name: str) -> None:
    secret, other, target = tmp_path / "secret.csv", tmp_path / "other.duckdb", tmp_path / "target"
    secret.write_text("hidden\ntreasure\n")
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE hidden AS SELECT 'treasure' AS a")
    before = database.read_bytes()
    with pytest.raises(BadQuery) as caught:
        run_query(database, ATTACKS[name].format(secret=secret, other=other, target=target, folder=tmp_path), SQL)
    assert "\n" not in str(caught.value)
    assert "treasure" not in str(caught.value)
    assert not target.exists()
    assert database.read_bytes() == before


@pytest.mark.slow
def test_logging_to_stdout_does_not_garble_the_answer(database: Path) -> None:
    results = run_query(database, "SELECT * FROM enable_logging('QueryLog', storage = 'stdout'); SELECT 41 + 1", SQL)
    assert results[-1].rows == ((42,),)


@pytest.mark.slow
def test_time_is_limited(database: Path) -> None:
    start = time.monotonic()
    with pytest.raises(BadQuery, match="longer than 2 s"):
        run_query(database, "SELECT count(*) FROM range(1000000000000) a, range(1000000) b", Sql(timeout_s=2))
    assert time.monotonic() - start < 15


@pytest.mark.slow
def test_memory_is_limited(database: Path) -> None:
    with pytest.raises(BadQuery, match=r"100MB.*sql\.memory"):
        run_query(database, "SELECT list(range::VARCHAR) FROM range(50000000)", Sql(memory="100MB", timeout_s=60))


@pytest.mark.slow
def test_a_row_is_limited(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_module, "LARGEST_ROW_BYTES", 1 << 20)
    with pytest.raises(BadQuery, match="larger than 1 MB"):
        run_query(database, "SELECT repeat('x', 1100000)", SQL)


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("SELECT scor FROM calls", r'"score".*\.schema'),
        ("SELECT * FROM cals", r'Did you mean "calls"\?.*\.tables'),
        ("SELEC 1", "syntax error"),
        ("SELECT\n1,\n2 3 FROM calls", "line 3"),
        ("  ;\n", "nothing to run"),
        ("SELECT '\udcff'", "not text in UTF-8"),
        ("SELECT TIMESTAMPTZ '9999-12-31 23:59:59+00'", r"cannot be shown \(OverflowError\).*::VARCHAR"),
    ],
)
@pytest.mark.slow
def test_mistakes_are_told_in_one_line_with_a_remedy(database: Path, sql: str, hint: str) -> None:
    with pytest.raises(BadQuery, match=hint) as caught:
        run_query(database, sql, SQL)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_no_database_yet(tmp_path: Path) -> None:
    with pytest.raises(BadQuery, match="callqa nightly"):
        run_query(tmp_path / "none.duckdb", "SELECT 1", SQL)


@pytest.mark.slow
def test_a_file_that_is_not_a_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "callqa.duckdb"
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(BadQuery, match="callqa rebuild") as caught:
        run_query(file, "SELECT 1", SQL)
    assert "\n" not in str(caught.value)


def test_pivot_works(database: Path) -> None:
    (result,) = run_query(database, "PIVOT failed_checks ON team USING count(*) GROUP BY agent_name", SQL)
    assert {"agent_name", "一组", "二组", "EN"} == set(result.columns)


def printed(database: Path, sql: str, form: Format) -> str:
    stream = io.StringIO()
    answer(database, sql, SQL, form, stream, "Asia/Shanghai")
    return stream.getvalue()


def width(text: str) -> int:
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.slow
def test_tables_line_up_with_chinese_in_them(database: Path) -> None:
    text = printed(database, "SELECT agent_name, calls FROM agent_scorecard WHERE team IS NOT NULL", "table")
    rows = [line for line in text.splitlines() if re.search(r"\d+ *$", line)]
    assert len(rows) == 4
    assert len({width(row.rstrip()) for row in rows}) == 1
    assert "(4 rows)" in text


@pytest.mark.slow
def test_tables_are_cut_and_say_so(database: Path) -> None:
    stream = io.StringIO()
    answer(database, "SELECT * FROM range(1000)", SQL, "table", stream, "UTC")
    assert "first 200 rows" in stream.getvalue()
    assert " 199 " in stream.getvalue()
    assert "\n 200 " not in stream.getvalue()
    assert "…" in printed(database, "SELECT repeat('x', 1000)", "table")


@pytest.mark.slow
def test_words_cannot_steer_the_terminal(database: Path) -> None:
    text = printed(database, "SELECT text FROM turns WHERE text LIKE '%红色%'", "table")
    assert "\x1b" not in text
    assert "[bold]粗[/bold]" in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.slow
def test_what_is_too_wide_for_the_terminal_becomes_records(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    answer(database, "SELECT * FROM agent_scorecard LIMIT 2", SQL, "table", stream, "UTC")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert re.search(r"^ *mean_score +\d", plain, re.MULTILINE)
    assert max(map(width, plain.splitlines())) <= 80


@pytest.mark.slow
def test_csv_reads_back_and_holds_no_formula(database: Path) -> None:
    text = printed(
        database,
        "SELECT text, call_id, agent_name, -1.5 AS number, true AS yes, NULL AS nothing, 'a,\"b\"\nc' AS hard "
        "FROM turns JOIN calls USING (sha256) WHERE call_id = '-1+1' ORDER BY turn LIMIT 1",
        "csv",
    )
    assert text.count("\r\n") == 2
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["text", "call_id", "agent_name", "number", "yes", "nothing", "hard"],
        ["'=HYPERLINK(1)", "'-1+1", "'@SUM", "-1.5", "true", "", 'a,"b"\nc'],
    ]


@pytest.mark.slow
def test_json_gives_everything_as_it_is(database: Path) -> None:
    text = printed(database, "SELECT text, evidence FROM turns, verdicts WHERE text LIKE '=%' LIMIT 1", "json")
    (row,) = json.loads(text)
    assert row["text"] == "=HYPERLINK(1)"
    assert isinstance(row["evidence"], list)
    twice = printed(database, "SELECT 1 AS a, 2 AS a; SELECT 3 AS b", "json")
    assert json.loads(twice) == [[{"a": 1, "a_1": 2}], [{"b": 3}]]


def converse(database: Path, *lines: str) -> str:
    said = iter(lines)
    stream = io.StringIO()

    def read(prompt: str) -> str:
        stream.write(prompt)
        line = next(said, None)
        if line is None:
            raise EOFError
        if line == "^C":
            raise KeyboardInterrupt
        return line

    shell(database, SQL, "Asia/Shanghai", stream, read)
    return stream.getvalue()


@pytest.mark.slow
def test_the_prompt(database: Path) -> None:
    text = converse(
        database,
        ".help",
        ".tables",
        ".schema FAILED_CHECKS",
        ".schema nothing",
        "SELECT 40 +",
        "2 AS answer;",
        "SELECT nonsense;",
        "SELECT 'given up",
        "^C",
        ".format csv",
        "SELECT 1 AS one;",
        ".quit",
        "SELECT 'never reached';",
    )
    assert "agent_scorecard" in text
    assert "平均实现率" in text
    assert "证据原话：整句" in text
    assert "nothing: no such table or view" in text
    assert "   ...> " in text
    assert " 42 " in text
    assert "nonsense" in text
    assert "one\r\n1\r\n" in text
    assert "never reached" not in text


@pytest.mark.slow
def test_the_prompt_ends_with_its_input_and_needs_a_database(database: Path, tmp_path: Path) -> None:
    assert converse(database).endswith("callqa> \n")
    with pytest.raises(BadQuery, match="callqa nightly"):
        converse(tmp_path / "none.duckdb")


@pytest.mark.slow
def test_settings_reach_the_query(settings: Settings, database: Path) -> None:
    (result,) = run_query(database, "SELECT current_setting('TimeZone'), current_setting('memory_limit')", settings.sql)
    assert result.rows == (("Asia/Shanghai", "953.6 MiB"),)
