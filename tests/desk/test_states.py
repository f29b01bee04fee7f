"""The desk in a home without a database, with a new one, with a full disk, with damaged accounts; slow forms."""

from __future__ import annotations

import resource
import socket
import time
from pathlib import Path

import pytest

from desk import routing
from desk.context import make_desk
from pipeline.results.store import build_database
from tests.support.desks import ORIGIN, PASSWORD, make_small_desk, served, session_of, settings_of, signed_in, stranger
from tests.support.factories import make_night, recorded, save

pytestmark = pytest.mark.xdist_group("desk")


def test_a_home_without_a_database_has_no_calls_and_with_its_first_one_it_has(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "home")
    desk = make_desk(settings, dict)
    browser = signed_in(desk, "administrator", "root")
    answer = browser.get("/calls")
    assert "There are no calls here yet" in answer.text
    assert browser.get("/account").status_code == 200
    night = [recorded(each, tmp_path / "inbox" / f"{each.call.cdr.call_id}.wav", 2.0) for each in make_night(2)]
    save(desk.home, night, str(tmp_path / "inbox"))
    for calls in (1, 2):
        build_database(desk.home, settings)
        assert browser.get("/calls").status_code == 200, calls
    desk.home.database.write_bytes(b"no database")
    answer = browser.get("/calls")
    assert answer.status_code in (200, 409, 503)  # of the index that was made, or a plain word
    assert "Traceback" not in answer.text


def test_a_full_disk_lets_people_read_on_and_keeps_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(settings_of(tmp_path / "home"), dict)
    reader = signed_in(desk, "reviewer", "reader")
    reader.get("/account")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 120)  # a use of the session is to be noted
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        assert reader.get("/account").status_code == 200
        given = {"name": "reader", "password": PASSWORD}
        answer = stranger(desk).post("/sign-in", data=given, headers=ORIGIN)
        assert answer.status_code == 409
        assert "accounts.sqlite" in answer.text
        assert "set-cookie" not in answer.headers
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert stranger(desk).post("/sign-in", data=given, headers=ORIGIN).status_code == 303


def test_damaged_accounts_let_nobody_in(tmp_path: Path) -> None:
    desk = make_desk(settings_of(tmp_path / "home"), dict)
    session = session_of(desk, "administrator", "root")
    for file in desk.home.root.glob("accounts.sqlite*"):
        file.unlink()
    (desk.home.root / "accounts.sqlite").write_bytes(b"x" * 8192)
    desk.accounts.file._own.__dict__.clear()
    browser = stranger(desk)
    browser.cookies.set("callqa-session", session)
    answer = browser.get("/account")
    assert answer.status_code == 409
    assert "accounts.sqlite" in answer.text
    assert "root" not in answer.text.replace(str(desk.home.root), "")


def test_a_form_that_does_not_come_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "FORM_S", 0.3)
    desk = make_desk(settings_of(tmp_path / "home"), dict)
    with served(desk) as address:
        host = address.removeprefix("http://")
        with socket.create_connection(host.split(":")) as slow:  # type: ignore[arg-type]
            lines = ("POST /language HTTP/1.1", f"Host: {host}", "Sec-Fetch-Site: same-origin", "Content-Length: 100")
            slow.sendall("\r\n".join((*lines, "", "to=")).encode())
            slow.settimeout(10)
            assert slow.recv(100).startswith(b"HTTP/1.1 408 ")


def test_desks_on_one_home_know_of_each_other(tmp_path: Path) -> None:
    one, night = make_small_desk(tmp_path, 1)
    other = make_desk(one.settings, dict)
    session = session_of(one, "administrator", "root")
    there = stranger(other)
    there.cookies.set("callqa-session", session)
    address = f"/calls/{one.call_ids.of(night[0].call.sha256)}"
    assert there.get(address).status_code == 200  # ids are the same
    one.sessions.end(session)
    assert there.get(address).status_code == 303
