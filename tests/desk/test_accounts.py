"""Accounts: links, passwords, roles that hold at once, sessions and their ends, limits of guessing."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from desk.access.attempts import COUNTED_S, FAILURES_OF_ACCOUNT, FAILURES_OF_ADDRESS, MOST_COUNTED, Attempts
from desk.accounts import LINK_S, BadAccount
from desk.context import Desk, make_desk
from desk.routing import SESSION_COOKIE
from tests.support.desks import ORIGIN, PASSWORD, session_of, settings_of, signed_in, stranger

OTHER = "another password"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return make_desk(settings_of(tmp_path / "home"), dict)


def sign_in(browser: TestClient, name: str, password: str = PASSWORD) -> int:
    return browser.post("/sign-in", data={"name": name, "password": password}, headers=ORIGIN).status_code


def link_in(page: str) -> str:
    found = re.search(r"/new-account/[\w-]+", page)
    assert found
    return found[0]


def test_somebody_is_invited_chooses_a_password_and_is_changed_and_disabled(desk: Desk) -> None:
    chief, guest = signed_in(desk, "administrator", "root"), stranger(desk)
    given = {"name": "wang", "role": "supervisor", "teams": "一组，二组"}
    link = link_in(chief.post("/accounts/new", data=given, headers=ORIGIN).text)
    assert link not in chief.get("/accounts").text
    assert sign_in(guest, "wang", "") == 403
    assert guest.post(link, data={"name": "root", "password": OTHER}, headers=ORIGIN).status_code == 303
    assert "一组, 二组" in guest.get("/account").text
    assert guest.get(link).status_code == 404
    assert desk.accounts.signs_in("root", OTHER) is None
    change = {"name": "wang", "role": "reviewer", "shown_name": "王", "teams": "", "agent_id": ""}
    assert chief.post("/accounts/change", data=change, headers=ORIGIN).status_code == 303
    assert "王 <small>reviewer" in guest.get("/account").text
    assert chief.post("/accounts/disable", data={"name": "wang"}, headers=ORIGIN).status_code == 303
    assert guest.get("/account").status_code == 303
    assert sign_in(stranger(desk), "wang", OTHER) == 403
    chief.post("/accounts/enable", data={"name": "wang"}, headers=ORIGIN)
    assert sign_in(stranger(desk), "wang", OTHER) == 303
    new = link_in(chief.post("/accounts/reset", data={"name": "wang"}, headers=ORIGIN).text)
    assert sign_in(stranger(desk), "wang", OTHER) == 403
    assert stranger(desk).post(new, data={"password": PASSWORD}, headers=ORIGIN).status_code == 303


def test_passwords_are_kept_as_argon2id_and_secrets_as_hashes(desk: Desk) -> None:
    session = session_of(desk, "reviewer", "one")
    token = desk.accounts.make_link("one")
    with desk.accounts.file.reading() as rows:
        (stored,) = rows.execute("SELECT password FROM accounts").fetchone()
        everything = "".join(rows.iterdump())
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PasswordHasher().verify(stored, PASSWORD)
    for secret in (PASSWORD, session, token):
        assert secret not in everything


@pytest.mark.parametrize(
    "password", ["", "short", "a" * 20, "aabbaabbaabb", "li.mei.from.harbour", "x" * 100 + "yzuvwabc" * 20]
)
def test_a_password_that_is_easily_guessed_is_refused(desk: Desk, password: str) -> None:
    with pytest.raises(BadAccount):
        desk.accounts.make("li.mei.from.harbour", "reviewer", password)
    assert not desk.accounts.any()


@pytest.mark.parametrize("name", ["", " a", "a ", "a" * 81, "a\u202eb", "a\x00b", "a\nb", "\u200b"])
def test_what_is_no_name_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(BadAccount):
        desk.accounts.make(name, "reviewer")


def test_no_two_accounts_have_names_that_look_alike(desk: Desk) -> None:
    desk.accounts.make("Li.Mei", "reviewer", PASSWORD)
    for name in ("li.mei", "LI.MEI", "ｌｉ．ｍｅｉ"):
        with pytest.raises(BadAccount):
            desk.accounts.make(name, "administrator")
    assert sign_in(stranger(desk), "li.mei") == 303
    assert sign_in(stranger(desk), "Li.Mei", "ｌｏｎｇ　ｅｎｏｕｇｈ") == 303  # as an input method writes it


def test_the_last_administrator_stays(desk: Desk) -> None:
    chief = signed_in(desk, "administrator", "root")
    desk.accounts.make("two", "reviewer")
    for page, more in (("disable", {}), ("change", {"role": "reviewer"})):
        answer = chief.post(f"/accounts/{page}", data={"name": "root", **more}, headers=ORIGIN)
        assert answer.status_code == 409
        assert "last administrator" in answer.text
    desk.accounts.change("two", role="administrator")
    assert chief.post("/accounts/disable", data={"name": "root"}, headers=ORIGIN).status_code == 303
    assert chief.get("/accounts").status_code == 303


def test_the_first_link_is_good_for_the_first_account_and_no_other(desk: Desk) -> None:
    old, new = desk.accounts.make_first_link(), desk.accounts.make_first_link()
    assert stranger(desk).get(f"/new-account/{old}").status_code == 404
    assert stranger(desk).get(f"/new-account/{new}").status_code == 200
    desk.accounts.make("somebody", "administrator")
    given = {"name": "intruder", "password": PASSWORD}
    assert stranger(desk).post(f"/new-account/{new}", data=given, headers=ORIGIN).status_code == 404
    assert desk.accounts.get("intruder") is None


def test_a_link_ends_with_its_day_its_account_and_the_next_link(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.accounts.make("root", "administrator")
    desk.accounts.make("one", "reviewer")
    first, second = desk.accounts.make_link("one"), desk.accounts.make_link("one")
    assert desk.accounts.link(first) is None
    assert desk.accounts.link(second) is not None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LINK_S + 1)
    assert desk.accounts.link(second) is None
    monkeypatch.undo()
    desk.accounts.disable("one")
    desk.accounts.enable("one")
    assert desk.accounts.link(second) is None


def test_a_changed_password_ends_all_other_sessions(desk: Desk) -> None:
    here, there = signed_in(desk, "reviewer", "one"), signed_in(desk, "reviewer", "one")
    right = {"password": PASSWORD, "new": OTHER}
    assert here.post("/account/password", data={**right, "password": "wrong one"}, headers=ORIGIN).status_code == 403
    assert here.post("/account/password", data={**right, "new": "short"}, headers=ORIGIN).status_code == 409
    assert there.get("/account").status_code == 200
    assert here.post("/account/password", data=right, headers=ORIGIN).status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert sign_in(stranger(desk), "one") == 403


def test_a_password_is_not_guessed_in_a_browser_that_was_left_open(desk: Desk) -> None:
    browser = signed_in(desk, "reviewer", "one")
    desk.accounts.signs_in = lambda name, password: None  # type: ignore[method-assign]
    given = {"password": "guess", "new": OTHER}
    answers = [browser.post("/account/password", data=given, headers=ORIGIN).status_code for _ in range(12)]
    assert answers == [403] * FAILURES_OF_ACCOUNT + [429] * 2


def test_one_ends_all_sessions_but_the_own(desk: Desk) -> None:
    here, there = signed_in(desk, "reviewer", "one"), signed_in(desk, "reviewer", "one")
    page = here.get("/account").text
    assert page.count("<tr>") == 3
    assert page.count("this one") == 1
    assert here.post("/account/sessions/end", headers=ORIGIN).status_code == 303
    assert (here.get("/account").status_code, there.get("/account").status_code) == (200, 303)


def test_a_session_ends_unused_and_in_any_case(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, begun = desk.settings.desk, time.time()
    idle_s, longest_s = settings.idle_minutes * 60, settings.longest_hours * 3600
    session, at = session_of(desk, "reviewer", "one"), begun
    monkeypatch.setattr(time, "time", lambda: at)
    while at < begun + longest_s - 1:
        assert desk.sessions.user_of(session) is not None
        at += idle_s - 61  # a use is noted to the minute
    at = begun + longest_s + 1
    assert desk.sessions.user_of(session) is None
    session = session_of(desk, "reviewer", "one")
    at += idle_s + 1
    assert desk.sessions.user_of(session) is None


def test_a_session_is_new_after_signing_in_and_gone_after_signing_out(desk: Desk) -> None:
    browser = stranger(desk)
    desk.accounts.make("one", "reviewer", PASSWORD)
    browser.cookies.set(SESSION_COOKIE, "chosen-by-somebody-else")
    assert sign_in(browser, "one") == 303
    first = browser.cookies.get(SESSION_COOKIE, domain="127.0.0.1")
    assert first
    assert len(first) >= 43
    assert sign_in(browser, "one") == 303
    assert desk.sessions.user_of(first) is None  # the one that the browser had
    second = str(browser.cookies.get(SESSION_COOKIE, domain="127.0.0.1"))
    assert browser.post("/sign-out", headers=ORIGIN).status_code == 303
    assert desk.sessions.user_of(second) is None


def test_a_role_holds_from_the_next_request_on(desk: Desk) -> None:
    browser = signed_in(desk, "administrator", "one")
    desk.accounts.make("root", "administrator")
    assert browser.get("/accounts").status_code == 200
    desk.accounts.change("one", role="agent", agent_id="1001")
    assert browser.get("/accounts").status_code == 403


def test_nobody_is_told_which_names_there_are(desk: Desk) -> None:
    desk.accounts.make("there", "reviewer", PASSWORD)
    desk.accounts.make("invited", "reviewer")
    desk.accounts.make("off", "reviewer", PASSWORD)
    desk.accounts.make("root", "administrator")
    desk.accounts.disable("off")
    pages, cpu = {}, {}
    for name in ("there", "invited", "off", "nobody"):
        begun = time.process_time()
        answer = stranger(desk).post("/sign-in", data={"name": name, "password": "wrong one"}, headers=ORIGIN)
        cpu[name] = time.process_time() - begun
        pages[name] = (answer.status_code, re.sub(r'nonce="[^"]*"', "", answer.text), set(answer.headers))
    assert len({repr(page) for page in pages.values()}) == 1
    # each is a whole hash of argon2; without it an answer takes a tenth
    assert min(cpu.values()) > max(cpu.values()) / 3, cpu


class Clock:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_guessing_is_limited_by_account_and_by_address_and_for_a_while() -> None:
    clock = Clock()
    attempts = Attempts(b"k" * 16, clock)
    for number in range(FAILURES_OF_ACCOUNT):
        assert attempts.begin("root", f"10.0.0.{number}") == 0
    assert attempts.begin("ROOT", "10.0.1.1") == COUNTED_S
    assert attempts.begin("nobody", "10.0.1.1") == 0
    for number in range(FAILURES_OF_ADDRESS):
        assert attempts.begin(f"name {number}", "10.9.9.9") == 0
    assert attempts.begin("another", "10.9.9.9") > 0
    assert attempts.begin("another", "10.9.9.8") == 0
    clock.at += COUNTED_S + 1
    assert attempts.begin("root", "10.9.9.9") == 0


def test_who_has_signed_in_before_is_not_locked_out_by_who_guesses() -> None:
    clock = Clock()
    attempts = Attempts(b"k" * 16, clock)
    known = attempts.known_browser("root")
    for _ in range(3 * FAILURES_OF_ADDRESS):
        attempts.begin("root", "10.0.0.1")
    assert attempts.begin("root", "10.0.0.1") > 0
    assert attempts.begin("root", "10.0.0.1", known) == 0  # from the same address too
    for forged in (known + "0", known.replace(".", "x."), ".", "x.", "x.y", Attempts(b"o" * 16).known_browser("root")):
        assert attempts.begin("root", "10.0.0.2", forged) > 0
    assert attempts.begin("other", "10.0.0.3", known) == 0  # counted as a browser that is not known
    for _ in range(FAILURES_OF_ACCOUNT - 1):
        attempts.begin("root", "10.0.0.1", known)
    assert attempts.begin("root", "10.0.0.1", known) > 0  # a browser that was stolen does not guess for ever


def test_a_success_is_no_failure() -> None:
    attempts = Attempts(b"k" * 16, Clock())
    for _ in range(5 * FAILURES_OF_ADDRESS):
        assert attempts.begin("one", "10.0.0.1") == 0
        attempts.succeeded("one", "10.0.0.1")


def test_what_is_counted_stays_small_and_a_network_of_ipv6_is_one_address() -> None:
    attempts = Attempts(b"k" * 16, Clock())
    for number in range(MOST_COUNTED + 500):
        attempts.begin(f"n{number}", f"2001:db8::{number:x}")
    assert len(attempts._failures) <= MOST_COUNTED
    assert attempts.begin("new", "2001:db8::ffff:1") > 0
    assert attempts.begin("new", "2001:db8:0:1::1") == 0


def test_a_whole_sign_in_is_limited_and_the_answer_says_for_how_long(desk: Desk) -> None:
    desk.accounts.make("root", "administrator", PASSWORD)
    desk.accounts.signs_in = lambda name, password: None  # type: ignore[method-assign]
    for name in ("root", "nobody"):
        browser = stranger(desk)
        answers = [sign_in(browser, name, "guess") for _ in range(FAILURES_OF_ACCOUNT + 1)]
        assert answers == [403] * FAILURES_OF_ACCOUNT + [429]
    answer = browser.post("/sign-in", data={"name": "root", "password": PASSWORD}, headers=ORIGIN)
    assert 0 < int(answer.headers["retry-after"]) <= COUNTED_S


def test_accounts_of_the_first_kind_are_brought_up_to_date(tmp_path: Path) -> None:
    from desk.accounts import MIGRATIONS

    (tmp_path / "home").mkdir()
    with sqlite3.connect(tmp_path / "home" / "accounts.sqlite") as old:
        old.executescript("CREATE TABLE migrations (subject TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;")
        old.executescript(MIGRATIONS[0])
        old.execute("INSERT INTO migrations VALUES ('accounts', 1)")
        hashed = PasswordHasher().hash(PASSWORD)
        old.execute(
            "INSERT INTO accounts VALUES ('Root', 'Root', 'administrator', ?, NULL, '[]', NULL, NULL, 1)", (hashed,)
        )
    old.close()
    desk = make_desk(settings_of(tmp_path / "home"), dict)
    assert sign_in(stranger(desk), "root") == 303
