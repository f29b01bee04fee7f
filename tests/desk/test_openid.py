"""Signing in through an OpenID Connect issuer that the test runs itself: real keys, discovery, exchange of the code."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.testclient import TestClient

from desk.context import Desk, make_desk
from pipeline.errors import BadSetting
from pipeline.settings.desk import DeskSettings, OpenIdSettings
from pipeline.storage.audit import audit_entries
from tests.support.desks import PASSWORD, settings_of, stranger
from tests.support.issuer import CLIENT, SECRET, Change, Issuer, issuer, key_of

ROLES = {"leads": "supervisor", "listeners": "reviewer"}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    monkeypatch.setenv("CALLQA_OIDC_SECRET", SECRET)
    with issuer() as made:
        made.claims = {"sub": "42", "preferred_username": "li.mei", "roles": ["staff", "listeners"], "name": "李梅"}
        yield made


@pytest.fixture
def desk(there: Issuer, tmp_path: Path) -> Desk:
    settings = settings_of(tmp_path / "home")
    openid = OpenIdSettings.model_validate(
        {"issuer": there.address, "roles": ROLES, "client_id": CLIENT, "teams_claim": "org.teams"}
    )
    return make_desk(settings.model_copy(update={"openid": openid}), dict)


def go(browser: TestClient, to: str = "/account") -> str:
    """To the issuer and back; the address at which the browser comes back."""
    answer = browser.get("/sign-in/openid", params={"to": to})
    assert answer.status_code == 303, answer.text
    return httpx.get(answer.headers["location"]).headers["location"]


def come_back(browser: TestClient, address: str) -> httpx.Response:
    parts = urlsplit(address)
    return browser.get(parts.path, params=dict(parse_qsl(parts.query)))


def test_somebody_signs_in_and_has_the_role_of_their_group(desk: Desk, there: Issuer) -> None:
    browser = stranger(desk)
    assert "/sign-in/openid" in browser.get("/sign-in").text
    answer = come_back(browser, go(browser))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    page = browser.get("/account").text
    assert "李梅" in page
    assert "reviewer" in page
    assert 'name="new"' not in page  # no password here
    there.claims |= {"roles": "leads", "org": {"teams": ["一组", "二组"]}, "preferred_username": "renamed"}
    come_back(browser, go(browser))
    account = desk.accounts.get("li.mei")
    assert account is not None
    assert (account.user.role, account.user.teams) == ("supervisor", ("一组", "二组"))
    assert desk.accounts.get("renamed") is None
    told = [(entry.action, entry.user, entry.details.get("way")) for entry in audit_entries(desk.home)]
    assert told == [
        ("account.made", "li.mei", "openid"), ("login", "li.mei", "openid"),
        ("account.changed", "li.mei", "openid"), ("login", "li.mei", "openid"),
    ]  # fmt: skip


def expired(header: dict[str, Any], claims: dict[str, Any]) -> None:
    claims["exp"] = time.time() - 120


def claim(**values: Any) -> Change:
    return lambda header, claims: claims.update(values)


def without(name: str) -> Change:
    return lambda header, claims: claims.pop(name)


REFUSED: dict[str, Change] = {
    "another issuer": claim(iss="http://127.0.0.1:1"),
    "another audience": claim(aud="somebody-else"),
    "several audiences without saying for whom": claim(aud=["callqa", "somebody-else"], azp="somebody-else"),
    "another nonce": claim(nonce="n"),
    "no nonce": without("nonce"),
    "expired": expired,
    "no end": without("exp"),
    "not yet": claim(nbf=2**33),
    "issued tomorrow": claim(iat=time.time() + 86400),
    "nobody": claim(sub=""),
    "another access token": claim(at_hash="x"),
    "no role": claim(roles=["staff"]),
    "no name": claim(preferred_username=None),
    "a name that is none": claim(preferred_username="a\u202eb"),
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_what_the_issuer_did_not_say_for_us_now_is_refused(desk: Desk, there: Issuer, change: Change) -> None:
    there.change = change
    browser = stranger(desk)
    assert come_back(browser, go(browser)).status_code == 409
    nobody_is_in(desk, browser)


def unsigned(token: str) -> str:
    payload = token.split(".")[1]
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "one"}).encode()).decode().rstrip("=")
    return f"{header}.{payload}."


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    known: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return known


def test_a_token_that_is_signed_otherwise_is_refused(desk: Desk, there: Issuer) -> None:
    own = key_of("another")
    public = there.keys["one"].as_pem(private=False)

    def by_another(token: str) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims_of(token), own)

    def by_the_public_key(token: str) -> str:
        header = {"alg": "HS256", "kid": "one"}
        return jwt.encode(header, claims_of(token), OctKey.import_key(public), algorithms=["HS256"])

    def changed(token: str) -> str:
        head, _, signature = token.split(".")
        claims = {**claims_of(token), "roles": ["leads"]}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return f"{head}.{payload}.{signature}"

    for raw in (unsigned, by_another, by_the_public_key, changed, lambda token: "", lambda token: "a.b.c"):
        there.raw = raw
        browser = stranger(desk)
        assert come_back(browser, go(browser)).status_code == 409
        nobody_is_in(desk, browser)


def nobody_is_in(desk: Desk, browser: TestClient) -> None:
    assert browser.get("/account").status_code == 303
    assert not desk.accounts.any()
    assert [entry.action for entry in audit_entries(desk.home)][-1] == "login.failed"


def test_only_the_browser_that_began_can_come_back_and_once(desk: Desk, there: Issuer) -> None:
    browser, other = stranger(desk), stranger(desk)
    back = go(browser)
    assert come_back(other, back).status_code == 409  # without its cookie
    other.get("/sign-in/openid")
    assert come_back(other, back).status_code == 409  # with another's
    assert come_back(browser, back.replace("state=", "state=x")).status_code == 409
    assert come_back(browser, back.replace("iss=", "iss=x")).status_code == 409
    assert come_back(browser, back).status_code == 303
    browser.cookies.clear()
    assert come_back(browser, back).status_code == 409


def test_a_sign_in_that_takes_too_long_is_begun_again(
    desk: Desk, there: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = stranger(desk)
    back, now = go(browser), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 601)
    assert come_back(browser, back).status_code == 409


def test_a_name_that_is_here_already_is_not_taken_over(desk: Desk, there: Issuer) -> None:
    desk.accounts.make("li.mei", "administrator", PASSWORD)
    desk.accounts.make("invited", "supervisor")
    for name in ("li.mei", "Li.Mei", "invited"):
        there.claims = {**there.claims, "preferred_username": name}
        browser = stranger(desk)
        assert come_back(browser, go(browser)).status_code == 409
        assert browser.get("/account").status_code == 303


def test_a_disabled_account_stays_out(desk: Desk, there: Issuer) -> None:
    browser = stranger(desk)
    come_back(browser, go(browser))
    desk.accounts.make("root", "administrator")
    desk.accounts.disable("li.mei")
    assert browser.get("/account").status_code == 303
    assert come_back(browser, go(browser)).status_code == 409


def test_a_new_key_of_the_issuer_is_asked_for(desk: Desk, there: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = stranger(desk)
    assert come_back(browser, go(browser)).status_code == 303
    there.keys["two"] = key_of("two")
    there.published, there.signs_by = ["one", "two"], "two"
    assert come_back(browser, go(browser)).status_code == 409  # asked for a moment ago
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert come_back(browser, go(browser)).status_code == 303


def test_who_answers_under_another_name_is_not_the_issuer(desk: Desk, there: Issuer) -> None:
    there.name = "http://127.0.0.1:1"
    assert stranger(desk).get("/sign-in/openid").status_code == 409


def test_an_issuer_that_anybody_could_pretend_to_be_is_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    openid = OpenIdSettings.model_validate({"issuer": "http://login.example.com"})
    with pytest.raises(BadSetting, match="needs https"):
        make_desk(settings.model_copy(update={"openid": openid}), dict)


def test_passwords_can_be_switched_off(desk: Desk, there: Issuer, tmp_path: Path) -> None:
    section = DeskSettings.model_validate({"passwords": False})
    desk = make_desk(desk.settings.model_copy(update={"desk": section}), dict)
    browser = stranger(desk)
    assert 'type="password"' not in browser.get("/sign-in").text
    given = {"name": "a", "password": "b"}
    assert browser.post("/sign-in", data=given, headers={"sec-fetch-site": "same-origin"}).status_code == 404
