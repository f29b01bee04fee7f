"""Calls by their ids, their sound by pieces, and what the log tells of who saw and heard them."""

from __future__ import annotations

import hashlib
import os
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from desk.access.trail import AGAIN_S, Trail
from desk.context import Desk
from pipeline.errors import CallQAError
from pipeline.reviews.releases import release
from pipeline.storage import artefacts
from pipeline.storage.audit import CALL_DIGITS, audit_entries, audit_file, verify_audit
from pipeline.storage.home import JudgedFile
from tests.support.desks import make_small_desk, signed_in
from tests.support.people import result_of

pytestmark = pytest.mark.xdist_group("desk")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_small_desk(tmp_path_factory.mktemp("desk"), 3)[0]


@pytest.fixture(scope="module")
def sha256(desk: Desk) -> str:
    with desk.snapshot.reading() as reader:
        return str(reader.value("SELECT min(sha256) FROM calls WHERE team = '一组'"))


@pytest.fixture(scope="module")
def chief(desk: Desk) -> TestClient:
    return signed_in(desk, "administrator", "root")


def same_page(text: str) -> str:
    return re.sub(r'nonce="[^"]*"|name="to" value="[^"]*"', "", text)


def test_no_id_is_guessed(desk: Desk, chief: TestClient, sha256: str) -> None:
    real, random_ = desk.call_ids.of(sha256), random.Random(17)
    assert chief.get(f"/calls/{real}").status_code == 200
    guesses = [f"{random_.getrandbits(128):032x}" for _ in range(900)]
    guesses += [f"{int(real, 16) ^ (1 << bit):032x}" for bit in range(90)]  # its neighbours
    guesses += [
        real.upper(),
        real[:-1],
        f"{real}0",
        f"{real} ",
        sha256,
        sha256[:32],
        "1",
        "call-0",
        "C000000",
        "%2e%2e",
    ]
    assert len(guesses) >= 1000
    pages = {same_page(chief.get(f"/calls/{guess}").text) for guess in guesses[:40] + guesses[-12:]}
    assert len(pages) == 1
    for guess in guesses:  # and as cheaply without a page
        answer = chief.get(f"/calls/{guess}/sound")
        assert (answer.status_code, answer.headers.get("content-range")) == (404, None), guess


def test_ids_of_another_home_are_nothing_here(desk: Desk, sha256: str) -> None:
    from desk.call_ids import CallIds

    ids = {CallIds(os.urandom(16)).of(sha256) for _ in range(50)} | {desk.call_ids.of(sha256)}
    assert len(ids) == 51
    assert not any(sha256[:8] in call_id for call_id in ids)


WHOLE, PART, TOO_FAR = 200, 206, 416
RANGES = {
    "bytes=0-0": PART, "bytes=0-99": PART, "bytes=100-": PART, "bytes=-1": PART, "bytes=-100": PART, "bytes=0-": PART,
    "bytes=-99999999": PART, "bytes=0-99999999": PART, "bytes=10-10": PART, "bytes=0-4,10-14": PART,
    "bytes=0-1,1-2,2-3": PART, "bytes=-1,0-1": PART, "bytes = 0 - 1": None, "BYTES=0-1": None,
    "bytes=99999999-": TOO_FAR, "bytes=99999999-999999999": TOO_FAR, "bytes=-0": None, "bytes=5-3": None,
    "bytes=" + "9" * 30 + "-": None, "bytes=" + "9" * 5000 + "-": None, "bytes=0-" + "9" * 5000: None,
    "bytes=-" + "9" * 5000: None, "bytes=a-b": None, "bytes=--1": None, "bytes=": None, "bytes=-": None, "bytes": None,
    "lines=0-1": None, "": None, "bytes=0-1;2-3": None, "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 160, 2)): None,
    "bytes=" + ",".join(["0-"] * 200): None, "bytes=0-../../../etc/passwd": None, "bytes=0x0-0x10": None,
    "bytes=1e2-": None, "bytes=\t0-1": None,
}  # fmt: skip
"""What is asked for; None: whole, a part or refused, as it may be read either way, but never more than the sound."""


@pytest.mark.parametrize("asked", RANGES, ids=lambda asked: str(asked)[:30])
def test_pieces_of_a_sound_are_pieces_of_it_and_of_nothing_else(
    desk: Desk, chief: TestClient, sha256: str, asked: str
) -> None:
    address = f"/calls/{desk.call_ids.of(sha256)}/sound"
    whole = chief.get(address)
    assert (whole.status_code, whole.headers["content-type"]) == (WHOLE, "audio/mpeg")
    answer = chief.get(address, headers={"range": asked})
    expected = RANGES[asked]
    assert answer.status_code == expected or (expected is None and answer.status_code in (200, 206, 400, 416))
    if answer.status_code == WHOLE:
        assert answer.content == whole.content
    elif answer.status_code == PART and "multipart" not in answer.headers["content-type"]:
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers["content-range"])
        assert found
        first, last, length = map(int, found.groups())
        assert length == len(whole.content)
        assert answer.content == whole.content[first : last + 1]
    elif answer.status_code == PART:
        assert len(answer.content) <= len(whole.content) + 300 * asked.count(",") + 600
    else:
        assert len(answer.content) < 200


def test_what_lies_at_a_sounds_place_is_a_file_of_the_home(desk: Desk, chief: TestClient, sha256: str) -> None:
    address = f"/calls/{desk.call_ids.of(sha256)}/sound"
    chief.get(address)
    for more in ("/%2e%2e/%2e%2e/accounts.sqlite", "%00", "%2f..%2f..%2faccounts.sqlite", "/accounts.sqlite"):
        assert chief.get(address + more).status_code == 404


def actions(desk: Desk, user: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(entry.action, entry.calls) for entry in audit_entries(desk.home) if entry.user == user]


def test_a_view_a_play_and_numbers_shown_are_recorded_once_each_and_nothing_that_was_said(
    desk: Desk, sha256: str
) -> None:
    browser, address = signed_in(desk, "administrator", "hearer"), f"/calls/{desk.call_ids.of(sha256)}"
    for _ in range(3):
        browser.get(address)
        browser.get(address, headers={"hx-request": "true"})
        browser.get(f"{address}/peaks")
        for start in range(0, 5000, 500):
            browser.get(f"{address}/sound", headers={"range": f"bytes={start}-"})
    shown = browser.get(f"{address}?numbers=shown").text
    assert f'data-sound="{address}/sound?numbers=shown"' in shown
    browser.get(f"{address}/sound?numbers=shown")
    named = (sha256[:CALL_DIGITS],)
    assert actions(desk, "hearer") == [("view", named), ("play", named), ("unmask", named)]
    signed_in(desk, "reviewer", "reader").get(f"{address}?numbers=shown")  # who has not the right
    assert actions(desk, "reader") == [("view", named)]
    signed_in(desk, "coach", "outsider", ("二组",)).get(address)
    assert actions(desk, "outsider") == []
    log = audit_file(desk.home).read_text(encoding="utf-8")
    assert not re.search("家政|洗衣机|李梅|C00000|wav", log)
    check = verify_audit(desk.home)
    assert (check.fault, check.torn) == (None, 0)


def test_what_cannot_be_recorded_is_not_done(desk: Desk, chief: TestClient, sha256: str) -> None:
    browser, address = signed_in(desk, "administrator", "unseen"), f"/calls/{desk.call_ids.of(sha256)}"
    log = audit_file(desk.home)
    kept = log.with_name("kept")
    log.rename(kept)
    log.mkdir()  # nothing can be appended to a folder
    try:
        for path in (address, f"{address}/sound", f"{address}/peaks", address):
            answer = browser.get(path)
            assert answer.status_code == 409, path
            assert "家政" not in answer.text
        for path in ("/sign-out", "/accounts/disable", "/accounts/new"):
            given = {"name": "root", "role": "agent"}
            assert browser.post(path, data=given, headers={"sec-fetch-site": "same-origin"}).status_code == 409, path
        assert desk.accounts.get("root").disabled_at is None  # type: ignore[union-attr]
        assert browser.get("/account").status_code == 200
    finally:
        log.rmdir()
        kept.rename(log)
    assert browser.get(address).status_code == 200
    assert actions(desk, "unseen") == [("view", (sha256[:CALL_DIGITS],))]


def test_a_view_is_recorded_again_after_a_while(tmp_path: Path, desk: Desk) -> None:
    times = iter((0.0, 1.0, AGAIN_S - 1, AGAIN_S + 1, AGAIN_S + 2))
    trail, sha256 = Trail(desk.home, lambda: next(times)), hashlib.sha256(b"a call").hexdigest()
    for _ in range(5):
        trail.note_once("view", "clock", sha256)
    assert len(actions(desk, "clock")) == 2


def test_who_asks_meanwhile_waits_for_the_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = Trail(desk.home)

    def full(*_: object, **__: object) -> None:
        raise CallQAError("full")

    monkeypatch.setattr(trail, "note", full)
    for _ in range(2):  # a record that failed is no record
        with pytest.raises(CallQAError):
            trail.note_once("view", "somebody", "a" * 64)


def test_who_lost_a_call_by_a_correction_of_its_agent_is_told(tmp_path: Path) -> None:
    own, night = make_small_desk(tmp_path, 3)
    judged = next(each for each in night if each.call.cdr.agent_id)
    sha256, agent_id = judged.call.sha256, judged.call.cdr.agent_id
    address = f"/calls/{own.call_ids.of(sha256)}"
    with own.reviews.file.writing() as rows:
        release(rows, "boss", 2, "form", result_of(judged))
    agent = signed_in(own, "agent", "one", agent_id=agent_id)
    stranger = signed_in(own, "agent", "two", agent_id="90017")
    assert agent.get(address).status_code == 200
    kept = artefacts.read(own.home.judged(sha256), JudgedFile)
    cdr = replace(kept.judged.call.cdr, agent_id="90018")
    moved = replace(kept.judged, call=replace(kept.judged.call, cdr=cdr))
    artefacts.write(own.home.judged(sha256), replace(kept, judged=moved))
    answer = agent.get(address)
    assert answer.status_code == 404
    assert "the call is not recorded as yours any more" in answer.text
    # whose it never was learns nothing, nor that there is such a call
    assert same_page(stranger.get(address).text) == same_page(stranger.get(f"/calls/{'0' * 32}").text)
