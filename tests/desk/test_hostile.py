"""What callers say, and what telephone systems and people write, is shown and never runs."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote, urlsplit

import pytest

from desk.context import Desk, make_desk
from pipeline.datatypes import CDR
from pipeline.results.store import build_database
from pipeline.storage.home import Home
from tests.support.browser import Browser, browser, chromium_or_skip
from tests.support.desks import served, settings_of, sign_in, signed_in
from tests.support.factories import NIGHT, hit_on, make_judged, make_turns, make_verdict, recorded, save

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]

SCRIPT = "<script>window.hit=1;alert(1)</script>"
WORDS = (
    SCRIPT,
    "<div hx-post=/sign-out hx-trigger=load>",
    '<b data-hx-post="/sign-out" data-hx-trigger="load" hx-on::load="window.hit=1">',
    "{{7*7}} {%import os%} ${7*7}",
    '" onmouseover="window.hit=1" autofocus onfocus="window.hit=1',
    "' onmouseover='window.hit=1",
    "<img src=x onerror=window.hit=1>",
    "</title></textarea></script><svg onload=window.hit=1>",
    "<a href=javascript:window.hit=1>here</a> javascript:window.hit=1",
    "<style>*{background:url(//evil.example)}</style><link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'><base href=//evil.example>",
    "<form action=//evil.example><button name=x>",
    "退款\u202e\u2066\u200b\u200d\ufeff\u202d款退",
    "<!--",
    "]]>&lt;script&gt;&#60;script&#62;",
)
LONG = "退" * 50_000 + "x" * 50_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("hostile")
    home, settings = Home(folder / "home"), settings_of(folder / "home")
    turns = make_turns([("agent" if n % 2 else "customer", words) for n, words in enumerate(WORDS)])
    long = replace(turns[0], index=len(turns), text=LONG, words=(replace(turns[0].words[0], text=LONG),))
    verdicts = [
        make_verdict(SCRIPT if n == 0 else f"rule-{n}", outcome, (hit_on(turns[n], words),), words)
        for n, (words, outcome) in enumerate(zip(WORDS, ("fail", "pass", "unsure", "not_applicable") * 4, strict=False))
    ]
    cdr = CDR(
        call_id=SCRIPT, agent_id=WORDS[4], agent_name=WORDS[6], team=WORDS[1], queue=WORDS[7], company=WORDS[3],
        direction="inbound", started_at=NIGHT, extra={WORDS[5]: WORDS[8], "note": WORDS[12]},
    )  # fmt: skip
    call = make_judged("hostile", turns=(*turns, long), verdicts=verdicts, cdr=cdr)
    night = [recorded(call, folder / "inbox" / "<img src=x onerror=window.hit=1>.wav", 4.0)]
    save(home, night, str(folder / "inbox"))
    build_database(home, settings)
    made = make_desk(settings, dict)
    made.accounts.make(WORDS[4][:80], "reviewer", shown_name=WORDS[6])
    made.accounts.make("<script>window.hit=1</script>", "coach", shown_name=SCRIPT, teams=(WORDS[1],))
    return made


def pages(desk: Desk) -> list[str]:
    with desk.snapshot.reading() as reader:
        call = f"/calls/{desk.call_ids.of(str(reader.value('SELECT sha256 FROM calls')))}"
    return [
        "/calls", call, f"/calls?q={quote(WORDS[0])}&agent={quote(WORDS[4])}&team={quote(WORDS[1])}", "/accounts",
        f"/accounts/one?name={quote(WORDS[4][:80])}", "/account", "/queue", "/plans", "/plans/new", "/agreement",
        f"/nowhere/{quote(SCRIPT)}?to={quote(SCRIPT)}",
    ]  # fmt: skip


def test_nothing_that_was_said_or_written_is_a_part_of_a_page(desk: Desk) -> None:
    chief = signed_in(desk, "administrator", "plain")
    for page in pages(desk):
        text = chief.get(page).text
        for words in WORDS:
            if "<" in words or '"' in words:
                assert words not in text, page
        assert "49 " not in text or "{{7*7}}" in html.unescape(text), page
        assert "evil.example'" not in text, page
    call = html.unescape(chief.get(pages(desk)[1]).text)
    assert SCRIPT in call
    assert "{{7*7}}" in call
    assert "退款\\u202e\\u2066\\u200b" in call
    assert not set("\u202e\u2066\u200b\u202d\ufeff") & set(call)


@pytest.fixture(scope="module")
def page(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    chromium_or_skip()
    with served(desk) as address, browser(tmp_path_factory.mktemp("profile")) as page:
        yield page, address


def test_nothing_runs_in_a_browser(page: tuple[Browser, str], desk: Desk) -> None:
    there, address = page
    sign_in(there, address, desk, "administrator", WORDS[6])
    for path in pages(desk):
        there.requests.clear()
        there.complaints.clear()
        there.open(address + path)
        there.wait_for("document.readyState === 'complete'")
        there.run("new Promise(done => setTimeout(done, 250))")
        assert there.run("window.hit === undefined"), path
        odd = (
            "[onmouseover],[onerror],[onload],[onfocus],base,meta[http-equiv],a[href^=javascript],[hx-post='/sign-out']"
        )
        assert there.run(f'document.querySelectorAll("{odd}").length') == 0, path
        asked = [urlsplit(url) for url in there.requests if not url.startswith("data:")]
        assert {url.netloc for url in asked} <= {urlsplit(address).netloc}, path
        assert "/sign-out" not in {url.path for url in asked}, path
        expected = 1 if path.startswith("/nowhere") else 0  # the browser tells of a 404 itself
        assert len(there.complaints) == expected, (path, there.complaints)
        wide = there.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (path, wide)
    there.open(f"{address}/account")
    assert there.run("location.pathname") == "/account"  # nobody was signed out
