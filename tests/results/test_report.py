"""The nightly page: what it says, that it escapes what strangers wrote, and that a browser opens and plays it."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipeline.datatypes import CDR, Judged
from pipeline.errors import BadQuery
from pipeline.results import report_numbers
from pipeline.results.excerpts import cut_excerpts
from pipeline.results.report import write_report
from pipeline.results.store import build_database
from pipeline.settings import Settings, load_settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home
from tests.results.test_store import BOOKS
from tests.support.browser import Browser, browser, chromium_or_skip
from tests.support.factories import (
    NIGHT,
    hit_on,
    make_failure,
    make_judged,
    make_night,
    make_run,
    make_turns,
    make_verdict,
    recorded,
    save,
)

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&"

# one process makes the night and opens the browser
pytestmark = pytest.mark.xdist_group("report")


def publish_night(
    home: Home,
    judged: Sequence[Judged],
    folder: Path,
    settings: Settings,
    sound: bool = True,
    share: Collection[str] = (),
) -> None:
    sources = [folder / f"{number}.wav" for number in range(len(judged))]
    if sound:
        judged = [recorded(item, source) for item, source in zip(judged, sources, strict=True)]
        for item, source in zip(judged, sources, strict=True):
            cut_excerpts(item, [source], home, settings, {"greeting"}, share)
    save(home, judged)
    build_database(home, settings, BOOKS)


def hostile_call() -> Judged:
    turns = make_turns([("agent", HOSTILE), ("customer", "什么？")])
    verdict = make_verdict("forbidden-phrases", "fail", (hit_on(turns[0]),), HOSTILE)
    cdr = CDR(call_id=HOSTILE.replace("/", ""), agent_id=HOSTILE, agent_name=HOSTILE, team=HOSTILE, started_at=NIGHT)
    return make_judged("hostile", turns=turns, verdicts=[verdict], cdr=cdr)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Path]:
    """A night of thirteen calls, one of them hostile, and its page."""
    folder = tmp_path_factory.mktemp("report")
    home, settings = Home(folder / "home"), load_settings()
    failure = make_failure(f"inbox/{HOSTILE.replace('/', '')}.wav")
    artefacts.write(home.failure(failure.key), failure)
    publish_night(home, [*make_night(12), hostile_call()], folder, settings)
    return home, write_report(home, settings, make_run())


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def words(page: Path) -> str:
    """The page's text, without tags."""
    body = re.sub(r"<(script|style).*?</\1>", "", text_of(page), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def test_one_file_named_after_its_night(night: tuple[Home, Path]) -> None:
    home, page = night
    assert page == home.reports / "2025-03-04_0130-2025-03-04T013000-1" / "index.html"
    assert sorted(path.name for path in page.parent.iterdir()) == ["calls.json.zst", "index.html"]
    assert 'src="data:audio/mpeg;base64,' in text_of(page)


def test_figures_calls_and_failures_are_on_the_page(night: tuple[Home, Path]) -> None:
    text = words(night[1])
    assert "夜间质检报告" in text
    assert "2025-03-04 01:30" in text
    assert "平均实现率" in text
    for agent in ("李梅", "王强", "陈静", "Ann Lee"):
        assert agent in text
    assert "指标 closing" in text
    assert "no-samples" in text
    assert "C000003.wav" in text


def test_achievement_as_in_the_database(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    outcomes: Any = ("pass", "pass", "fail", "unsure")
    calls = [make_judged(f"c{i}", verdicts=[make_verdict("closing", o)]) for i, o in enumerate(outcomes)]
    publish_night(tmp_home, calls, tmp_path, settings, sound=False)
    page = write_report(tmp_home, settings, make_run())
    (row,) = re.findall(
        r"<tr><th scope=\"row\"><span class=\"zh\" lang=\"zh\">指标 closing.*?</tr>", text_of(page), re.DOTALL
    )
    assert "66.67%" in row
    assert 'class="rate below"' in row
    # decided, failed, unsure, not applicable
    assert re.findall(r'<td class="num">(\d+)</td>', row) == ["3", "1", "1", "0"]


def test_the_trust_in_an_indicator_stands_beside_its_achievement(
    tmp_home: Home, settings: Settings, tmp_path: Path
) -> None:
    verdict = replace(make_verdict("forbidden-phrases", "pass"), nothing_found=True)
    calls = [make_judged("c", verdicts=[verdict, make_verdict("closing", "pass")])]
    publish_night(tmp_home, calls, tmp_path, settings, sound=False)
    page = text_of(write_report(tmp_home, settings, make_run()))
    rows = {name: re.search(rf"指标 {name}.*?</tr>", page, re.DOTALL) for name in ("forbidden-phrases", "closing")}
    assert all(rows.values())
    found = {name: row[0] for name, row in rows.items() if row}
    assert "70% <small>52%–83%</small>" in found["forbidden-phrases"]
    assert "22% <small>" in found["forbidden-phrases"]
    assert "未发现" in found["forbidden-phrases"]
    assert "未发现" not in found["closing"]


@pytest.mark.slow
def test_only_the_calls_asked_for(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    calls = make_night(4)
    publish_night(tmp_home, calls, tmp_path, settings, sound=False)
    text = words(write_report(tmp_home, settings, make_run(), [calls[0].call.sha256]))
    assert "C000000.wav" in text
    assert "C000001.wav" not in text
    assert "C000001.wav" in words(write_report(tmp_home, settings))


def test_an_empty_night_is_a_page_too(tmp_home: Home, settings: Settings) -> None:
    build_database(tmp_home, settings)
    text = words(write_report(tmp_home, settings, make_run(), []))
    assert "没有需要复听的片段" in text
    assert text.count("没有通话") == 2, "agents and calls"


def test_no_database_no_report(tmp_home: Home, settings: Settings) -> None:
    with pytest.raises(BadQuery, match="callqa nightly"):
        write_report(tmp_home, settings)


class Tags(HTMLParser):
    """Every tag of a page with the names of its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, set[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name for name, _ in attrs}))


def test_nothing_a_stranger_wrote_becomes_markup(night: tuple[Home, Path]) -> None:
    text = text_of(night[1])
    assert "&lt;script&gt;" in text
    tags = Tags(text).found
    assert [tag for tag, _ in tags].count("script") == 1
    assert "img" not in {tag for tag, _ in tags}
    assert not {name for _, names in tags for name in names if name.startswith("on") or name == "style"}


def test_the_page_may_load_nothing(night: tuple[Home, Path]) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text_of(night[1]))
    assert html.unescape(policy).startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert re.search(r'(?:src|href)="(?!data:|#|callqa\.xlsx")', text_of(night[1])) is None


def test_large_clips_lie_beside_the_page(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    publish_night(tmp_home, [make_judged()], tmp_path, settings)
    page = write_report(tmp_home, settings, make_run(), embed_bytes=0)
    (source,) = re.findall(r'<audio[^>]* src="(clips/[^"]+)"', text_of(page))
    assert (page.parent / source).read_bytes()[:2] in (b"ID", b"\xff\xf3", b"\xff\xfb", b"\xff\xf2")
    write_report(tmp_home, settings, make_run())
    assert not (page.parent / "clips").exists(), "embedded now"


def test_a_lost_clip_is_told(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    publish_night(tmp_home, [make_judged()], tmp_path, settings)
    for clip in tmp_home.excerpts.rglob("*.mp3"):
        clip.unlink()
    text = text_of(write_report(tmp_home, settings))
    assert "录音片段已不存在" in text
    assert "<audio" not in text


def test_it_says_how_much_it_leaves_out(
    tmp_home: Home, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_numbers, "MOST_CALLS", 2)
    monkeypatch.setattr(report_numbers, "MOST_CLIPS", 1)
    publish_night(tmp_home, [make_judged(f"c{i}") for i in range(3)], tmp_path, settings)
    page = write_report(tmp_home, settings)
    assert "显示得分最低的 2 通，共 3 通" in words(page)
    assert "显示最要紧的 1 段，共 3 段" in words(page)
    assert text_of(page).count("<audio") == 1


@pytest.mark.slow
def test_the_same_database_gives_the_same_page(night: tuple[Home, Path]) -> None:
    home, page = night
    before = page.read_bytes()
    assert write_report(home, load_settings(), make_run()).read_bytes() == before


def test_words_of_the_evidence_are_marked(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    turns = make_judged().call.turns
    hit = replace(hit_on(turns[4]), matched="没办法")
    call = make_judged(verdicts=[make_verdict("forbidden-phrases", "fail", (hit,))])
    publish_night(tmp_home, [call], tmp_path, settings)
    assert "这个我也<mark>没办法</mark>，你再等等吧。" in text_of(write_report(tmp_home, settings))


def test_english(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    english = settings.model_copy(update={"report": settings.report.model_copy(update={"language": "en"})})
    publish_night(tmp_home, [make_judged(language="en")], tmp_path, settings, sound=False)
    text = text_of(write_report(tmp_home, english))
    assert '<html lang="en">' in text
    assert "<title>Quality report" in text
    assert 'id="lang-en" checked' in text
    assert 'aria-label="Contents"' in text


def test_every_text_is_there_in_both_languages(night: tuple[Home, Path]) -> None:
    text = text_of(night[1])
    pairs = re.findall(r'<span class="zh" lang="zh">(.*?)</span><span class="en" lang="en">(.*?)</span>', text)
    assert len(pairs) == text.count('class="zh"') == text.count('class="en"') > 100
    assert ("未能处理的文件", "Files that could not be processed") in pairs
    assert all(chinese and english for chinese, english in pairs)


@pytest.fixture(scope="module")
def opened(night: tuple[Home, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium_or_skip()
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.open(night[1].as_uri())
        yield page


PLAY_ALL = """Promise.all([...document.querySelectorAll("audio")].map((audio) => new Promise((resolve) => {
    audio.onloadedmetadata = () => resolve(audio.duration);
    audio.onerror = () => resolve(-1);
    audio.preload = "metadata";
    audio.load();
})))"""


@pytest.mark.browser
def test_every_clip_plays(opened: Browser) -> None:
    lengths = opened.run(PLAY_ALL)
    assert len(lengths) > 10
    assert all(2 < length < 61 for length in lengths)
    assert opened.run(
        """(async () => {
            const [one, two] = document.querySelectorAll("audio");
            await one.play();
            await new Promise((resolve) => setTimeout(resolve, 700));
            const followed = document.querySelectorAll(".talk .now").length;
            await two.play();
            const state = [one.currentTime > 0, one.paused, two.paused, followed];
            two.pause();
            return state;
        })()"""
    ) == [True, True, False, 1]


@pytest.mark.browser
def test_it_asks_for_nothing_and_complains_of_nothing(night: tuple[Home, Path], opened: Browser) -> None:
    opened.run(PLAY_ALL)
    assert {url for url in opened.requests if not url.startswith("data:")} == {night[1].as_uri()}
    assert opened.complaints == []
    assert opened.run("document.title").startswith("夜间质检报告")
    assert HOSTILE in opened.run("document.body.textContent")


@pytest.mark.browser
def test_sorting_filtering_and_languages(opened: Browser) -> None:
    scores = """[...document.querySelectorAll("#calls tbody tr")]
        .map((row) => row.cells[0].dataset.value).filter((value) => value !== "").map(Number)"""
    opened.run('document.querySelector("#calls thead button").click()')
    assert opened.run(scores) == sorted(opened.run(scores), reverse=True)
    opened.run('document.querySelector("#calls thead button").click()')
    assert opened.run(scores) == sorted(opened.run(scores))
    # what has no value comes last, whichever way one sorts
    rates = """(() => {
        const heads = [...document.querySelectorAll("#indicators thead th")];
        const head = heads.findIndex((th) => th.innerText.includes("实现率"));
        const order = () => [...document.querySelectorAll("#indicators tbody tr")]
            .map((row) => row.cells[head].dataset.value).map((value) => (value === "" ? "-" : "x")).join("");
        const button = document.querySelectorAll("#indicators thead button")[head];
        const emptied = document.querySelector("#indicators tbody tr").cells[head];
        const before = emptied.dataset.value;
        emptied.dataset.value = "";
        const orders = [0, 1].map(() => { button.click(); return order(); });
        emptied.dataset.value = before;
        return orders;
    })()"""
    for order in opened.run(rates):
        assert re.fullmatch("x+-+", order)
    choose = """(() => {
        const select = document.getElementById("filter-agent");
        select.value = [...select.options].find((option) => option.text.startsWith("李梅")).value;
        select.dispatchEvent(new Event("change", { bubbles: true }));
        const shown = [...document.querySelectorAll(".clip")].filter((clip) => clip.checkVisibility());
        return [shown.length, new Set(shown.map((clip) => clip.closest(".agent").dataset.agent)).size];
    })()"""
    clips, agents = opened.run(choose)
    assert clips > 0
    assert agents == 1
    heading = 'document.querySelector("h1").innerText'
    assert opened.run(heading) == "夜间质检报告"
    opened.run('document.getElementById("lang-en").click()')
    assert opened.run(heading) == "Nightly quality report"
    opened.run('document.getElementById("lang-zh").click()')


@pytest.mark.browser
def test_the_best_clips_are_no_part_of_the_others(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    """No filter counts or hides them, and their headings stand a level higher, as no agent's name is over them."""
    publish_night(tmp_home, [make_judged()], tmp_path, settings, share={"greeting"})
    with browser(tmp_path / "profile") as opened:
        opened.open(write_report(tmp_home, settings, make_run()).as_uri())
        assert opened.run('document.querySelectorAll("#best .clip").length') == 1
        assert opened.run('document.getElementById("filter-count").textContent') == "1 / 1"
        levels = opened.run('[...document.querySelectorAll("h1, h2, h3, h4")].map((e) => Number(e.tagName[1]))')
        assert all(below <= above + 1 for above, below in itertools.pairwise(levels))


@pytest.mark.browser
def test_it_reads_well_by_ear_and_on_a_telephone(night: tuple[Home, Path], opened: Browser) -> None:
    opened.open(night[1].as_uri())  # as nobody has filtered it
    faults = opened.run(
        """(() => {
            const all = (selector) => [...document.querySelectorAll(selector)];
            const named = (e) => e.textContent.trim() || e.labels?.length || e.closest("[aria-label]");
            return [
                all("audio, button, select, a, input").filter((e) => !named(e)).length,
                all("[id]").length - new Set(all("[id]").map((e) => e.id)).size,
                all('a[href^="#"]').filter((a) => !document.getElementById(a.hash.slice(1))).length,
            ];
        })()"""
    )
    assert faults == [0, 0, 0]
    opened.command("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    assert opened.run("document.documentElement.scrollWidth") <= 390
    opened.command("Emulation.clearDeviceMetricsOverride")


@pytest.mark.browser
def test_clips_beside_the_page_play_too(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    publish_night(tmp_home, [make_judged()], tmp_path, settings)
    page = write_report(tmp_home, settings, make_run(), embed_bytes=0)
    with browser(tmp_path / "profile") as opened:
        opened.open(page.as_uri())
        (length,) = opened.run(PLAY_ALL)
        assert length > 4
        assert opened.complaints == []
        assert all(url.startswith(("file:", "data:")) for url in opened.requests)
