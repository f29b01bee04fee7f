"""`callqa rules cases`, and what `rules replay` says of reviewed verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from pipeline.datatypes import Judged
from pipeline.judging.case_writing import written_case
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call, run_cases
from pipeline.reviews.case_proposals import propose_case
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.storage.home import Home
from tests.support.factories import save
from tests.support.people import say, stored
from tests.support.rulebooks import make_book


@pytest.fixture
def book(tmp_path: Path) -> Rulebook:
    return make_book(tmp_path / "book", forbid="said: {by: agent, any: [没办法]}")


@pytest.fixture
def home(tmp_path: Path, book: Rulebook) -> Home:
    """A home with one call, whose verdict somebody overturned and made a case of."""
    home = Home(tmp_path / "home")
    call = replace(call_from_script("坐席 0.0: 没办法答复您。\n客户 4.0: 我电话13912345678。", "zh"), sha256="a" * 64)
    judged = Judged(call, judge_call(call, book))
    save(home, [judged])
    reviews = Reviews(home)
    say(reviews, "li", verdict_keys(stored(judged))["trial"], "pass")
    case = written_case(call, "trial", "pass", book, "reviewed")
    assert propose_case(reviews.file, "li", call.sha256, "zh", "trial", "fail", "pass", case.found, case.yaml) == 1
    return home


def callqa(home: Home, *words: str) -> str:
    result = CliRunner().invoke(app, ["--home", str(home.root), *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_cases_are_listed_appended_to_their_rules_and_then_wait_no_more(home: Home, book: Rulebook) -> None:
    listed = callqa(home, "rules", "cases")
    assert "verdict: pass" in listed
    assert "没办法答复您" in listed
    assert "13912345678" not in listed
    (told,) = json.loads(callqa(home, "rules", "cases", "--json"))
    assert (told["machine"], told["verdict"], told["found"]) == ("fail", "pass", "fail")
    before = len(run_cases(book))
    callqa(home, "rules", "cases", "--append", str(book.folder), "--id", "1")
    results = run_cases(load_rulebook(book.folder))
    assert len(results) == before + 1
    assert [(r.expected, r.found) for r in results if r.note == "reviewed"] == [("pass", "fail")]
    assert json.loads(callqa(home, "rules", "cases", "--json")) == []


def test_cases_are_not_appended_unless_it_is_said_which(home: Home, book: Rulebook) -> None:
    result = CliRunner().invoke(app, ["--home", str(home.root), "rules", "cases", "--append", str(book.folder)])
    assert result.exit_code != 0
    callqa(home, "rules", "cases", "--drop", "--id", "1")
    assert json.loads(callqa(home, "rules", "cases", "--json")) == []


def test_a_replay_lists_overturned_verdicts_and_what_a_draft_makes_of_them(
    home: Home, book: Rulebook, tmp_path: Path
) -> None:
    draft = make_book(tmp_path / "draft", forbid="said: {by: agent, any: [没办法], unless: [没办法答复]}")
    told = json.loads(callqa(home, "rules", "replay", str(draft.folder), "--json"))["reviews"]
    assert told["rules"] == [{"rule_id": "trial", "overturned": 1, "mended": 1, "confirmed": 0, "broken": 0}]
    (overturned,) = told["overturned"]
    assert (overturned["machine"], overturned["right"], overturned["draft"]) == ("fail", "pass", "pass")
    same = json.loads(callqa(home, "rules", "replay", str(book.folder), "--json"))["reviews"]
    assert same["rules"][0]["mended"] == 0
    assert "✗" in callqa(home, "rules", "replay", str(book.folder))
