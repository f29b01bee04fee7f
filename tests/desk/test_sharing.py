"""The week's best and worst: within a lead's scope, taken along without names, shared with a team by leave."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from desk.context import Desk
from desk.excerpts.presenting import ListedExcerpt
from desk.excerpts.taking_along import html_file
from desk.rights import User
from desk.routing import Visit
from desk.sharing.candidates import picked_excerpts, weeks_pick
from pipeline.datatypes import Judged
from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.sampling import Amount, PlanFilters, SamplingPlan, draw
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.verdict_reviews import VerdictReview, add_review
from pipeline.reviews.voice_leave import give_voice_leave
from pipeline.storage import artefacts
from pipeline.storage.audit import audit_entries
from pipeline.storage.home import JudgedFile
from tests.support.desks import ORIGIN, signed_in
from tests.support.factories import AGENTS
from tests.support.judged_desks import make_judged_desk

pytestmark = pytest.mark.xdist_group("desk")

WEEK = "2025-03-03"
NAMES = (*(name for _, name, _ in AGENTS), "何女士", "C00")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, list[Judged]]:
    return make_judged_desk(tmp_path_factory.mktemp("sharing"), 6)


@pytest.fixture(scope="module")
def lead(made: tuple[Desk, list[Judged]]) -> TestClient:
    return signed_in(made[0], "supervisor", "lead", teams=("一组",))


def marks(page: str) -> list[str]:
    return re.findall(r'name="x" value="([^"]+)"', page)


def test_a_lead_sees_the_best_and_worst_of_their_teams_alone(made: tuple[Desk, list[Judged]], lead: TestClient) -> None:
    desk, night = made
    page = lead.get("/sharing").text
    own = {desk.call_ids.of(each.call.sha256) for each in night if each.call.cdr.team == "一组"}
    assert {mark.split(".")[0] for mark in marks(page)} <= own
    rules = {mark.split(".")[1] for mark in marks(page)}
    assert {"greeting", "forbidden-phrases", "closing", "booking"} == rules
    others = next(desk.call_ids.of(each.call.sha256) for each in night if each.call.cdr.team == "二组")
    assert f"{others}." in signed_in(desk, "administrator", "boss").get("/sharing").text
    assert lead.get(f"/sharing/{others}/greeting/sound").status_code == 404
    assert lead.get(f"/sharing/present?week={WEEK}&x={others}.greeting").text.count('class="excerpt"') == 0


def test_what_people_hold_for_wrong_is_not_shown_as_the_worst(
    made: tuple[Desk, list[Judged]], lead: TestClient
) -> None:
    desk, night = made
    call = next(each for each in night if each.call.cdr.agent_id == "1002").call
    mark = f"{desk.call_ids.of(call.sha256)}.forbidden-phrases"
    assert mark in marks(lead.get("/sharing").text)
    stored = artefacts.read(desk.home.judged(call.sha256), JudgedFile)
    key = verdict_keys(stored)["forbidden-phrases"]
    with desk.reviews.file.writing() as rows:
        add_review(rows, "li", 1, "t0", VerdictReview(key, "wrong", "pass", comment="quoted"))
    assert mark not in marks(lead.get("/sharing").text)


def test_what_was_picked_is_presented_in_its_order_and_heard(made: tuple[Desk, list[Judged]], lead: TestClient) -> None:
    page = lead.get("/sharing").text
    first = marks(page)[0]
    presented = lead.get("/sharing/present", params={"week": WEEK, "x": first, "voices": "all", "picked": "1"}).text
    (sound,) = re.findall(r'<audio[^>]* src="([^"]+)"', presented)
    assert not any(name in presented for name in NAMES)
    assert lead.head(sound).status_code == 200
    assert not any(entry.action == "play" for entry in audit_entries(made[0].home)), "it was made, and not heard"
    answer = lead.get(sound, headers={"range": "bytes=0-99"})
    assert [entry.user for entry in audit_entries(made[0].home) if entry.action == "play"] == ["lead"]
    assert (answer.status_code, answer.headers["content-type"], len(answer.content)) == (206, "audio/mpeg", 100)
    back = re.findall(r'data-back="([^"]+)"', presented)[0].replace("&amp;", "&")
    again = lead.get(back).text
    assert re.findall(r'value="([^"]+)" form="pick" checked', again) == [first]
    without = lead.get("/sharing/present", params={"week": WEEK, "x": first}).text
    assert "<audio" not in without, "nobody gave leave"


def test_the_folder_has_a_playlist_that_any_player_reads_and_names_nobody(
    made: tuple[Desk, list[Judged]], lead: TestClient
) -> None:
    desk, night = made
    sent = {"week": WEEK, "voices": "all"}
    answer = lead.post("/sharing/folder", data=sent, headers=ORIGIN)
    named = answer.headers["content-disposition"]
    assert named.endswith('.zip"')
    folder = zipfile.ZipFile(io.BytesIO(answer.content))
    # two of one day lie side by side, unpacked too
    assert {name.split("/")[0] for name in folder.namelist()} == {re.findall(r'filename="(.*)\.zip"', named)[0]}
    files = {name.split("/")[1]: folder.read(name) for name in folder.namelist()}
    lines = files.pop("playlist.m3u8").decode("utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    listed = list(zip(lines[1::2], lines[2::2], strict=True))
    for number, (about, name) in enumerate(listed, 1):
        length, title = re.fullmatch(r"#EXTINF:(\d+),(\S.*)", about).groups()  # type: ignore[union-attr]
        assert name == f"{number:02}.mp3"
        assert title.startswith(f"{number}. ")
        sound = files.pop(name)
        assert sound[0] == 0xFF, "a frame from its first byte, and no tag before it"
        assert sound[1] & 0xE0 == 0xE0
        assert b"TAG" not in sound[-128:]
        assert len(sound) * 8 / 32_000 == pytest.approx(int(length), abs=0.8)
    assert list(files) == ["index.html"]
    told = (files["index.html"] + "\n".join(lines).encode()).decode()
    assert not any(name in told for name in NAMES)
    for each in night:
        assert each.call.sha256[:12] not in told
        assert desk.call_ids.of(each.call.sha256) not in told
    assert str(desk.home.root) not in told
    last = [entry for entry in audit_entries(desk.home) if entry.action == "export"][-1]
    assert (last.user, last.details["what"], last.details["excerpts"]) == ("lead", "excerpts as folder", len(listed))


class _Asked:
    def __init__(self, **query: str) -> None:
        self.query_params = _Query(query)
        self.cookies: dict[str, str] = {}
        self.headers = {"accept-language": "en"}
        self.url = type("Url", (), {"path": "/sharing/html"})


class _Query(dict[str, str]):
    def getlist(self, name: str) -> list[str]:
        return [self[name]]


def test_a_file_that_would_be_too_large_has_smaller_sound_then_none_in_the_last(
    made: tuple[Desk, list[Judged]],
) -> None:
    visit = Visit(_Asked(voices="all"), made[0], User("boss", "administrator"))  # type: ignore[arg-type]
    listed: list[ListedExcerpt] = [excerpt for _, excerpt in picked_excerpts(visit, weeks_pick(visit))]
    whole = html_file(visit, "All", listed)
    assert whole.count("data:audio/mpeg") == len(listed)
    assert "without sound" not in whole
    less = html_file(visit, "All", listed, largest=int(len(whole.encode()) * 0.8))
    assert less.count("data:audio/mpeg") == len(listed)
    assert len(less.encode()) <= len(whole.encode()) * 0.8
    few = html_file(visit, "All", listed, largest=int(len(whole.encode()) * 0.45))
    assert 0 < few.count("data:audio/mpeg") < len(listed)
    assert len(few.encode()) <= len(whole.encode()) * 0.45
    left_out = len(listed) - few.count("data:audio/mpeg")
    assert f"The last {left_out} excerpts are without sound" in few
    assert few.index("data:audio/mpeg") < few.index("There was no room for its sound")


def test_a_teams_agents_read_what_is_shared_and_hear_it_by_leave(
    made: tuple[Desk, list[Judged]], lead: TestClient
) -> None:
    desk, night = made
    mine = next(each for each in night if each.call.cdr.agent_id == "1001")
    mark = f"{desk.call_ids.of(mine.call.sha256)}.greeting"
    colleague = signed_in(desk, "agent", "wang", agent_id="1002")
    stranger = signed_in(desk, "agent", "chen", agent_id="1003")
    assert "Nothing is shared" in colleague.get("/shared").text
    sent = {"week": WEEK, "x": mark, "picked": "1", "to": "一组", "token": "t1"}
    assert lead.post("/sharing/share", data={**sent, "to": "二组"}, headers=ORIGIN).status_code == 409
    assert lead.post("/sharing/share", data=sent, headers=ORIGIN).status_code == 303
    number = re.findall(r"/sharing/shared/(\d+)/take-back", lead.get("/sharing").text)[0]

    page = colleague.get("/shared").text
    assert "安心家政" in page
    assert not any(name in page for name in NAMES)
    assert "<audio" not in page
    sound = f"/shared/{number}/sound"
    assert colleague.get(sound).status_code == 404
    assert "安心家政" not in stranger.get("/shared").text
    assert colleague.get(f"/calls/{desk.call_ids.of(mine.call.sha256)}").status_code == 404, "the call is not theirs"
    with desk.reviews.file.writing() as rows:
        give_voice_leave(rows, "li", "t2", "1001", True)
    assert sound in colleague.get("/shared/present").text
    assert colleague.get(sound).headers["content-type"] == "audio/mpeg"
    assert stranger.get(sound).status_code == 404
    with desk.reviews.file.writing() as rows:
        give_voice_leave(rows, "li", "t3", "1001", False)
    assert colleague.get(sound).status_code == 404
    assert signed_in(desk, "agent", "li", agent_id="1001").get(sound).status_code == 200, "their own voice"

    # the call turns out to be 1003's, who gave no leave, though 1001 does
    path = desk.home.judged(mine.call.sha256)
    stored = artefacts.read(path, JudgedFile)
    cdr = replace(stored.judged.call.cdr, agent_id="1003")
    call = replace(stored.judged.call, cdr=cdr)
    artefacts.write(path, replace(stored, judged=replace(stored.judged, call=call)))
    with desk.reviews.file.writing() as rows:
        give_voice_leave(rows, "li", "t4", "1001", True)
    assert colleague.get(sound).status_code == 404
    assert sound not in colleague.get("/shared/present").text
    artefacts.write(path, stored)

    back = f"/sharing/shared/{number}/take-back"
    plan = SamplingPlan({"pass": Amount(share=1.0)}, "s", PlanFilters(rules=("greeting",)), by_layout=False)
    with desk.snapshot.reading() as reader:
        sample = draw(reader.rows, plan)
    options = QueueOptions(blind_share=1.0, shares={"blind": 1.0})
    Plans(desk.reviews.file).keep(plan, sample, "blind", "boss", options)
    assert back in lead.get("/sharing").text
    assert back not in signed_in(desk, "supervisor", "blind", teams=("一组",)).get("/sharing").text
    other_lead = signed_in(desk, "supervisor", "other", teams=("二组",))
    assert other_lead.post(back, data={"token": "t4"}, headers=ORIGIN).status_code == 404
    lead.post(back, data={"token": "t5"}, headers=ORIGIN)
    assert "安心家政" not in colleague.get("/shared").text
    lead.post("/sharing/share", data={**sent, "token": "t6"}, headers=ORIGIN)
    assert "安心家政" in colleague.get("/shared").text
    desk.reviews.forget([mine.call.sha256])
    assert "安心家政" not in colleague.get("/shared").text


def test_nothing_of_the_shared_file_tells_of_a_forgotten_call(made: tuple[Desk, list[Judged]]) -> None:
    desk, night = made
    mine = next(each for each in night if each.call.cdr.agent_id == "1001")
    assert mine.call.sha256.encode() not in Path(desk.reviews.file.path).read_bytes()
