"""Coaching sessions: what happens to them, in any order and twice, and what is left when calls are forgotten."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.erasing import erase
from pipeline.results.store import build_database, open_database, records
from pipeline.reviews.coaching import (
    CoachingPlan,
    CoachingSession,
    acknowledge_coaching,
    all_coaching,
    call_coaching_off,
    change_coaching,
    coaching_of,
    coaching_with,
    hold_coaching,
    plan_coaching,
    plan_coaching_again,
)
from pipeline.reviews.coaching_excerpts import (
    CoachingExcerpt,
    change_excerpt,
    choose_excerpt,
    excerpts_of,
    move_excerpt,
    take_excerpt_out,
)
from pipeline.reviews.events import BadStep
from pipeline.reviews.store import Reviews
from pipeline.reviews.voice_leave import give_voice_leave, voice_may_be_heard
from pipeline.storage.backup import take_backup
from pipeline.storage.erasure import Erasure
from pipeline.storage.home import Home
from pipeline.timeline import Span
from tests.support.desks import settings_of
from tests.support.factories import make_judged, save, sha_of

DAY = date(2026, 7, 1)
PLAN = CoachingPlan("zhou", ("closing", "greeting"), DAY, "say goodbye\n\nwait", "well done so far", "is often late")
CALL, OTHER = sha_of("call"), sha_of("other")


def excerpt(sha256: str = CALL, start_s: float = 1.0, note: str = "") -> CoachingExcerpt:
    return CoachingExcerpt(sha256, "closing", "own", "1001", Span(start_s, start_s + 4.0), comment=note)


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    return Reviews(Home(tmp_path / "home"))


def there(rows: sqlite3.Connection, ref: str) -> CoachingSession:
    session = coaching_of(rows, ref)
    assert session is not None
    return session


def test_a_session_goes_from_its_plan_to_the_agents_word_and_every_form_counts_once(reviews: Reviews) -> None:
    with reviews.file.writing() as rows:
        ref = plan_coaching(rows, "zhou", "t1", "1001", PLAN)
        assert plan_coaching(rows, "zhou", "t1", "1001", PLAN) == ref
        assert len(all_coaching(rows)) == 1
        session = there(rows, ref)
        assert (session.state, session.plan, session.held_on) == ("planned", PLAN, None)
        assert session.plan.to_practise == ["say goodbye", "wait"]
        changed = CoachingPlan("zhou", ("closing",), DAY, "say goodbye", "", "is often late")
        assert [change_coaching(rows, "zhou", "t2", ref, changed) for _ in range(2)] == [True, False]
        assert there(rows, ref).plan == changed
        with pytest.raises(BadStep, match="no such coaching session"):
            acknowledge_coaching(rows, "mei", "t3", ref, "1001")
        assert [hold_coaching(rows, "zhou", "t4", ref, DAY) for _ in range(2)] == [True, False]
        assert hold_coaching(rows, "zhou", "another window", ref, DAY) is False
        with pytest.raises(BadStep, match="no such coaching session"):
            acknowledge_coaching(rows, "wu", "t5", ref, "1002")
        assert [acknowledge_coaching(rows, "mei", token, ref, "1001", "thanks") for token in ("t6", "t6", "t7")] == [
            True, False, False,
        ]  # fmt: skip
        session = there(rows, ref)
        assert (session.state, session.held_on, session.rules) == ("acknowledged", DAY, ("closing",))
        assert session.acknowledged is not None
        assert session.acknowledged.comment == "thanks"
        assert coaching_with(rows, "1001") == [session]
        assert coaching_with(rows, "1002") == []


def test_what_was_acknowledged_stays_but_for_the_notes_of_staff(reviews: Reviews) -> None:
    with reviews.file.writing() as rows:
        ref = plan_coaching(rows, "zhou", "t1", "1001", PLAN)
        choose_excerpt(rows, "zhou", "t2", ref, excerpt())
        hold_coaching(rows, "zhou", "t3", ref, DAY)
        acknowledge_coaching(rows, "mei", "t4", ref, "1001")
        noted = CoachingPlan("zhou", PLAN.rules, DAY, PLAN.practise, PLAN.for_agent, "better since")
        assert change_coaching(rows, "zhou", "t5", ref, noted)
        with pytest.raises(BadStep, match="only the notes"):
            change_coaching(rows, "zhou", "t6", ref, CoachingPlan("zhou", ("greeting",), DAY))
        with pytest.raises(BadStep, match="stay as they are"):
            choose_excerpt(rows, "zhou", "t7", ref, excerpt(OTHER))
        for step in (call_coaching_off, plan_coaching_again):
            with pytest.raises(BadStep, match="it was held"):
                step(rows, "zhou", "t8", ref)


def test_a_session_can_be_called_off_and_planned_again(reviews: Reviews) -> None:
    with reviews.file.writing() as rows:
        ref = plan_coaching(rows, "zhou", "t1", "1001", PLAN)
        hold_coaching(rows, "zhou", "t2", ref, DAY)
        assert call_coaching_off(rows, "zhou", "t3", ref, "the wrong agent")
        assert there(rows, ref).held is None
        with pytest.raises(BadStep, match="plan it again"):
            hold_coaching(rows, "zhou", "t4", ref, DAY)
        assert plan_coaching_again(rows, "zhou", "t5", ref)
        assert hold_coaching(rows, "zhou", "t6", ref, date(2026, 7, 9))
        assert there(rows, ref).held_on == date(2026, 7, 9)


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (CoachingPlan("zhou", ()), "at least one rule"),
        (CoachingPlan("zhou", ("closing",), private="x" * 4001), "at most"),
    ],
)
def test_a_plan_that_says_too_little_or_too_much_is_refused(reviews: Reviews, plan: CoachingPlan, why: str) -> None:
    with reviews.file.writing() as rows, pytest.raises(BadStep, match=why):
        plan_coaching(rows, "zhou", "t", "1001", plan)


def test_nothing_is_sent_to_an_agent_without_something_to_practise(reviews: Reviews) -> None:
    with reviews.file.writing() as rows:
        ref = plan_coaching(rows, "zhou", "t1", "1001", CoachingPlan("zhou", ("closing",)))
        with pytest.raises(BadStep, match="practised"):
            hold_coaching(rows, "zhou", "t2", ref, DAY)


def test_excerpts_are_put_in_changed_moved_and_taken_out(reviews: Reviews) -> None:
    with reviews.file.writing() as rows:
        ref = plan_coaching(rows, "zhou", "t", "1001", PLAN)
        number = there(rows, ref).id
        for start_s in (1.0, 10.0, 20.0):
            assert choose_excerpt(rows, "zhou", f"t{start_s}", ref, excerpt(start_s=start_s))
        assert not choose_excerpt(rows, "zhou", "t1.0", ref, excerpt(start_s=1.0))
        assert not choose_excerpt(rows, "zhou", "another form", ref, excerpt(start_s=1.0))
        first, second, third = excerpts_of(rows, number)
        assert [move_excerpt(rows, "zhou", "m1", ref, third.ref, later=False) for _ in range(2)] == [True, False]
        assert [each.ref for each in excerpts_of(rows, number)] == [first.ref, third.ref, second.ref]
        assert not move_excerpt(rows, "zhou", "m2", ref, first.ref, later=False)
        assert change_excerpt(rows, "zhou", "c1", ref, second.ref, Span(9.5, 15.0), False, " listen ")
        assert not change_excerpt(rows, "zhou", "c1", ref, second.ref, Span(9.5, 15.0), False, "listen")
        last = excerpts_of(rows, number)[-1]
        assert (last.span, last.sound, last.comment) == (Span(9.5, 15.0), False, "listen")
        assert change_excerpt(rows, "zhou", "c3", ref, second.ref, Span(8.232, 308.232), False, "")
        for span in (Span(5.0, 5.0), Span(-1.0, 3.0), Span(0.0, 400.0)):
            with pytest.raises(BadStep, match="no longer than"):
                change_excerpt(rows, "zhou", "c2", ref, second.ref, span, True, "")
        assert [take_excerpt_out(rows, "zhou", "o1", ref, first.ref) for _ in range(2)] == [True, False]
        assert [each.ref for each in excerpts_of(rows, number)] == [third.ref, second.ref]
        with pytest.raises(BadStep, match="not in the session"):
            move_excerpt(rows, "zhou", "m3", ref, first.ref, later=True)


def test_a_voice_is_heard_by_colleagues_only_while_its_agent_gives_leave(reviews: Reviews) -> None:
    with reviews.file.writing() as rows:
        heard = []
        for given in (True, True, False, True):
            heard.append(voice_may_be_heard(rows, "1001"))
            give_voice_leave(rows, "mei", f"t{len(heard)}", "1001", given)
        assert [*heard, voice_may_be_heard(rows, "1001")] == [False, True, True, False, True]
        assert rows.execute("SELECT count(*) FROM voice_leave").fetchone()[0] == 3
        assert not voice_may_be_heard(rows, "1002")
        assert not voice_may_be_heard(rows, None)
        with pytest.raises(BadStep, match="no agent's number"):
            give_voice_leave(rows, "mei", "t", None, True)


def test_a_forgotten_call_takes_its_excerpts_and_what_may_quote_it_out_of_home_and_backup(
    tmp_path: Path, reviews: Reviews
) -> None:
    plan = CoachingPlan("zhou", ("closing",), None, "canary one", "canary two", "canary three")
    with reviews.file.writing() as rows:
        refs = [plan_coaching(rows, "zhou", f"t{number}", "1001", plan) for number in range(3)]
        choose_excerpt(rows, "zhou", "e0", refs[0], excerpt(CALL, note="canary four"))
        choose_excerpt(rows, "zhou", "e1", refs[1], excerpt(OTHER, note="canary five"))
        hold_coaching(rows, "zhou", "h", refs[0], DAY)
        acknowledge_coaching(rows, "mei", "a", refs[0], "1001", "canary six")
    home, settings = Home(tmp_path / "home"), settings_of(tmp_path / "home")
    assert erase(settings, Erasure(calls=(CALL,))) == []
    with reviews.file.reading() as rows:
        forgotten, kept, without = (there(rows, ref) for ref in refs)
        assert (forgotten.plan.practise, forgotten.plan.private, forgotten.state) == ("", "", "acknowledged")
        assert (forgotten.rules, forgotten.held_on) == (("closing",), DAY)
        assert excerpts_of(rows, forgotten.id) == []
        assert kept.plan == without.plan == plan
        assert [each.comment for each in excerpts_of(rows, kept.id)] == ["canary five"]
    assert reviews.said_of([CALL, OTHER]) == {OTHER}
    assert erase(settings, Erasure(words=(OTHER,))) == []
    with reviews.file.reading() as rows:
        assert [each.comment for each in excerpts_of(rows, kept.id)] == [""]
        assert there(rows, refs[2]).plan == plan
    take_backup(home, tmp_path / "backup")
    for folder in (home.root, tmp_path / "backup"):
        held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert CALL.encode() not in held
        assert b"canary one" in held
        assert not any(f"canary {which}".encode() in held for which in ("four", "five", "six"))


def test_sessions_and_excerpts_are_tables_without_the_notes_for_staff(tmp_path: Path) -> None:
    home, settings = Home(tmp_path), settings_of(tmp_path)
    save(home, [make_judged("call")])
    with Reviews(home).file.writing() as rows:
        plan = CoachingPlan("zhou", ("closing", "greeting"), DAY, "回拨 13800138000", "", "canary")
        ref = plan_coaching(rows, "zhou", "t1", "1001", plan)
        choose_excerpt(rows, "zhou", "t2", ref, excerpt())
        hold_coaching(rows, "zhou", "t3", ref, DAY)
    build_database(home, settings)
    with open_database(home.database, "Asia/Shanghai") as connection:
        (session,) = records(connection, "SELECT * FROM coaching_sessions")
        (found,) = records(connection, "SELECT * FROM coaching_excerpts JOIN calls USING (sha256)")
    seen: dict[str, Any] = {name: session[name] for name in ("ref", "agent_id", "rules", "state", "held_on")}
    assert seen == {
        "ref": ref, "agent_id": "1001", "rules": ["closing", "greeting"], "state": "held", "held_on": DAY,
    }  # fmt: skip
    assert "13800138000" not in session["practise"]
    assert "canary" not in str(session)
    assert (found["place"], found["rule_id"], found["start_s"], found["end_s"]) == (1, "closing", 1.0, 5.0)


def test_a_form_that_is_sent_again_with_something_else_in_it_is_refused(reviews: Reviews) -> None:
    """The browser's way back, then another agent or other words: neither is lost in the first session."""
    with reviews.file.writing() as rows:
        ref = plan_coaching(rows, "zhou", "t1", "1001", PLAN)
        changed = replace(PLAN, practise="something else", private="")
        for agent_id, plan in (("1002", PLAN), ("1001", changed), ("1001", replace(PLAN, rules=("apology",)))):
            with pytest.raises(BadStep, match="planned a session already"):
                plan_coaching(rows, "zhou", "t1", agent_id, plan)
        # the very form is the same session, whatever became of that
        change_coaching(rows, "zhou", "t2", ref, changed)
        assert plan_coaching(rows, "zhou", "t1", "1001", PLAN) == ref
        assert len(all_coaching(rows)) == 1
