"""Who speaks is corrected on a call's page: judged again at once, both results, undone; nights and replays know it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from desk.context import Desk
from flows.night import Night
from pipeline.datatypes import CDR, Word
from pipeline.judging.replay import replay
from pipeline.results.store import build_database
from pipeline.reviews.carried_over import standing_corrections
from pipeline.reviews.corrections import corrections_of
from pipeline.storage.audit import audit_entries
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock
from pipeline.timeline import Span
from tests.support.corrected_homes import (
    book,
    corrects,
    desk_on,
    heard_anew,
    judge_all,
    judged,
    night_on,
    outcomes,
    put_in,
    sample,
    undoes,
)
from tests.support.desks import ORIGIN, signed_in
from tests.support.nights import rows
from tests.support.talk import Line, heard_call

pytestmark = pytest.mark.xdist_group("corrections")

SHA = sample().sha256


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose call is judged, to be copied: the sample, and one in which a number is said."""
    home = Home(tmp_path_factory.mktemp("corrected") / "home")
    put_in(home, sample())
    judge_all(home)
    return home.root


@pytest.fixture
def desk(fresh: Path, tmp_path: Path) -> Desk:
    shutil.copytree(fresh, tmp_path / "home")
    return desk_on(Home(tmp_path / "home"))


def test_swapped_roles_change_verdicts_at_once_and_are_undone_by_another(desk: Desk) -> None:
    home, wang, li = desk.home, signed_in(desk, "reviewer", "wang"), signed_in(desk, "supervisor", "li", ("数码一组",))
    artefact, before = home.transcript(SHA, sample().fingerprint), judged(home, SHA)
    as_heard = artefact.read_bytes()
    answer = corrects(wang, desk, SHA, "swap")
    assert answer.status_code == 303
    after = judged(home, SHA)
    assert artefact.read_bytes() == as_heard
    assert after.judged.call.roles.by_speaker != before.judged.call.roles.by_speaker
    changed = {rule for rule, outcome in outcomes(after).items() if outcomes(before)[rule] != outcome}
    assert "greeting" in changed
    assert after.corrected is not None
    assert after.corrected.uncorrected is not None
    assert after.corrected.uncorrected.outcomes == outcomes(before)
    page = wang.get(answer.headers["location"].split("#")[0]).text
    assert f"{len(changed)} verdicts changed" in page
    assert "What the corrections change" in page
    assert ">wang · " in page
    assert undoes(li, desk, SHA).status_code == 303
    again = judged(home, SHA)
    assert again.judged == before.judged
    assert again.corrected is None
    assert "undone by li" in wang.get(answer.headers["location"].split("#")[0]).text
    what = [entry.details["what"] for entry in audit_entries(home) if entry.action == "correct"]
    assert what == ["swap", "undo"]


def test_a_turn_is_given_and_taken_back_and_what_is_no_speech_leaves_the_rules(desk: Desk) -> None:
    home, wang = desk.home, signed_in(desk, "reviewer", "wang")
    before = judged(home, SHA).judged
    first = before.call.turns[0]
    corrects(wang, desk, SHA, "customer", 0)
    now = judged(home, SHA).judged.call
    assert now.role(now.turns[0]) == "customer"
    assert now.facts.agent_talk_s < before.call.facts.agent_talk_s
    corrects(wang, desk, SHA, "not-speech", 0)
    now = judged(home, SHA).judged.call
    assert first.words[0] not in {word for turn in now.turns for word in turn.words}
    page = wang.get(f"/calls/{desk.call_ids.of(SHA)}?corrected=1").text
    assert f"<q>{first.text[:2]}" in page, "what was taken out is shown where it can be undone"
    while corrections_of(desk.reviews, SHA).in_force:
        undoes(wang, desk, SHA)
    assert judged(home, SHA).judged == before


def test_who_corrects_has_seen_what_others_did(desk: Desk) -> None:
    wang, li = signed_in(desk, "reviewer", "wang"), signed_in(desk, "reviewer", "li")
    at = f"/calls/{desk.call_ids.of(SHA)}"
    form = {"do": "swap", "seen": "0", "heard": sample().fingerprint[:16]}
    assert wang.post(f"{at}/corrections", data=form, headers=ORIGIN).status_code == 303
    assert wang.post(f"{at}/corrections", data=form, headers=ORIGIN).status_code == 303, "sent twice"
    late = li.post(f"{at}/corrections", data=form, headers=ORIGIN)
    assert late.status_code == 409
    assert "meanwhile" in late.text
    assert len(corrections_of(desk.reviews, SHA).acts) == 1
    for wrong in ({"turn": "99", "do": "agent"}, {"turn": "-1", "do": "agent"}, {"do": "nonsense"}, {"seen": "x"}):
        assert wang.post(f"{at}/corrections", data=form | {"seen": "1"} | wrong, headers=ORIGIN).status_code == 404


def test_while_a_run_is_at_work_the_page_shows_it_and_the_next_night_keeps_it(desk: Desk) -> None:
    home, wang = desk.home, signed_in(desk, "reviewer", "wang")
    before = judged(home, SHA)
    with run_lock(home):
        corrects(wang, desk, SHA, "swap")
        assert judged(home, SHA) == before
        page = wang.get(f"/calls/{desk.call_ids.of(SHA)}?corrected=1").text
        assert "A run is at work" in page
        assert "verdicts changed" in page
        assert [call.is_judged for call in standing_corrections(desk.reviews)] == [False]
    # a night on an empty inbox
    night = night_on(home)
    night.plan_judging()
    night.judge(0)
    assert judged(home, SHA).corrected is not None
    night.plan_judging()
    assert night.to_judge == [], "the key tells by what it was judged"
    assert "A run is at work" not in wang.get(f"/calls/{desk.call_ids.of(SHA)}").text


def test_a_night_judges_once_more_what_the_desk_judged_and_rebuild_and_replay_see_it(desk: Desk) -> None:
    home, wang = desk.home, signed_in(desk, "reviewer", "wang")
    score = judged(home, SHA).judged.scorecard
    corrects(wang, desk, SHA, "swap")
    at_once = judged(home, SHA)
    judge_all(home)
    by_night = judged(home, SHA)
    assert by_night.judged == at_once.judged
    assert by_night.key != at_once.key
    build_database(home, desk.settings)
    card = by_night.judged.scorecard
    assert card is not None
    assert score is not None
    assert rows(home.database, "SELECT score, roles_method FROM calls") == [(card.score, "corrected")]
    said = rows(home.database, "SELECT act, account, said, start_s, in_force FROM corrections")
    assert said == [(1, "wang", "voices", None, True)]
    for few in (300, 0):
        replayed = replay(home, book(), processes=1, few=few)
        (mean,) = replayed.agents.values()
        assert (mean.before, mean.after, replayed.flipped) == (card.score, card.score, 0)
    undoes(wang, desk, SHA)
    (mean,) = replay(home, book(), processes=1, few=0).agents.values()
    assert mean.after == score.score


def test_in_a_new_hearing_it_is_carried_over_or_listed(desk: Desk) -> None:
    home, wang = desk.home, signed_in(desk, "reviewer", "wang")
    heard = sample()
    shown = judged(home, SHA).judged.call
    corrects(wang, desk, SHA, "customer", 0)
    later = tuple(replace(s, words=tuple(_later(word, 0.1) for word in s.words)) for s in heard.segments)
    heard_anew(home, replace(heard, segments=later), "b" * 64)
    judge_all(home, "b" * 64)
    file = judged(home, SHA)
    assert file.hearing is not None
    assert file.hearing.fingerprint == "b" * 64
    assert file.corrected is not None
    assert file.corrected.left_out == ()
    assert file.judged.call.role(file.judged.call.turns[0]) == "customer"
    without = replace(heard, segments=tuple(s for s in heard.segments if s.span.start_s >= shown.turns[0].span.end_s))
    heard_anew(home, without, "c" * 64)
    night = judge_all(home, "c" * 64)
    assert any("not carried over in 1 calls" in str(warning) for warning in night.tally.warnings)
    page = wang.get("/corrections").text
    assert "nothing is heard there now" in page
    assert "nothing is heard there now" in wang.get(f"/calls/{desk.call_ids.of(SHA)}").text
    other_team = signed_in(desk, "supervisor", "zhao", ("数码二组",))
    assert "opening-hours" not in other_team.get("/corrections").text
    (listed,) = standing_corrections(desk.reviews)
    assert [left.why for left in listed.left_out] == ["not-heard"]


def _later(word: Word, by_s: float) -> Word:
    return replace(word, span=Span(word.span.start_s + by_s, word.span.end_s + by_s))


def test_a_number_in_what_is_no_speech_stays_hidden_in_text_and_sound(tmp_path: Path) -> None:
    lines: list[Line] = [
        ("ch0", 0.5, 4.0, "您好，请问您的手机号码是多少？"),
        ("ch1", 4.5, 9.0, "一三八零零零零一二三四。"),
        ("ch0", 9.5, 12.0, "好的，感谢来电，再见。"),
    ]
    home, sha256 = Home(tmp_path / "home"), "ab" * 32
    put_in(home, replace(heard_call(lines), sha256=sha256, fingerprint=sample().fingerprint), CDR("masked"))
    judge_all(home)
    before = judged(home, sha256).masks
    assert before is not None
    assert [mask.kind for mask in before.found] == ["phone"]
    desk = desk_on(home)
    wang = signed_in(desk, "reviewer", "wang")
    corrects(wang, desk, sha256, "not-speech", 1)
    file = judged(home, sha256)
    assert len(file.judged.call.turns) == 2
    assert file.masks is not None
    assert [mask.span for mask in file.masks.found] == [mask.span for mask in before.found]
    page = wang.get(f"/calls/{desk.call_ids.of(sha256)}?corrected=1").text
    assert "零零零零" not in page
    assert "<q>*" in page


def test_what_was_forgotten_leaves_no_correction(desk: Desk) -> None:
    wang = signed_in(desk, "reviewer", "wang")
    corrects(wang, desk, SHA, "swap")
    undoes(wang, desk, SHA)
    desk.reviews.forget([SHA])
    assert corrections_of(desk.reviews, SHA).seen == 0


def test_where_nothing_heard_is_kept_nothing_can_be_corrected(desk: Desk) -> None:
    wang = signed_in(desk, "reviewer", "wang")
    desk.home.transcript(SHA, sample().fingerprint).unlink()
    answer = corrects(wang, desk, SHA, "swap")
    assert answer.status_code == 409
    assert "not kept any more" in answer.text
    assert SHA[:16] not in answer.text


def test_machines_of_a_shared_night_are_told_and_open_no_file_of_reviews(desk: Desk, tmp_path: Path) -> None:
    from flows.machines import plan_shards
    from pipeline.reviews import corrections as module

    home, wang = desk.home, signed_in(desk, "reviewer", "wang")
    with run_lock(home):
        corrects(wang, desk, SHA, "swap")
    leader = night_on(home)
    leader.plan_judging()
    (shard,) = plan_shards(leader)
    assert shard.corrections[SHA].voices is not None
    worker: Night = night_on(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_call", None)
        assert worker.judge_one(leader.to_judge[0], shard.corrections[SHA])
    assert judged(home, SHA).corrected is not None
