"""What people said is in the published database: by its tables and views, masked, anew whenever more was said."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.results.people_rows import masked_text
from pipeline.results.store import build_database, open_database, records
from pipeline.reviews.appeals import AppealRules, appeal, appeals_on, decide
from pipeline.reviews.manual_points import give_points
from pipeline.reviews.releases import release
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.working_days import WorkingDays
from pipeline.settings import Settings
from pipeline.settings.privacy import Privacy
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile
from tests.support.desks import settings_of
from tests.support.factories import make_judged, save, sha_of
from tests.support.people import result_of, say

RULE = "forbidden-phrases"
NUMBER = "13800138000"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = settings_of(tmp_path)
    save(Home(tmp_path), [make_judged(f"call-{number}") for number in range(4)])
    assert build_database(Home(tmp_path), settings).changed
    return settings


def asked(settings: Settings, sql: str) -> list[dict[str, Any]]:
    home = Home(settings.paths.home)
    build_database(home, settings)
    with open_database(home.database, "Asia/Shanghai") as connection:
        return records(connection, sql)


def stored_call(settings: Settings, number: int) -> JudgedFile:
    return artefacts.read(Home(settings.paths.home).judged(sha_of(f"call-{number}")), JudgedFile)


def test_a_database_is_made_anew_when_something_was_said_and_not_otherwise(settings: Settings) -> None:
    home = Home(settings.paths.home)
    reviews = Reviews(home)
    assert not build_database(home, settings).changed
    assert not reviews.file.is_there, "nobody has said anything, and no file is made"
    say(reviews, "li", verdict_keys(stored_call(settings, 0))[RULE])
    assert build_database(home, settings).changed
    assert not build_database(home, settings).changed


def test_verdicts_stand_beside_what_reviewers_found_and_rules_are_counted(settings: Settings) -> None:
    reviews = Reviews(Home(settings.paths.home))
    keys = [verdict_keys(stored_call(settings, number)) for number in range(4)]
    say(reviews, "li", keys[0][RULE])
    say(reviews, "li", keys[1][RULE], "pass", comment=f"他的号码是{NUMBER}")
    say(reviews, "wang", keys[1][RULE])
    say(reviews, "chen", keys[1][RULE], "not_applicable", authority=2)
    say(reviews, "li", keys[2]["greeting"], "fail")
    earlier = verdict_keys(stored_call(settings, 3))[RULE]
    say(reviews, "li", type(earlier)(earlier.sha256, RULE, "0" * 16, earlier.fingerprint, "fail", earlier.evidence))
    found = asked(
        settings,
        "SELECT rule_id, outcome, reviewed_outcome, answer, reviewer, reviewers FROM verdicts_reviewed ORDER BY ALL",
    )
    assert [tuple(row.values()) for row in found] == [
        (RULE, "fail", "fail", "right", "li", 1),
        (RULE, "fail", "not_applicable", "wrong", "chen", 3),
        ("greeting", "pass", "fail", "wrong", "li", 1),
    ]
    (phrases, greeting) = asked(settings, "SELECT * FROM rules_reviewed ORDER BY rule_id")
    assert (phrases["right_fails"], phrases["wrong_fails"], phrases["precision"]) == (1, 1, 0.5)
    assert (greeting["missed_fails"], greeting["precision"]) == (1, None)
    comments = [row["comment"] for row in asked(settings, "SELECT comment FROM reviews WHERE comment <> ''")]
    assert comments == ["他的号码是***********"] or NUMBER not in comments[0]


def test_appeals_releases_and_points_are_tables(settings: Settings) -> None:
    reviews, file = Reviews(Home(settings.paths.home)), stored_call(settings, 0)
    sha256, rules = file.judged.call.sha256, AppealRules(WorkingDays(ZoneInfo("Asia/Shanghai")))
    with reviews.file.writing() as rows:
        release(rows, "chen", 2, "r", result_of(file.judged))
        appeal(rows, "mei", "1001", "a", sha256, RULE, f"客户说打{NUMBER}", rules)
        decide(rows, "zhao", "d", appeals_on(rows, sha256)[0].ref, "rejected", None, "听过了", rules)
        give_points(rows, "li", 1, "p", sha256, "客户表扬", 5.0, "很好")
    (row,) = asked(settings, "SELECT state, told, decided_by, reason FROM appeals")
    assert (row["state"], row["told"], row["decided_by"]) == ("rejected", "fail", "zhao")
    assert NUMBER not in row["reason"]
    assert asked(settings, "SELECT step, version, in_force, agent_id FROM releases") == [
        {"step": "released", "version": 1, "in_force": True, "agent_id": "1001"}
    ]
    assert asked(settings, "SELECT label, points, counts FROM manual_points") == [
        {"label": "客户表扬", "points": 5.0, "counts": True}
    ]


def test_where_the_file_is_damaged_calls_are_published_and_it_is_told(settings: Settings) -> None:
    home = Home(settings.paths.home)
    say(Reviews(home), "li", verdict_keys(stored_call(settings, 0))[RULE])
    for path in home.root.glob("reviews.sqlite-*"):
        path.unlink()
    (home.root / "reviews.sqlite").write_bytes(b"nothing like it" * 500)
    built = build_database(home, settings)
    assert built.damaged == (home.root / "reviews.sqlite",)
    (row,) = asked(settings, "SELECT count(*) AS calls, any_value(message) AS why FROM calls, failures")
    assert row["calls"] == 4
    assert "restore it from a backup" in row["why"]
    assert "delete" not in row["why"]
    assert (home.root / "reviews.sqlite").read_bytes().startswith(b"nothing like it")
    with pytest.raises(sqlite3.DatabaseError), sqlite3.connect(home.root / "reviews.sqlite") as rows:
        rows.execute("SELECT 1 FROM sqlite_schema")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("客户的身份证是11010519491231002X", "11010519491231002X"),
        ("his card is 4111 1111 1111 1111, he said", "4111 1111 1111 1111"),
        (f"请回拨 {NUMBER}", NUMBER),
        ("at 0:12 he says goodbye, 3 times", ""),
    ],
)
def test_comments_are_masked_as_calls_are(text: str, hidden: str) -> None:
    shown = masked_text(text, Privacy())  # type: ignore[call-arg]
    assert (hidden not in shown) if hidden else (shown == text)
