"""Excerpts that people chose: masked in words and sound, cut from the recording, within who may see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from desk.calls.sound_making import NoSound
from desk.context import Desk, make_desk
from desk.excerpts.agents_named import agent_named
from desk.excerpts.chosen import ChosenExcerpt, suggested_spans
from desk.excerpts.cutting import cut_excerpt, excerpt_sound
from desk.excerpts.presenting import ListedExcerpt
from desk.excerpts.seen import SeenCall, seen_in_scope, seen_through
from desk.excerpts.taking_along import html_file
from desk.rights import User
from desk.routing import NotThere, Visit
from pipeline.datatypes import CDR, RATE_HZ, Judged
from pipeline.hearing.decode import decode
from pipeline.privacy.masking import call_as_shown
from pipeline.results.store import build_database
from pipeline.storage import sealing
from pipeline.storage.call_files import call_files
from pipeline.storage.home import Home
from tests.support.desks import settings_of
from tests.support.factories import NIGHT, hit_on, make_judged, make_turns, make_verdict, recorded, save

pytestmark = pytest.mark.xdist_group("desk")

LINES = (
    ("agent", "Thank you for calling, this is Ann, how can I help you?"),
    ("customer", "My phone number is 5 5 5 0 1 4 2 8 8 6 and it leaks."),
    ("agent", "I can't do anything about that."),
    ("customer", "<script>alert(1)</script> {{ 7 * 7 }}"),
)


class _Request:
    def __init__(self) -> None:
        self.query_params = {"numbers": "shown"}
        self.cookies: dict[str, str] = {}
        self.headers = {"accept-language": "en"}
        self.url = type("Url", (), {"path": "/"})


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Judged]:
    folder = tmp_path_factory.mktemp("excerpts")
    home, turns = Home(folder / "home"), make_turns(LINES)  # type: ignore[arg-type]
    verdicts = (make_verdict("forbidden-phrases", "fail", (replace(hit_on(turns[2]), matched="can't do anything"),)),)
    cdr = CDR("C1", NIGHT, "1004", "Ann Lee", "EN")
    judged = recorded(
        make_judged("C1", language="en", turns=turns, verdicts=verdicts, cdr=cdr), folder / "inbox" / "C1.wav"
    )
    save(home, [judged], str(folder / "inbox"))
    settings = settings_of(home.root)
    build_database(home, settings)
    return make_desk(settings, dict), judged


def visit(desk: Desk, user: User) -> Visit:
    request: Any = _Request()
    return Visit(request, desk, user)


COACH = User("kim", "coach", teams=("EN",))
ADMINISTRATOR = User("boss", "administrator")


def test_numbers_and_names_are_hidden_and_silent_even_for_who_may_see_them(one: tuple[Desk, Judged]) -> None:
    desk, judged = one
    turns = judged.call.turns
    chosen = ChosenExcerpt(judged.call.sha256, "forbidden-phrases", 0.0, turns[2].span.end_s)
    asks = visit(desk, ADMINISTRATOR)
    seen = seen_in_scope(asks, chosen.sha256)
    cut = cut_excerpt(asks, seen, chosen, {"forbidden-phrases": "Forbidden phrases"})
    assert [line.role for line in cut.lines] == ["agent", "customer", "agent"]
    assert "Ann" not in cut.lines[0].text
    assert not any(character.isdigit() for character in cut.lines[1].text)
    assert [part for part, marked in cut.lines[2].parts if marked] == ["can't do anything"]
    assert (cut.title, cut.outcome) == ("Forbidden phrases", "fail")
    played = _played(desk, seen, chosen)
    digits = [word.span for word in turns[1].words if word.text.strip().isdigit()]
    said = slice(round(digits[0].start_s * RATE_HZ), round(digits[-1].end_s * RATE_HZ))
    assert np.abs(played[:, said]).max() < 0.02
    assert np.abs(played[:, round(turns[2].span.start_s * RATE_HZ) :][:, : RATE_HZ // 2]).max() > 0.2


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("您好，安心家政，零零八号为您服务。", "您好，安心家政，***号为您服务。"),
        ("您好，客服二三三六，请问什么事？", "您好，客服****，请问什么事？"),
        ("你好，我姓林，请问有什么可以帮您？", "你好，我姓*，请问有什么可以帮您？"),
        ("我叫林小悦，工号2336。", "我叫***，工号****。"),
        ("Thank you for calling, this is Mira Hale.", "Thank you for calling, this is **** ****."),
        ("八月二十三号上午十点师傅上门。", "八月二十三号上午十点师傅上门。"),
    ],
)
def test_agents_are_not_named_however_they_say_who_they_are(said: str, shown: str) -> None:
    cdr = CDR("C1", NIGHT, "2336", "林悦", "一组")
    call = make_judged("C1", turns=make_turns([("agent", said)]), verdicts=(), cdr=cdr).call
    assert call_as_shown(call, list(agent_named(call))).turns[0].text == shown


def test_a_caller_is_not_named_by_what_they_call_themselves() -> None:
    call = make_judged("C1", turns=make_turns([("customer", "你好，我姓王，想取消预约。")]), verdicts=()).call
    assert call_as_shown(call, list(agent_named(call))).turns[0].text == "你好，我姓*，想取消预约。"


def test_a_part_of_a_turn_says_that_it_goes_on_and_is_as_long_as_was_asked(one: tuple[Desk, Judged]) -> None:
    desk, judged = one
    words = judged.call.turns[0].words
    chosen = ChosenExcerpt(judged.call.sha256, "", words[2].span.start_s, words[6].span.end_s)
    asks = visit(desk, COACH)
    seen = seen_in_scope(asks, chosen.sha256)
    (line,) = cut_excerpt(asks, seen, chosen, {}).lines
    assert line.text.startswith("…")
    assert line.text.endswith("…")
    assert line.words.split()[0] == "0:1"
    length_s = chosen.end_s - chosen.start_s
    assert _played(desk, seen, chosen).shape[1] / RATE_HZ == pytest.approx(length_s, abs=0.15)


def test_what_a_caller_says_stays_text_in_a_file_taken_along(one: tuple[Desk, Judged]) -> None:
    desk, judged = one
    asks = visit(desk, COACH)
    seen = seen_in_scope(asks, judged.call.sha256)
    chosen = ChosenExcerpt(judged.call.sha256, "", judged.call.turns[3].span.start_s, judged.call.turns[3].span.end_s)
    page = html_file(asks, "Excerpts", [ListedExcerpt(seen, chosen, note="Ann, call 5550142886")])
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }}" in page
    assert page.count("<script>") == 1
    assert "Ann" not in page, "notes stay in the desk"


def test_an_encrypted_home_keeps_no_excerpt_in_clear(one: tuple[Desk, Judged], monkeypatch: pytest.MonkeyPatch) -> None:
    desk, judged = one
    monkeypatch.setenv("CALLQA_KEY", "ab" * 32)
    monkeypatch.setenv(sealing._VARIABLE, "")
    sealing.seal_by(desk.settings.privacy.model_copy(update={"encrypt": True}))
    asks = visit(desk, COACH)
    seen, chosen = seen_in_scope(asks, judged.call.sha256), ChosenExcerpt(judged.call.sha256, "", 2.0, 4.5)
    plain = excerpt_sound(asks, seen, chosen)
    (kept,) = [
        file.path for file in call_files(desk.home, [chosen.sha256], ("sound",)) if "2.000-4.5" in file.path.name
    ]
    assert sealing.is_sealed(kept.read_bytes())
    assert excerpt_sound(asks, seen, chosen) == plain
    assert plain[0] == 0xFF


def test_the_desk_proposes_what_the_verdict_rests_on_and_a_little_around(one: tuple[Desk, Judged]) -> None:
    desk, judged = one
    seen = seen_in_scope(visit(desk, COACH), judged.call.sha256)
    (span,) = suggested_spans(seen, "forbidden-phrases", {}, desk.settings)
    place = judged.call.turns[2].span
    assert span.start_s == pytest.approx(place.start_s - desk.settings.excerpts.margin_s, abs=0.01)
    assert suggested_spans(seen, "no-such-rule", {}, desk.settings) == ()


def test_whoever_may_not_see_the_call_gets_nothing_but_through_what_they_may_see(one: tuple[Desk, Judged]) -> None:
    desk, judged = one
    stranger = visit(desk, User("li", "coach", teams=("一组",)))
    with pytest.raises(NotThere):
        seen_in_scope(stranger, judged.call.sha256)
    with pytest.raises(NotThere):
        seen_through(stranger, "0" * 64)
    assert seen_through(stranger, judged.call.sha256).call.sha256 == judged.call.sha256


def test_what_is_cut_is_kept_with_the_call_and_cut_again_when_it_is_gone(one: tuple[Desk, Judged]) -> None:
    desk, judged = one
    asks = visit(desk, COACH)
    seen = seen_in_scope(asks, judged.call.sha256)
    chosen = ChosenExcerpt(judged.call.sha256, "", 1.0, 3.0)
    first = excerpt_sound(asks, seen, chosen)
    kept = [file.path for file in call_files(desk.home, [chosen.sha256], ("sound",)) if "1.000-3.000" in file.path.name]
    assert [path.read_bytes() for path in kept] == [first]
    kept[0].write_bytes(b"other")
    assert excerpt_sound(asks, seen, chosen) == b"other", "it is not cut twice"
    kept[0].unlink()
    assert excerpt_sound(asks, seen, chosen) == first
    assert seen.source.record is not None
    lost = replace(seen.source.record, paths=("/nowhere/C1.wav",))
    with pytest.raises(NoSound, match="no longer where"):
        excerpt_sound(asks, replace(seen, source=replace(seen.source, record=lost)), replace(chosen, end_s=4.0))


def _played(desk: Desk, seen: SeenCall, chosen: ChosenExcerpt) -> np.ndarray[Any, np.dtype[np.float32]]:
    file = Path(desk.home.root) / "played.mp3"
    file.write_bytes(excerpt_sound(visit(desk, COACH), seen, chosen))
    return decode(file, desk.settings.decode).samples
