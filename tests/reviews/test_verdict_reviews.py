"""Answers to verdicts: everybody's stay, one counts, none counts for a verdict that is another by now."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.datatypes import Evidence
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.verdict_reviews import ReviewedVerdict, reviewed_verdicts, reviews_of
from pipeline.storage.home import Home, JudgedFile
from pipeline.timeline import Span
from tests.support.factories import make_judged
from tests.support.people import say, stored

CALL = make_judged()
RULE = "forbidden-phrases"


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    return Reviews(Home(tmp_path))


def reviewed(reviews: Reviews, file: JudgedFile) -> ReviewedVerdict:
    with reviews.file.reading() as rows:
        return reviewed_verdicts(verdict_keys(file), reviews_of(rows, file.judged.call.sha256))[RULE]


def test_the_last_answer_of_the_most_authority_counts_and_all_stay(reviews: Reviews) -> None:
    file = stored(CALL)
    key = verdict_keys(file)[RULE]
    say(reviews, "li", key, "pass")
    say(reviews, "wang", key)
    assert reviewed(reviews, file).outcome == "fail"
    say(reviews, "chen", key, "not_applicable", authority=2)
    say(reviews, "li", key, "unsure", token="again")
    found = reviewed(reviews, file)
    assert found.outcome == "not_applicable"
    assert {each.account: each.outcome for each in found.own} == {
        "li": "unsure", "wang": "fail", "chen": "not_applicable",
    }  # fmt: skip
    with reviews.file.reading() as rows:
        assert [each.outcome for each in reviews_of(rows, key.sha256)] == ["pass", "fail", "not_applicable", "unsure"]


def test_a_form_that_is_sent_twice_is_one_answer(reviews: Reviews) -> None:
    key = verdict_keys(stored(CALL))[RULE]
    for right in ("pass", "pass", None, "pass"):
        say(reviews, "li", key, right, token="one form")
    say(reviews, "wang", key, "pass", token="one form")
    with reviews.file.reading() as rows:
        assert [(each.account, each.outcome) for each in reviews_of(rows, key.sha256)] == [
            ("li", "pass"), ("li", "fail"), ("wang", "pass"),
        ]  # fmt: skip


@pytest.mark.parametrize("change", ["rule", "hearing", "outcome", "evidence"])
def test_an_answer_to_an_earlier_verdict_counts_for_nothing(reviews: Reviews, change: str) -> None:
    file = stored(CALL)
    card = CALL.scorecard
    assert card
    assert file.hearing
    say(reviews, "li", verdict_keys(file)[RULE], "pass")
    verdict = card.verdicts[1]
    match change:
        case "rule":
            verdict = replace(verdict, rule_hash="0" * 16)
        case "hearing":
            file = replace(file, hearing=replace(file.hearing, fingerprint="e" * 64))
        case "outcome":
            verdict = replace(verdict, outcome="unsure")
        case _:
            verdict = replace(verdict, evidence=(Evidence(5, Span(1.0, 2.0), "没办法", ""),))
    later = replace(file, judged=replace(CALL, scorecard=replace(card, verdicts=(card.verdicts[0], verdict))))
    found = reviewed(reviews, later)
    assert (found.counts, found.own) == (None, ())
    assert [each.outcome for each in found.earlier] == ["pass"]


def test_nothing_that_was_said_can_be_changed(reviews: Reviews) -> None:
    key = verdict_keys(stored(CALL))[RULE]
    say(reviews, "li", key, "pass")
    with pytest.raises(sqlite3.IntegrityError, match="never changed"), reviews.file.writing() as rows:
        rows.execute("UPDATE verdict_reviews SET answer = 'right', right_outcome = NULL")


def test_of_a_forgotten_call_no_byte_stays(reviews: Reviews) -> None:
    kept, gone, worn = (verdict_keys(stored(make_judged(name)))[RULE] for name in ("kept", "gone", "worn"))
    for key in (kept, gone, worn):
        for number in range(40):
            say(reviews, "li", key, "pass", comment=f"canary {key.sha256[:6]} {number} " + "words " * 60)
    with reviews.file.reading() as rows:
        assert len(reviews_of(rows, gone.sha256)) == 40
    reviews.forget([gone.sha256], [worn.sha256])
    assert reviews.said_of([kept.sha256, gone.sha256, worn.sha256]) == {kept.sha256, worn.sha256}
    held = b"".join(path.read_bytes() for path in reviews.home.root.iterdir())
    assert gone.sha256.encode() not in held
    assert f"canary {gone.sha256[:6]}".encode() not in held
    assert worn.sha256.encode() in held
    assert f"canary {worn.sha256[:6]}".encode() not in held
    assert held.count(f"canary {kept.sha256[:6]}".encode()) >= 40
