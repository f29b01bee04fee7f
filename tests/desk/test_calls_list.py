"""The list of calls against a plain filter over the same calls: what is found, in which order, by whom."""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.reviews.releases import release
from pipeline.storage.audit import audit_entries
from tests.support.desks import ORIGIN, signed_in
from tests.support.people import result_of
from tests.support.varied_calls import LINES, RULE_TITLES, make_varied_desk

CALLS = 130
Query = list[tuple[str, str]]
Plain = Callable[[Judged], bool]


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, list[Judged]]:
    return make_varied_desk(tmp_path_factory.mktemp("varied"), CALLS)


@pytest.fixture(scope="module")
def everything(varied: tuple[Desk, list[Judged]]) -> TestClient:
    return signed_in(varied[0], "administrator")


def ids_in(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/calls/([0-9a-f]{32})[?"]', page)


def counted(page: str) -> int:
    found = re.search(r'class="count">(\d+) calls?<', page)
    return int(found[1]) if found else 0


def beside(page: str, rel: str) -> str | None:
    found = re.search(rf'<a class="button" rel="{rel}" href="([^"]+)"', page)
    return html.unescape(found[1]) if found else None


def listed(browser: TestClient, query: Query) -> list[str]:
    """The calls of all pages; their number is what the first page says."""
    address: str | None = f"/calls?{urlencode(query)}"
    found: list[str] = []
    while address:
        answer = browser.get(address)
        assert answer.status_code == 200, answer.text
        found += ids_in(answer.text)
        address = beside(answer.text, "next")
        assert len(found) <= 2 * CALLS
    assert counted(browser.get(f"/calls?{urlencode(query)}").text) == len(found)
    return found


def day_of(call: Judged) -> str:
    started = call.call.cdr.started_at
    return started.astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat() if started else ""


def outcome_of(call: Judged, rule: str) -> set[str]:
    assert call.scorecard
    verdict = next(v for v in call.scorecard.verdicts if v.rule_id == rule)
    return {"nothing_found"} if verdict.nothing_found else {verdict.outcome}


def fails(call: Judged) -> int:
    return sum(v.outcome == "fail" for v in call.scorecard.verdicts) if call.scorecard else 0


def score_of(call: Judged) -> float | None:
    return call.scorecard.score if call.scorecard else None


FILTERS: dict[str, tuple[Query, Plain]] = {
    "from": ([("from", "2025-03-20")], lambda c: day_of(c) >= "2025-03-20"),
    "to": ([("to", "2025-03-20")], lambda c: "" < day_of(c) <= "2025-03-20"),
    "team": ([("team", "一组")], lambda c: c.call.cdr.team == "一组"),
    "two teams": ([("team", "一组"), ("team", "EN")], lambda c: c.call.cdr.team in ("一组", "EN")),
    "agent by number": ([("agent", "1003")], lambda c: c.call.cdr.agent_id == "1003"),
    "agent by name": ([("agent", "Ann Lee")], lambda c: c.call.cdr.agent_id == "1004"),
    "queue": ([("queue", "投诉")], lambda c: c.call.cdr.queue == "投诉"),
    "direction": ([("direction", "outbound")], lambda c: c.call.cdr.direction == "outbound"),
    "language": ([("language", "en")], lambda c: c.call.language == "en"),
    "scenario": ([("scenario", "booking")], lambda c: c.call.cdr.scenario == "booking"),
    "score from": ([("score_from", "60")], lambda c: (score_of(c) or -1) >= 60),
    "score to": ([("score_to", "59.9")], lambda c: score_of(c) is not None and (score_of(c) or 0) <= 59.9),
    "fatal": ([("fatal", "yes")], lambda c: bool(c.scorecard and c.scorecard.fatal)),
    "complaint": ([("complaint", "yes")], lambda c: outcome_of(c, "complaint") != {"not_applicable"}),
    "unsure": ([("unsure", "yes")], lambda c: any("unsure" in outcome_of(c, rule) for rule in RULE_TITLES)),
    "call id": ([("call", "c010")], lambda c: "C010" in (c.call.cdr.call_id or "")),
    "call id with signs": ([("call", "-%_'\"")], lambda c: c.call.cdr.call_id is not None),
    "said by either": ([("q", "退款")], lambda c: said(c, "退款")),
    "said by the customer": ([("q", "退款"), ("who", "customer")], lambda c: said(c, "退款", "ch1")),
    "said by the agent": ([("q", "没办法"), ("who", "agent")], lambda c: said(c, "没办法", "ch0")),
    "not said by the agent": ([("q", "退款"), ("who", "agent")], lambda c: False),
    "not reviewed": ([("reviewed", "no")], lambda c: True),
    **{
        f"{rule} {outcome}": ([("rule", f"{rule}:{outcome}")], lambda c, r=rule, o=outcome: o in outcome_of(c, r))
        for rule in ("closing", "insult", "+formula")
        for outcome in ("fail", "pass", "unsure", "not_applicable", "nothing_found")
    },
}  # fmt: skip


def said(call: Judged, text: str, speaker: str = "") -> bool:
    """Whether the letters of a text follow one another in a turn, whatever stands between them."""
    return any(
        text in "".join(filter(str.isalnum, turn.text)) for turn in call.call.turns if speaker in ("", turn.speaker)
    )


def found_by(varied: tuple[Desk, list[Judged]], *plain: Plain) -> set[str]:
    desk, calls = varied
    return {desk.call_ids.of(c.call.sha256) for c in calls if all(fits(c) for fits in plain)}


def test_each_filter_alone_finds_what_a_plain_one_finds(
    varied: tuple[Desk, list[Judged]], everything: TestClient
) -> None:
    for name, (query, plain) in FILTERS.items():
        found = listed(everything, query)
        assert len(found) == len(set(found)), name
        assert set(found) == found_by(varied, plain), name
        assert found or "formula" in name or "insult" in name or "not said" in name, name


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(FILTERS)), min_size=2, max_size=4, unique=True), data=st.data())
def test_filters_together_find_what_all_of_them_find(
    varied: tuple[Desk, list[Judged]], everything: TestClient, names: list[str], data: st.DataObject
) -> None:
    query: Query = []
    plain: list[Plain] = []
    for name in names:
        added, fits = FILTERS[name]
        if any(key != "rule" and key == given for key, _ in added for given, _ in query):
            continue  # two values of one filter mean either
        query += added
        plain.append(fits)
    sort = data.draw(st.sampled_from(["time", "score", "length", "failed"]))
    assert set(listed(everything, [*query, ("sort", sort)])) == found_by(varied, *plain)


KEYS: dict[str, Callable[[Judged], float | None]] = {
    "time": lambda c: c.call.cdr.started_at.timestamp() if c.call.cdr.started_at else None,
    "score": score_of,
    "length": lambda c: c.call.facts.duration_s,
    "failed": fails,
}


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", KEYS)
def test_pages_forth_and_back_hold_every_call_once_in_order(
    varied: tuple[Desk, list[Judged]], everything: TestClient, sort: str, order: str
) -> None:
    desk, calls = varied
    pages = [everything.get(f"/calls?sort={sort}&order={order}").text]
    while address := beside(pages[-1], "next"):
        pages.append(everything.get(address).text)
    shown = [ids_in(page) for page in pages]
    assert [len(page) for page in shown] == [50, 50, 30]
    keys = {desk.call_ids.of(c.call.sha256): KEYS[sort](c) for c in calls}
    seen = [keys[call_id] for page in shown for call_id in page]
    present = [key for key in seen if key is not None]
    assert present == sorted(present, reverse=order == "desc")
    assert seen == [*present, *[None] * (CALLS - len(present))]
    assert len({call_id for page in shown for call_id in page}) == CALLS
    back = pages[-1]
    for earlier in reversed(shown[:-1]):
        address = beside(back, "prev")
        assert address
        back = everything.get(address).text
        assert ids_in(back) == earlier


def test_any_one_to_six_characters_are_found_as_they_were_said(
    varied: tuple[Desk, list[Judged]], everything: TestClient
) -> None:
    pieces = set()
    for _, line in LINES:
        han = "".join(c for c in line if unicodedata.name(c, "").startswith("CJK UNIFIED"))
        if len(han) == sum(map(str.isalnum, line)):
            pieces |= {han[at : at + n] for n in range(1, 7) for at in range(len(han) - n + 1)}
    for piece in sorted(pieces)[::4]:
        assert set(listed(everything, [("q", piece)])) == found_by(varied, lambda c, p=piece: said(c, p)), piece


@pytest.mark.parametrize(
    ("asked", "line", "found"),
    [
        ("refund", "I want a refund, now.", True),
        ("REFUND now", "I want a refund, now.", True),
        ("refund", "They refunded it. I can’t do more.", False),
        ("can", "They refunded it. I can’t do more.", False),
        ("can't", "They refunded it. I can’t do more.", True),
        ('"not possible"', "It is not possible, the customer's word.", True),
        ('"possible not"', "It is not possible, the customer's word.", False),
        ("possible not", "It is not possible, the customer's word.", True),
        ("“possible the”", "It is not possible, the customer's word.", True),
        ("customer", "It is not possible, the customer's word.", True),
        ("ｃｕｓｔｏｍｅｒ", "It is not possible, the customer's word.", True),
        ("500元", "一共1500元，用APP下单。", False),
        ("用app下", "一共1500元，用APP下单。", True),
        ("您好请问", "您好，请问有什么可以帮您？", True),
        ("您好。请问", "您好，请问有什么可以帮您？", True),
        ("退吧款项", "那就退吧", False),
    ],
)
def test_words_are_found_whole(
    varied: tuple[Desk, list[Judged]], everything: TestClient, asked: str, line: str, found: bool
) -> None:
    desk, calls = varied
    alone = {desk.call_ids.of(c.call.sha256) for c in calls if any(turn.text == line for turn in c.call.turns)}
    got = set(listed(everything, [("q", asked)]))
    assert alone <= got if found else not got or alone - got


def test_the_sentence_is_shown_with_its_words_marked_and_its_numbers_hidden(everything: TestClient) -> None:
    page = everything.get("/calls?q=手机号").text
    assert "我的<mark>手机号</mark>是" in page
    assert "13812345678" not in page
    assert ids_in(everything.get("/calls?q=13812345678").text) == []
    marked = everything.get("/calls?q=%22can't%20do%22&who=agent").text
    assert "<mark>can’t do</mark>" in marked


HOSTILE = (
    "'", '"', "%", "_", "\\", "); DROP TABLE calls; --", "' OR '1'='1", "\x00", "\x1b[2J", "\u202e", "\ud800",
    "x" * 201, "{{7*7}}", "<script>alert(1)</script>", "NEAR(a b)", "a* OR b", "-1", "nan", "1e999", "2025-13-45",
    "9999-99-99", "0x10", "¶", "{agent}: x", "🙂",
)  # fmt: skip
NAMES = (
    "q", "who", "when", "from", "to", "team", "agent", "queue", "direction", "language", "scenario", "score_from",
    "score_to", "rule", "add_rule", "add_outcome", "fatal", "complaint", "unsure", "reviewed", "call", "sort", "order",
    "after", "before", "unknown",
)  # fmt: skip


def test_what_nobody_would_type_is_answered_all_the_same(everything: TestClient) -> None:
    rows = len(listed(everything, []))
    for number, name in enumerate(NAMES):
        for value in HOSTILE[number % 2 :: 2]:
            query = urlencode([(name, value.encode("utf-8", "surrogatepass"))])
            answer = everything.get(f"/calls?{query}", headers={"hx-request": "true"})
            assert answer.status_code in (200, 400), (name, value)
            assert "<script>alert" not in answer.text, name
            if answer.status_code == 400:
                assert 'role="alert"' in answer.text, (name, value)
                assert ids_in(answer.text) == [], (name, value)
    for wrong in ("from=2025-13-45", "score_from=101", "sort=name", "after=1~2~3", "from=2025-02-02&to=2025-01-01"):
        assert everything.get(f"/calls?{wrong}").status_code == 400, wrong
    assert len(listed(everything, [])) == rows == CALLS


def test_an_empty_list_says_so_and_leads_back(everything: TestClient) -> None:
    page = everything.get("/calls?q=zzzz&team=一组").text
    assert "No call is like this." in page
    assert 'href="/calls">see all calls' in page
    assert re.findall(r'<a class="filter" href="([^"]*)"', page) == [
        f"/calls?{urlencode([('team', '一组')])}", "/calls?q=zzzz",
    ]  # fmt: skip


def test_a_form_without_scripts_leads_to_a_clean_address(everything: TestClient) -> None:
    answer = everything.get("/calls?q=&who=&team=一组&add_rule=closing&add_outcome=fail&sort=time&order=desc")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/calls?{urlencode([('team', '一组'), ('rule', 'closing:fail')])}"
    part = everything.get("/calls?team=一组&q=", headers={"hx-request": "true"})
    assert part.headers["hx-push-url"] == f"/calls?{urlencode([('team', '一组')])}"
    assert "<html" not in part.text


def test_teams_see_their_own_calls_wherever_they_look(varied: tuple[Desk, list[Judged]]) -> None:
    desk, _ = varied
    lead = signed_in(desk, "supervisor", "lead", teams=("一组",))
    own = found_by(varied, lambda c: c.call.cdr.team == "一组")
    assert set(listed(lead, [])) == own
    assert set(listed(lead, [("q", "退款")])) <= own
    assert listed(lead, [("team", "二组")]) == []
    page = lead.get("/calls").text
    assert "陈静" not in page
    assert "二组" not in page
    exported = list(csv.reader(io.StringIO(lead.get("/calls.csv").text)))
    assert len(exported) == len(own) + 1
    assert {row[4] for row in exported[1:]} == {"一组"}


def test_agents_see_what_was_released_to_them_and_filter_by_nothing_else(varied: tuple[Desk, list[Judged]]) -> None:
    desk, calls = varied
    own = [c for c in calls if c.call.cdr.agent_id == "1002"]
    with desk.reviews.file.writing() as rows:
        for call in own[:3]:
            release(rows, "boss", 2, call.call.sha256, result_of(call))
    agent = signed_in(desk, "agent", "agent", agent_id="1002")
    released = {desk.call_ids.of(c.call.sha256) for c in own[:3]}
    assert set(listed(agent, [])) == released
    assert set(listed(agent, [("rule", "closing:fail")])) == released
    assert set(listed(agent, [("q", "的")])) <= released
    assert agent.get("/calls.csv").status_code == 403
    assert "陈静" not in agent.get("/calls").text


def test_what_is_exported_is_the_list_and_no_formula(varied: tuple[Desk, list[Judged]], everything: TestClient) -> None:
    desk, _ = varied
    answer = everything.get("/calls.csv?sort=score&rule=%2Bformula:fail")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 1 + len(found_by(varied, FILTERS["+formula fail"][1]))
    scores = [float(row[10]) for row in rows[1:] if row[10]]
    assert scores == sorted(scores, reverse=True)
    cells = [cell for row in rows for cell in row]
    assert any(cell.startswith("'=1+1") for cell in cells)
    assert any(cell.startswith("'+Formula") for cell in cells)
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
    last = list(audit_entries(desk.home))[-1]
    assert (last.action, last.user, last.details["rows"]) == ("export", "administrator", len(rows) - 1)


def test_filters_are_kept_shared_and_removed(varied: tuple[Desk, list[Judged]]) -> None:
    desk, _ = varied
    boss, other = signed_in(desk, "administrator", "boss"), signed_in(desk, "reviewer", "other")
    for browser, name, shared in ((boss, "Mine", ""), (boss, "For all", "yes"), (other, "Not mine to share", "yes")):
        kept = browser.post(
            "/saved-filters", data={"name": name, "query": "team=一组&junk=<b>", "shared": shared}, headers=ORIGIN
        )
        assert kept.status_code == 303
    page, others = boss.get("/calls").text, other.get("/calls").text
    assert "Mine</a>" in page
    assert "Mine</a>" not in others
    assert "Not mine to share" not in page
    assert f'<a href="/calls?{urlencode([("team", "一组")])}">For all</a>' in others
    number = re.findall(r'action="(/saved-filters/\d+/remove)"', page)
    assert len(number) == 2
    assert other.post(number[0], headers=ORIGIN).status_code == 404
    assert boss.post(number[0], headers=ORIGIN).status_code == 303
    assert boss.post("/saved-filters", data={"name": "x", "query": "from=never"}, headers=ORIGIN).status_code == 409
