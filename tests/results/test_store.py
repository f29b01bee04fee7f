"""The database: its rows, how it is swapped in, and that a killed builder does no harm."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from backports import zstd

from pipeline.datatypes import CDR, Evidence, HangUp
from pipeline.errors import BadQuery, CallQAError
from pipeline.judging.measured import Measured, Share
from pipeline.numbers import mask_numbers
from pipeline.results import part_plans, part_processes, store
from pipeline.results.excerpts import Excerpt, ExcerptSet, Line, excerpt_record
from pipeline.results.parts import WeekPart, WeekPlan
from pipeline.results.rows import RulebookInfo, RuleInfo
from pipeline.results.store import build_database, cannot_open, open_database
from pipeline.results.tables import TABLES
from pipeline.results.views import VIEWS
from pipeline.settings import CHECKOUT, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord, stored_path
from pipeline.timeline import Span
from tests.support.factories import (
    NIGHT,
    RULES,
    hit_on,
    make_failure,
    make_judged,
    make_night,
    make_run,
    make_turns,
    make_verdict,
    save,
    sha_of,
)

MEASURED = {"forbidden-phrases": Measured(Share(21, 30), Share(21, 97), 213)}
BOOKS = tuple(
    RulebookInfo(
        f"hotline-{language}", language, sha_of(language), 80.0,
        tuple(RuleInfo(rule, {"zh": f"指标 {rule}", "en": rule.title()}, "courtesy", "normal", 2.0,
                       dimension_title={"zh": "接待礼仪", "en": "Courtesy"},
                       kind="forbid" if rule in MEASURED else "require", measured=MEASURED.get(rule))
              for rule in RULES),
    )
    for language in ("zh", "en")
)  # fmt: skip


def ask(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def contents(home: Home) -> dict[str, list[str]]:
    """Every table but about, as a sorted list of its rows."""
    skipped = "EXCLUDE (built_from)"
    return {
        table: sorted(str(row) for row in ask(home, f"SELECT * {skipped if table == 'calls' else ''} FROM {table}"))
        for table in TABLES
        if table != "about"
    }


def test_how_far_a_rule_can_be_trusted_stands_beside_it(tmp_home: Home, settings: Settings) -> None:
    verdict = replace(make_verdict("forbidden-phrases", "pass"), nothing_found=True)
    save(tmp_home, [make_judged("a", verdicts=[verdict, make_verdict("greeting", "pass")])])
    build_database(tmp_home, settings, BOOKS)
    columns = "round(precision, 2), round(precision_low, 2), round(precision_high, 2), round(recall, 2), n, kind"
    rows = ask(tmp_home, f"SELECT {columns} FROM rules WHERE rule_id = 'forbidden-phrases' AND language = 'zh'")
    assert rows == [(0.7, 0.52, 0.83, 0.22, 213, "forbid")]
    assert ask(tmp_home, "SELECT DISTINCT precision, n, kind FROM rules WHERE rule_id = 'greeting'") == [
        (None, None, "require")
    ]
    assert ask(tmp_home, "SELECT rule_id FROM verdicts WHERE nothing_found") == [("forbidden-phrases",)]


def test_every_fact_of_a_call_arrives(tmp_home: Home, settings: Settings) -> None:
    started = NIGHT.replace(hour=1)
    judged = make_judged(
        "one",
        cdr=CDR(call_id="c1", started_at=started, agent_id="1001", agent_name="李梅", team="一组", company="安心",
                queue="维修", direction="inbound", caller_hash="abc", ring_count=4, wait_s=2.5,
                release_party="customer", extra={"phone": "13800138000"}),
    )  # fmt: skip
    save(tmp_home, [judged])
    result = build_database(tmp_home, settings, BOOKS)
    assert result.changed
    assert result.path == tmp_home.database
    assert result.rows | {"about": 0} == {
        "calls": 1, "turns": 9, "marks": 1, "rules": 18, "verdicts": 2, "scorecards": 1, "failures": 0, "runs": 0,
        "clips": 0, "about": 0, "past_verdicts": 0, "month_scores": 0, "reviews": 0, "appeals": 0, "releases": 0,
        "manual_points": 0, "corrections": 0, "coaching_sessions": 0, "coaching_excerpts": 0,
    }  # fmt: skip
    row = ask(
        tmp_home,
        "SELECT call_id, file_name, epoch(started_at), day::VARCHAR, week::VARCHAR, month::VARCHAR, agent_name, "
        "cdr_ring_count, wait_s, layout, hung_up_by, agent_talk_share > 0.5, ring_count, score, passed, fatal, "
        "failed_rules, heard_with['recognizer'] FROM calls",
    )
    assert row == [
        ("c1", "c1.wav", started.timestamp(), "2025-03-03", "2025-03-03", "2025-03-01", "李梅", 4, 2.5, "stereo",
         "customer", True, None, 80.0, True, False, 1, "faster-whisper base int8"),
    ]  # fmt: skip
    assert ask(tmp_home, "SELECT role, text FROM turns WHERE turn = 4") == [("agent", "这个我也没办法，你再等等吧。")]
    (evidence,) = ask(tmp_home, "SELECT evidence FROM verdicts WHERE outcome = 'fail'")[0]
    assert evidence[0]["quote"] == "这个我也没办法，你再等等吧。"
    assert evidence[0]["turn"] == 4
    assert evidence[0]["role"] == "agent"
    assert evidence[0]["start_s"] == judged.call.turns[4].span.start_s
    assert ask(tmp_home, "SELECT title_zh, title_en, dimension FROM verdicts WHERE rule_id = 'greeting'") == [
        ("指标 greeting", "Greeting", "courtesy")
    ]


def test_no_number_of_a_caller_gets_in(tmp_home: Home, settings: Settings) -> None:
    judged = make_judged("one", cdr=CDR(call_id="c1", extra={"phone": "13911112222"}))
    save(tmp_home, [judged], "2025-03-04/13911112222")
    failure = make_failure("inbox/20250304103000_13911112222.wav")
    artefacts.write(tmp_home.failure(failure.key), replace(failure, message=f"{failure.path}: empty"))
    build_database(tmp_home, settings)
    assert "13911112222" not in str(contents(tmp_home))
    assert ask(tmp_home, "SELECT file_name FROM failures") == [("20250304103000_*********22.wav",)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("20250304_013000_13800138000.wav", "20250304_013000_*********00.wav"),
        ("202503040130-8001.wav", "202503040130-8001.wav"),
        ("8613800138000.mp3", "***********00.mp3"),
        ("020-88886666_a.wav", "**********66_a.wav"),
        ("+1 212-555-0123.wav", "+1 **********23.wav"),
        ("008613800138000.wav", "*************00.wav"),
        ("88886666.wav", "******66.wav"),
        ("(010)88886666.wav", "***********66.wav"),
        ("(010) 8888-6666.wav", "*************66.wav"),
        ("2025030413800138000.wav", "20250304*********00.wav"),
        ("2025030410300013800138000.wav", "20250304***************00.wav"),
        ("2025030413501234567.wav", "20250304*********67.wav"),
        ("19912011234.wav", "*********34.wav"),
        ("19201231234_in.wav", "*********34_in.wav"),
        ("138 0013 8000.wav", "***********00.wav"),
        ("+86-138-0013-8000.wav", "+86-***********00.wav"),
        ("20250304.wav", "20250304.wav"),
        ("20250304103000123.wav", "20250304103000123.wav"),
        ("20250304-103000-8001.wav", "20250304-103000-8001.wav"),
        ("2025-03-04 10-30-00.wav", "2025-03-04 10-30-00.wav"),
        ("call-000123.wav", "call-000123.wav"),
        ("d41d8cd98f00b204e9800998ecf8427e.wav", "d41d8cd98f00b204e9800998ecf8427e.wav"),
    ],
)
def test_masked_file_names(name: str, shown: str) -> None:
    assert mask_numbers(name) == shown


@pytest.mark.parametrize("year", [1, 1899, 9999])
def test_a_date_that_cannot_be_stops_no_publishing(tmp_home: Home, settings: Settings, year: int) -> None:
    """A home of an older version may hold one: the file is written as that version wrote it."""
    save(tmp_home, [make_judged("call-0")])
    for path in (*tmp_home.files("judged"), *tmp_home.files("recordings")):
        text = artefacts.unpacked(path).decode()
        assert '"started_at":"2025' in text
        path.write_bytes(zstd.compress(re.sub(r'("started_at":")2025', rf"\g<1>{year:04}", text).encode()))
    assert build_database(tmp_home, settings).damaged == ()
    assert ask(tmp_home, "SELECT call_id, started_at, month FROM calls") == [("call-0", None, None)]


def test_a_file_is_named_as_on_the_disk_unless_that_would_steer_a_terminal(tmp_home: Home, settings: Settings) -> None:
    names = ["张三　李四.wav", "\x1b[2J.wav", os.fsdecode("张三.wav".encode("gb18030")), "e\u202ef.wav"]
    for number, name in enumerate(names):
        judged = make_judged(f"call-{number}")
        save(tmp_home, [judged])
        record = RecordingRecord(judged.call.sha256, 1, (stored_path(Path("/inbox") / name),), NIGHT, judged.call.cdr)
        artefacts.write(tmp_home.recording(judged.call.sha256), record)
    build_database(tmp_home, settings)
    assert ask(tmp_home, "SELECT file_name FROM calls ORDER BY call_id") == [
        ("张三　李四.wav",), ("\\x1b[2J.wav",), (r"\udcd5\udcc5\udcc8\udcfd.wav",), ("e\\u202ef.wav",),
    ]  # fmt: skip


def test_every_table_view_and_column_says_what_it_is_in_both_languages(tmp_home: Home, settings: Settings) -> None:
    build_database(tmp_home, settings)
    comments = ask(
        tmp_home,
        "SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'main' UNION ALL "
        "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' UNION ALL "
        "SELECT table_name || '.' || column_name, comment FROM duckdb_columns() "
        "WHERE NOT internal AND schema_name = 'main'",
    )
    assert len(comments) > 150
    poor = [name for name, comment in comments if not comment or " / " not in comment]
    assert poor == []
    assert {name for name, _ in comments if "." not in name} == {*TABLES, *VIEWS}


def test_achievement_is_passes_over_decided(tmp_home: Home, settings: Settings) -> None:
    outcomes = ("pass", "pass", "pass", "fail", "unsure", "not_applicable")
    calls = [
        make_judged(f"c{i}", verdicts=[make_verdict("closing", outcome)],  # type: ignore[arg-type]
                    cdr=CDR(call_id=f"c{i}", team="AB"[i % 2], agent_id=str(i % 3), started_at=NIGHT))
        for i, outcome in enumerate(outcomes)
    ]  # fmt: skip
    save(tmp_home, calls)
    build_database(tmp_home, settings, BOOKS)
    columns = "passes, fails, decided, achievement, below_target, unsure, not_applicable"
    assert ask(tmp_home, f"SELECT {columns} FROM achievement") == [(3, 1, 4, 0.75, True, 1, 1)]
    # even calls are team A (pass, pass, unsure), odd ones B (pass, fail, not applicable)
    by_team = [("A", 1.0, False), ("B", 0.5, True)]
    assert ask(tmp_home, "SELECT value, achievement, below_target FROM achievement_by(team)") == by_team
    assert by_team == ask(
        tmp_home,
        "SELECT value, achievement, below_target FROM achievement_groups WHERE grouped_by = 'team' ORDER BY value",
    )
    assert ask(tmp_home, "SELECT value FROM achievement_by(upper(team) || agent_id)") == [
        ("A0",), ("A1",), ("A2",), ("B0",), ("B1",), ("B2",),
    ]  # fmt: skip
    assert ask(tmp_home, "SELECT value FROM achievement_groups WHERE grouped_by = 'week'") == [("2025-03-03",)]


def test_agent_scorecard(tmp_home: Home, settings: Settings) -> None:
    def call(name: str, score: float | None, fatal: bool, outcome: Any) -> Any:
        cdr = CDR(call_id=name, agent_id="7", agent_name="李梅", started_at=NIGHT)
        return make_judged(name, score=score, fatal=fatal, cdr=cdr, verdicts=[make_verdict("closing", outcome)])

    save(tmp_home, [call("a", 100.0, False, "pass"), call("b", 0.0, True, "fail"), call("c", None, False, "unsure")])
    build_database(tmp_home, settings, BOOKS)
    assert ask(
        tmp_home,
        "SELECT agent_id, calls, scored, mean_score, lowest_score, passed_calls, fatal_calls, achievement, unsure "
        "FROM agent_scorecard",
    ) == [("7", 3, 2, 50.0, 0.0, 1, 1, 0.5, 1)]


def test_failed_checks_read_well(tmp_home: Home, settings: Settings) -> None:
    judged = make_judged("one")
    save(tmp_home, [judged])
    line = Line("agent", Span(1, 2), "这个我也没办法", True)
    excerpt = Excerpt("forbidden-phrases", 1, "x.mp3", Span(1, 5), "没办法", "why", (line,))
    artefacts.write(excerpt_record(tmp_home, judged.call.sha256), ExcerptSet(judged.call.sha256, "zh", (excerpt,)))
    build_database(tmp_home, settings, BOOKS)
    path = f"excerpts/{judged.call.sha256[:2]}/{judged.call.sha256}/x.mp3"
    assert ask(tmp_home, "SELECT call_id, agent_name, title_en, quote, round(at_s, 2), clip FROM failed_checks") == [
        ("one", "李梅", "Forbidden-Phrases", "这个我也没办法，你再等等吧。",
         round(judged.call.turns[4].span.start_s, 2), path),
    ]  # fmt: skip
    assert ask(tmp_home, "SELECT path, quote, words FROM excerpts") == [(path, "没办法", "坐席 0:01  这个我也没办法")]


def test_what_is_not_known_is_null(tmp_home: Home, settings: Settings) -> None:
    silent = make_judged("silent", turns=(), verdicts=(make_verdict("greeting", "fail"),), cdr=CDR(), score=None)
    unjudged = replace(make_judged("french"), scorecard=None)
    nobody = replace(silent.call, hang_up=HangUp(None, "none", None, "nothing tells"))
    save(tmp_home, [replace(silent, call=nobody), unjudged])
    build_database(tmp_home, settings)
    assert ask(tmp_home, "SELECT started_at, day, hung_up_by, score, passed FROM calls WHERE turns = 0") == [
        (None, None, None, None, None)
    ]
    assert ask(tmp_home, "SELECT rulebook, failed_rules FROM calls WHERE turns > 0") == [(None, None)]
    assert ask(tmp_home, "SELECT rule_id, at_s, quote FROM failed_checks") == [("greeting", None, None)]


def test_strange_text_arrives_unharmed(tmp_home: Home, settings: Settings) -> None:
    text = "引号\" ' 反斜杠\\ \\u0000 换行\n制表\t零\0 𠮷 <script>"
    turns = (replace(make_turns([("agent", "x")])[0], text=text),)
    save(tmp_home, [make_judged("odd", turns=turns, verdicts=[make_verdict("greeting", "fail", (hit_on(turns[0]),))])])
    build_database(tmp_home, settings)
    assert ask(tmp_home, "SELECT text FROM turns") == [(text,)]
    assert ask(tmp_home, "SELECT quote FROM failed_checks") == [(text,)]


def test_nothing_changed_nothing_done(tmp_home: Home, settings: Settings) -> None:
    save(tmp_home, make_night(5))
    first = build_database(tmp_home, settings, BOOKS)
    before = tmp_home.database.stat()
    second = build_database(tmp_home, settings, BOOKS)
    assert not second.changed
    assert second.rows == first.rows
    assert tmp_home.database.stat().st_ino == before.st_ino
    assert build_database(tmp_home, settings, BOOKS[:1]).changed, "another rulebook gives other titles"


@pytest.mark.slow
def test_building_anew_changes_no_row(tmp_home: Home, settings: Settings) -> None:
    save(tmp_home, make_night(5))
    build_database(tmp_home, settings, BOOKS)
    before = contents(tmp_home)
    assert build_database(tmp_home, settings, BOOKS, anew=True).changed
    assert contents(tmp_home) == before


@pytest.mark.slow
def test_amending_gives_what_building_anew_gives(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    random_ = random.Random(7)
    night = make_night(60)
    save(tmp_home, night)
    build_database(tmp_home, settings, BOOKS)
    first = tmp_home.database.open("rb")  # held open, so that its inode is not given away again
    for step in range(4):
        removed, changed = random_.sample(night, 2)
        for path in (tmp_home.judged(removed.call.sha256), tmp_home.recording(removed.call.sha256)):
            path.unlink()
        night.remove(removed)
        assert changed.scorecard
        card = replace(changed.scorecard, score=float(step), verdicts=changed.scorecard.verdicts[:3])
        save(tmp_home, [Judged_with(changed, card), make_judged(f"new {step}")])
        night.append(make_judged(f"new {step}"))
        failure = make_failure(f"inbox/{step}.wav")
        artefacts.write(tmp_home.failure(failure.key), failure)
        artefacts.write(tmp_home.run(f"r{step}"), make_run(f"r{step}"))
        assert build_database(tmp_home, settings, BOOKS).changed
    amended = contents(tmp_home)
    with first:
        assert not os.path.samestat(os.fstat(first.fileno()), tmp_home.database.stat())
    tmp_home.database.unlink()
    build_database(tmp_home, settings, BOOKS)
    assert contents(tmp_home) == amended
    assert len(amended["calls"]) == 60
    assert len(amended["runs"]) == 4


def test_a_rotten_part_is_made_anew_from_the_files(tmp_home: Home, settings: Settings) -> None:
    """Wherever the damage is: nothing of an old part is used that is not what was written."""
    night = make_night(8)
    save(tmp_home, night)
    build_database(tmp_home, settings, BOOKS)
    before = contents(tmp_home)
    for number, table in enumerate(("calls", "verdicts")):
        (part,) = [folder for folder in tmp_home.parts.iterdir() if not (folder / "replaced").exists()][:1]
        path = part / f"{table}.parquet"
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        path.chmod(0o600)
        path.write_bytes(damaged)
        save(tmp_home, [make_judged(f"new {number}")])
        assert build_database(tmp_home, settings, BOOKS).changed
        assert ask(tmp_home, "SELECT count(*) FROM calls") == [(9 + number,)]
        after = contents(tmp_home)
        assert all(set(before[name]) <= set(after[name]) for name in before)


def test_a_night_makes_only_its_weeks_and_readers_keep_the_old_ones(tmp_home: Home, settings: Settings) -> None:
    night = make_night(90)
    save(tmp_home, night)
    build_database(tmp_home, settings, BOOKS)
    first = set(tmp_home.parts.iterdir())
    assert len(first) == 3
    save(tmp_home, [make_judged("new")])
    build_database(tmp_home, settings, BOOKS)
    second = set(tmp_home.parts.iterdir())
    assert first < second
    assert len(second) == 4
    (replaced,) = [folder for folder in second if (folder / "replaced").exists()]
    assert replaced.name.startswith("2025-03-03-")
    os.utime(replaced / "replaced", (0, 0))
    save(tmp_home, [make_judged("newer")])
    build_database(tmp_home, settings, BOOKS)
    assert not replaced.exists(), "nobody has a database of the day before yesterday open"
    assert ask(tmp_home, "SELECT count(*) FROM calls") == [(92,)]


def test_of_a_busy_week_every_day_is_a_part(
    tmp_home: Home, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls move out of the week's part; those without a date go by the day they were first seen."""
    night = make_night(60)
    undated = [replace(item, call=replace(item.call, cdr=replace(item.call.cdr, started_at=None))) for item in night]
    night = [*undated[:12], *night[12:]]
    save(tmp_home, night)
    build_database(tmp_home, settings, BOOKS)
    weeks = {part for (part,) in ask(tmp_home, "SELECT part FROM totals.parts")}
    assert weeks == {"2025-03-03", "2025-03-10", "undated-2025-03-03"}
    monkeypatch.setattr(part_plans, "WEEK_CALLS", 8)
    for number in range(3):
        before = set(tmp_home.parts.iterdir())
        save(tmp_home, [make_judged(f"new {number}")])
        tmp_home.judged(night[number].call.sha256).unlink()
        assert build_database(tmp_home, settings, BOOKS).changed
    assert len(set(tmp_home.parts.iterdir()) - before) == 2, "the days of the one that came and of the one that went"
    parts = {part for (part,) in ask(tmp_home, "SELECT part FROM totals.parts")}
    assert parts & weeks == {"2025-03-10"}, "nothing happened in it"
    assert {"2025-03-03.3", "2025-03-03.7", f"undated-2025-03-03.{NIGHT.isoweekday()}"} <= parts
    amended = contents(tmp_home)
    assert len(amended["calls"]) == 60
    tmp_home.database.unlink()
    monkeypatch.undo()
    build_database(tmp_home, settings, BOOKS)
    assert contents(tmp_home) == amended


def test_a_build_that_was_cut_short_goes_on_where_it_was(
    tmp_home: Home, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_home, make_night(90))
    make, made = part_processes.make_part, []

    def one_only(plan: WeekPlan) -> WeekPart:
        if made:
            raise OSError("the machine went down")
        made.append(make(plan))
        return made[0]

    monkeypatch.setattr(part_processes, "make_part", one_only)
    with pytest.raises(CallQAError, match="the machine went down"):
        build_database(tmp_home, settings, BOOKS, anew=True)
    monkeypatch.undo()
    written = (tmp_home.parts / made[0].name / "calls.parquet").stat().st_mtime_ns
    progress: list[tuple[int, int]] = []
    build_database(tmp_home, settings, BOOKS, anew=True, on_progress=lambda calls, of: progress.append((calls, of)))
    assert (tmp_home.parts / made[0].name / "calls.parquet").stat().st_mtime_ns == written
    assert progress[-1] == (90, 90)
    assert ask(tmp_home, "SELECT count(*) FROM calls") == [(90,)]
    build_database(tmp_home, settings, BOOKS, anew=True)
    assert (tmp_home.parts / made[0].name / "replaced").exists(), "after one that was finished nothing is used again"


def test_processes_make_what_one_makes(tmp_home: Home, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_home, make_night(60))
    build_database(tmp_home, settings, BOOKS)
    before = contents(tmp_home)
    monkeypatch.setattr(part_processes, "AT_ONCE_CALLS", 1)
    build_database(tmp_home, settings, BOOKS, anew=True)
    assert contents(tmp_home) == before


def Judged_with(judged: Any, card: Any) -> Any:  # noqa: N802
    return replace(judged, scorecard=card)


@pytest.mark.slow
def test_whoever_reads_the_old_one_goes_on_reading_it(tmp_home: Home, settings: Settings) -> None:
    save(tmp_home, make_night(3))
    build_database(tmp_home, settings)
    reader = subprocess.Popen(
        [sys.executable, "-c",
         "import duckdb, sys\n"
         "c = duckdb.connect(sys.argv[1], read_only=True)\n"
         "for line in sys.stdin:\n"
         "    print(c.execute('SELECT count(*) FROM calls').fetchone()[0], flush=True)\n",
         str(tmp_home.database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reader.stdin
    assert reader.stdout
    with reader:
        print(file=reader.stdin, flush=True)
        assert reader.stdout.readline() == "3\n"
        save(tmp_home, make_night(30))
        build_database(tmp_home, settings)
        print(file=reader.stdin, flush=True)
        assert reader.stdout.readline() == "3\n"
        assert ask(tmp_home, "SELECT count(*) FROM calls") == [(30,)]


def test_a_damaged_artefact_is_a_failure_and_no_stop(tmp_home: Home, settings: Settings) -> None:
    night = make_night(3)
    save(tmp_home, night)
    judged, recording = tmp_home.judged(night[0].call.sha256), tmp_home.recording(night[1].call.sha256)
    judged.write_bytes(judged.read_bytes()[:100])
    recording.write_bytes(b"not packed")
    result = build_database(tmp_home, settings)
    assert set(result.damaged) == {judged, recording}
    assert ask(tmp_home, "SELECT count(*), count(file_name) FROM calls") == [(2, 1)]
    assert sorted(ask(tmp_home, "SELECT key, stage, reason FROM failures")) == sorted(
        (item.call.sha256, "publish", "damaged-artefact") for item in night[:2]
    )
    save(tmp_home, night)
    assert build_database(tmp_home, settings).damaged == ()
    assert ask(tmp_home, "SELECT count(*), count(file_name) FROM calls") == [(3, 3)]
    assert ask(tmp_home, "SELECT count(*) FROM failures") == [(0,)]


@pytest.mark.parametrize("garbage", [b"", b"not a database at all" * 1000])
def test_a_file_that_is_not_a_database_is_replaced(tmp_home: Home, settings: Settings, garbage: bytes) -> None:
    tmp_home.root.mkdir(parents=True)
    tmp_home.database.write_bytes(garbage)
    save(tmp_home, make_night(2))
    assert build_database(tmp_home, settings).changed
    assert ask(tmp_home, "SELECT count(*) FROM calls") == [(2,)]


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_one(tmp_home: Home, settings: Settings) -> None:
    save(tmp_home, make_night(2))
    build_database(tmp_home, settings)
    save(tmp_home, make_night(200))
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from pipeline.errors import CallQAError\n"
        "from pipeline.storage.home import Home\n"
        "from pipeline.settings import load_settings\n"
        "from pipeline.results.store import build_database\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    build_database(Home(Path(sys.argv[1])), load_settings())\n"
        "except CallQAError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_home.root)], capture_output=True, text=True, cwd=CHECKOUT, check=True
    )
    assert "could not be built" in done.stdout
    assert done.stdout.count("\n") == 1
    assert ask(tmp_home, "SELECT count(*) FROM calls") == [(2,)]
    assert not list(tmp_home.root.glob("*.building*"))


@pytest.mark.slow
def test_killed_at_any_moment(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    """SIGKILL while building: the database stays whole, and the next build leaves nothing behind."""
    night = make_night(400)
    save(tmp_home, night[:50])
    build_database(tmp_home, settings)
    save(tmp_home, night)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pipeline.storage.home import Home\n"
        "from pipeline.settings import load_settings\n"
        "from pipeline.results.store import build_database\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "build_database(Home(Path(sys.argv[1])), load_settings())\n"
    )
    random_ = random.Random(11)
    killed = 0
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_home.root)],
            cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdin
        assert child.stdout
        with child:
            child.stdout.readline()
            print(file=child.stdin, flush=True)
            time.sleep(random_.uniform(0.02, 0.5))
            killed += child.poll() is None
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert ask(tmp_home, "SELECT count(*) FROM calls") in ([(50,)], [(400,)])
        assert len(ask(tmp_home, "SELECT rule_id FROM achievement")) == len(RULES)
    assert killed >= 2
    build_database(tmp_home, settings)
    assert ask(tmp_home, "SELECT count(*) FROM calls") == [(400,)]
    assert not list(tmp_home.root.glob("*.building*"))


@pytest.mark.slow
def test_a_second_builder_waits(tmp_home: Home, settings: Settings) -> None:
    save(tmp_home, make_night(50))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pipeline.storage.home import Home\n"
        "from pipeline.settings import load_settings\n"
        "from pipeline.results.store import build_database\n"
        "print(build_database(Home(Path(sys.argv[1])), load_settings()).changed)\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_home.root)], cwd=CHECKOUT, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    said = sorted(child.communicate(timeout=60)[0] for child in both)
    assert said == [b"False\n", b"True\n"]
    assert ask(tmp_home, "SELECT count(*) FROM calls") == [(50,)]


def test_a_database_not_yet_built_is_told_with_the_command(tmp_home: Home) -> None:
    with pytest.raises(BadQuery, match="callqa nightly"), store.open_database(tmp_home.database, "UTC"):
        pass


def test_a_home_that_cannot_be_written(tmp_home: Home, settings: Settings) -> None:
    save(tmp_home, make_night(1))
    tmp_home.database.mkdir()
    with pytest.raises(CallQAError, match="could not be built") as caught:
        build_database(tmp_home, settings)
    assert "\n" not in str(caught.value)
    shutil.rmtree(tmp_home.database)


def test_evidence_without_a_turn_is_stored(tmp_home: Home, settings: Settings) -> None:
    evidence: Sequence[Evidence] = (
        Evidence(None, Span(1, 8), "", "7 s of silence"),
        Evidence(99, None, "", "no such turn"),
    )
    save(tmp_home, [make_judged("one", verdicts=[make_verdict("dead-air", "fail", tuple(evidence))])])
    build_database(tmp_home, settings)
    ((evidence,),) = ask(tmp_home, "SELECT evidence FROM verdicts")
    assert [(e["turn"], e["role"], e["start_s"]) for e in evidence] == [(None, None, 1.0), (99, None, None)]
    assert os.path.getsize(tmp_home.database) > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("Permission denied", "this account may not read it"),
        ("Could not set lock on file", "another program has it open for writing; close it there"),
        ("made with a version", "another version of DuckDB"),
        ("anything else", "damaged; build it anew: callqa rebuild"),
    ],
)
def test_why_a_database_cannot_be_opened_is_told_by_the_engines_words(words: str, says: str) -> None:
    assert says in cannot_open(Path("callqa.duckdb"), f"IO Error: {words}").message


def test_the_engines_words_are_still_these(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    save(tmp_home, [make_judged("one")])
    build_database(tmp_home, settings)
    hold = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_home.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(BadQuery, match="another program has it open"), open_database(tmp_home.database, "UTC"):
            pass
        writer.communicate()
    newer = tmp_path / "newer.duckdb"
    data = bytearray(tmp_home.database.read_bytes())
    data[12:20] = (9999).to_bytes(8, "little")  # the number of the file's layout, behind a checksum and DUCK
    newer.write_bytes(data)
    with pytest.raises(BadQuery, match="callqa rebuild"), open_database(newer, "UTC"):
        pass
