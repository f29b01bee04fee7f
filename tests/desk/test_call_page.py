"""One call in a real browser: sound, text and verdicts go together, by mouse and by keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from desk.context import Desk
from pipeline.datatypes import Evidence, Verdict
from pipeline.results.store import build_database
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from pipeline.timeline import Span
from tests.support.axe import barriers
from tests.support.browser import Browser, browser, chromium_or_skip
from tests.support.desks import make_desk, served, settings_of, sign_in
from tests.support.factories import SCRIPTS, hit_on, make_judged, make_turns, make_verdict, recorded, save
from tests.support.talk import heard_call

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]

HOSTILE = "<img src=x onerror=alert(1)> <div hx-post=/sign-out hx-trigger=load>{{7*7}}</div>"
AT = "callqa.sound.at()"


def verdicts() -> list[Verdict]:
    turns = make_turns([*SCRIPTS["zh"], ("customer", HOSTILE)])
    marked = Evidence(4, turns[4].words[2].span, "我也没办法", "听到“我也没办法”，匹配“没办法”", turns[4].text)
    return [
        make_verdict("greeting", "pass", (hit_on(turns[0]),)),
        make_verdict("forbidden-phrases", "fail", (marked, hit_on(turns[5])), "服务禁语"),
        make_verdict("closing", "fail", (), "结束语未说"),
        make_verdict("empathy", "unsure", (hit_on(turns[5]),), HOSTILE),
        *(make_verdict(f"many-{n}", "fail", (Evidence(None, Span(30.0, 31.0), "", HOSTILE),)) for n in range(30)),
        make_verdict("name-usage", "not_applicable", (), "不适用：since_agent_s = 20.87"),
    ]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("call")
    home, settings = Home(folder / "home"), settings_of(folder / "home")
    judged = make_judged("one", turns=make_turns([*SCRIPTS["zh"], ("customer", HOSTILE)]), verdicts=verdicts())
    judged = recorded(judged, folder / "inbox" / "one.wav", judged.call.facts.duration_s)
    save(home, [judged], str(folder / "inbox"))
    heard = heard_call([("ch0", 20.0, 24.0, "谢谢观看我的手机是13800138000")], channels=2, gate="phrase")
    artefacts.write(home.transcript(judged.call.sha256, "test"), replace(heard, sha256=judged.call.sha256))
    build_database(home, settings)
    return make_desk(settings, dict)


@pytest.fixture(scope="module")
def page(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The call's page, its sound made."""
    chromium_or_skip()
    with served(desk) as address, browser(tmp_path_factory.mktemp("profile")) as page:
        page.viewport(1280, 800)
        sign_in(page, address, desk, "reviewer")
        page.open(f"{address}/calls")
        page.click("tbody th a")
        page.wait_for("document.querySelector('#player audio')?.src", 30)
        yield page
        assert page.complaints == []
        assert page.dialogs == []
        assert [url for url in page.requests if not url.startswith((address, "data:"))] == []


def test_what_was_no_speech_is_fetched_when_somebody_asks_for_it(page: Browser) -> None:
    page.click(".notspeech summary")
    said = page.wait_for("document.querySelector('.notspeech .gated .spoken')?.textContent")
    assert said == "谢谢观看我的手机是***********"
    page.click(".notspeech summary")


def paused(page: Browser) -> bool:
    return bool(page.run("document.querySelector('#player audio').paused"))


def test_nobody_is_kept_out_and_nothing_that_was_said_is_run(page: Browser) -> None:
    assert barriers(page) == []
    assert HOSTILE in page.run("document.querySelector('#turn-9 .spoken').textContent")
    page.click("#tab-facts")
    assert barriers(page) == []
    page.click("#tab-about")
    assert barriers(page) == []
    page.click("#tab-verdicts")


def test_text_goes_with_the_sound_and_sound_with_the_text(page: Browser) -> None:
    start_s = page.run("Number(document.querySelector('#turn-6').dataset.from)")
    page.click("#turn-6 .at")
    assert page.run(AT) == pytest.approx(start_s, abs=0.05)
    page.press("K")
    page.wait_for("document.querySelector('#turn-6').getAttribute('aria-current') && CSS.highlights.has('word')")
    page.wait_for(f"{AT} > {start_s} + 0.6")
    word = page.run("String([...CSS.highlights.get('word')][0])")
    at_s = page.run(AT)
    page.press("K")
    assert paused(page)
    text = page.run("document.querySelector('#turn-6 .spoken').textContent")
    assert text.index(word) == pytest.approx((at_s - start_s) / 0.25, abs=1.5)  # a word each quarter of a second
    # the middle of the wave is the middle of the call
    page.click(".slider")
    assert page.run(f"{AT} / callqa.sound.duration") == pytest.approx(0.5, abs=0.01)


def test_a_piece_is_played_with_its_margin_and_no_more(page: Browser) -> None:
    page.run("callqa.sound.faster(9)")
    page.click("#forbidden-phrases [data-piece='forbidden-phrases.1'] .play")
    piece = "document.querySelector('[data-piece=\"forbidden-phrases.1\"]').dataset"
    from_s, to_s = float(page.run(f"{piece}.from")), float(page.run(f"{piece}.to"))
    assert from_s - 2.1 <= page.run(AT) <= to_s + 2
    assert page.run("document.querySelector('.finding.at-hand').dataset.piece") == "forbidden-phrases.1"
    page.wait_for("document.querySelector('#player audio').paused", 15)
    assert page.run(AT) == pytest.approx(to_s + 2.0, abs=0.2)
    page.run("callqa.sound.faster(-4)")


def test_keys_work_where_nobody_writes(page: Browser) -> None:
    page.run("callqa.sound.seek(20)")
    page.click("h1")
    page.press("J")
    assert page.run(AT) == pytest.approx(17, abs=0.1)
    page.press("Shift+L")
    assert page.run(AT) == pytest.approx(27, abs=0.1)
    page.press(">")
    assert page.run("document.querySelector('#player audio').playbackRate") > 1
    page.press("<")
    page.press("G")
    page.type("0:12")
    page.press("Enter")
    assert page.run(AT) == pytest.approx(12, abs=0.1)
    page.press("Space")
    page.wait_for("!document.querySelector('#player audio').paused")
    page.press("/")
    page.type("没")
    page.press("Space")
    assert not paused(page), "a blank in a field is a blank"
    assert page.run("document.querySelector('[name=find]').value") == "没 "
    page.press("Escape")
    assert paused(page)
    assert page.run("document.activeElement === document.body")
    assert int(page.run("document.querySelector('.hits').textContent")) >= 2


def test_keys_are_silent_while_an_input_method_composes(page: Browser) -> None:
    page.run("callqa.sound.seek(20), callqa.sound.pause(), window.answers = []")
    page.run("document.addEventListener('callqa:answer', event => answers.push(event.detail)), true")
    page.click("h1")
    for key in "JKAL":
        page.press(key, composing=True)
    assert page.run(AT) == pytest.approx(20, abs=0.05)
    assert paused(page)
    page.click("[name=find]")
    page.compose("mei")
    page.press("A", composing=True)
    page.press("Enter", composing=True)
    assert page.run("answers") == []
    page.type("")
    page.press("Escape")


def test_a_call_is_gone_through_by_keys_alone(page: Browser) -> None:
    page.run("location.hash = '', window.told = [], true")
    page.run(
        "for (const name of ['answer', 'missed', 'send']) document.addEventListener("
        "`callqa:${name}`, event => { event.stopImmediatePropagation();"
        "told.push([name, event.detail.answer || '', event.detail.verdict || '']); }, true)"
    )
    page.run("document.querySelectorAll('.at-hand').forEach(e => e.classList.remove('at-hand')), true")
    page.click("h1")
    went = []
    for key in ("N", "N", "N"):
        page.press(key)
        went.append(page.run("callqa.findings.atHand().dataset.rule"))
    assert len(set(went)) >= 2
    assert page.run("document.activeElement === callqa.findings.atHand()")
    page.press("P")
    page.press("A")
    page.press("ArrowDown")
    page.press("U")
    page.press("M")
    page.press("Control+Enter")
    told = page.run("told")
    assert [each[:2] for each in told] == [["answer", "agree"], ["answer", "unsure"], ["missed", ""], ["send", ""]]
    assert told[0][2] in went


def test_keys_are_for_people_to_choose(page: Browser) -> None:
    page.run("callqa.sound.pause(), callqa.sound.seek(1), true")
    page.click("h1")
    page.press("?")
    page.wait_for("document.querySelector('#keys').open")
    assert barriers(page) == []
    page.click("#keys [data-action=play] .change")
    page.press("J")
    assert "3 seconds back" in page.run("document.querySelector('#keys .problem').textContent")
    page.click("#keys [data-action=play] .change")
    page.press("F8")
    page.press("Escape")
    page.wait_for("!document.querySelector('#keys').open")
    page.press("F8")
    page.wait_for("!document.querySelector('#player audio').paused")
    page.press("F8")
    page.press("K")
    assert paused(page)
    page.run("localStorage.clear()")


def test_a_link_leads_to_a_verdict_or_a_time_and_crowded_findings_share_a_button(page: Browser, desk: Desk) -> None:
    address = page.run("location.origin + location.pathname")
    page.open(f"{address}?t=0:15#name-usage")
    page.wait_for("document.querySelector('#player audio').src")
    assert page.run(AT) == pytest.approx(15, abs=0.05)
    assert page.run("document.querySelector('#name-usage').classList.contains('at-hand')")
    assert page.run("document.querySelector('#name-usage').closest('details').open")
    assert page.run("Math.max(...[...document.querySelectorAll('.several')].map(e => Number(e.textContent)))") >= 30
    page.viewport(390, 844, mobile=True)
    page.emulate(dark=True, reduced_motion=True)
    page.open(address)
    page.wait_for("document.querySelector('#player audio').src")
    assert page.run("document.documentElement.scrollWidth") <= 390
    assert barriers(page) == []
    page.viewport(1280, 800)
    page.emulate()
