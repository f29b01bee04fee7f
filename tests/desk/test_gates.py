"""What is refused before an endpoint is asked: other sites' requests, other names, what a proxy has not said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from desk.access.guard import NOTHING
from desk.app import make_app
from desk.context import Desk, make_desk
from desk.routing import ENDPOINTS, LARGEST_FORM, SESSION_COOKIE, DeskEndpoint
from pipeline.errors import BadSetting
from pipeline.settings import load_settings
from pipeline.settings.desk import DeskSettings
from pipeline.storage.audit import audit_entries
from tests.support.desks import ORIGIN, PASSWORD, session_of, settings_of, signed_in, stranger

OWN = "http://127.0.0.1:8642"


def desk_with(home: Path, **settings: Any) -> Desk:
    section = DeskSettings.model_validate(settings)
    return make_desk(settings_of(home).model_copy(update={"desk": section}), dict)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_with(tmp_path_factory.mktemp("gates") / "home")


@pytest.fixture(scope="module")
def chief(desk: Desk) -> TestClient:
    return signed_in(desk, "administrator", "root")


FROM_ELSEWHERE: list[dict[str, str]] = [
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "SAME-ORIGIN, cross-site"},
    {"sec-fetch-site": ""},
    {"sec-fetch-site": "cross-site", "origin": OWN},
    {"origin": "null"},
    {"origin": "http://127.0.0.1"},
    {"origin": "http://127.0.0.1:8643"},
    {"origin": "https://127.0.0.1:8642"},
    {"origin": "http://127.0.0.1:8642.example.com"},
    {"origin": "http://localhost:8642"},
    {"origin": f"{OWN}/"},
    {"origin": "http://evil.example", "referer": f"{OWN}/calls"},
    {"referer": f"{OWN}/calls"},
]


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.method != "GET"], ids=lambda e: f"{e.method} {e.path}")
def test_no_other_site_makes_a_browser_do_anything(desk: Desk, chief: TestClient, endpoint: DeskEndpoint) -> None:
    path = re.sub(r"\{\w+\}", "1", endpoint.path)
    before = len(list(audit_entries(desk.home)))
    for headers in FROM_ELSEWHERE:
        answer = chief.post(path, data={"name": "root", "password": PASSWORD}, headers=headers)
        assert (answer.status_code, answer.text) == (403, "cross-site request refused"), headers
    assert len(list(audit_entries(desk.home))) == before
    assert chief.get("/account").status_code == 200


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": OWN}])
def test_own_pages_do(chief: TestClient, headers: dict[str, str]) -> None:
    assert chief.post("/language", data={"language": "en", "to": "/account"}, headers=headers).status_code == 303


def test_a_page_of_the_public_address_is_an_own_page(tmp_path: Path) -> None:
    desk = desk_with(tmp_path / "home", address="https://desk.example.com")
    behind = TestClient(make_app(desk), "http://desk.example.com", follow_redirects=False)  # as a proxy passes it on
    given = {"language": "en", "to": "/"}
    assert behind.post("/language", data=given, headers={"origin": "https://desk.example.com"}).status_code == 303
    assert behind.post("/language", data=given, headers={"origin": "https://example.com"}).status_code == 403


@pytest.mark.parametrize(
    "to", ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/\n/evil", "javascript:1"]
)
def test_nobody_is_sent_elsewhere(chief: TestClient, to: str) -> None:
    answer = chief.post("/language", data={"language": "en", "to": to}, headers=ORIGIN)
    assert answer.headers["location"] == "/"


HOSTS = {
    "127.0.0.1:8642": 200, "127.0.0.1": 200, "localhost:1": 200, "LOCALHOST": 200, "[::1]:8642": 200,
    "desk.example.com": 200, "desk.example.com.:8642": 200, "other.example.com": 200,
    "evil.example": 421, "127.0.0.1.evil.example": 421, "": 421, "127.0.0.1@evil.example": 421, "0.0.0.0": 421,
    "desk.example.com/evil": 421, "127.0.0.1:port": 421, "[": 421, "127.0.0.2": 421,
}  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_only_names_of_ours_are_answered(tmp_path: Path, host: str) -> None:
    desk = desk_with(tmp_path / "home", address="https://desk.example.com", hosts=["other.example.com"], host="0.0.0.0")
    browser = TestClient(make_app(desk), OWN)
    for path in ("/sign-in", "/static/desk.css"):
        assert browser.get(path, headers={"host": host}).status_code == HOSTS[host]


def test_every_answer_has_the_headers_that_hold_a_browser_back(desk: Desk, chief: TestClient) -> None:
    answers = [
        chief.get("/account"), chief.get("/nowhere"), chief.get("/static/desk.css"), chief.get("/static/nowhere"),
        chief.post("/language"), chief.post("/accounts"), chief.put("/account"), chief.options("/account"),
        chief.get("/accounts/one?name=nobody"), stranger(desk).get("/account"),
        chief.get("/account", headers={"host": "evil.example"}),
    ]  # fmt: skip
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "*" not in policy
        assert policy == NOTHING or "default-src 'none'" in policy
        for part in ("base-uri 'none'", "frame-ancestors 'none'"):
            assert part in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers
    nonces = {
        re.findall(r"'nonce-([^']+)'", chief.get("/account").headers["content-security-policy"])[0] for _ in range(5)
    }
    assert len(nonces) == 5
    assert chief.get("/account").headers["cache-control"] == "no-store"


def test_cookies_are_for_nobody_but_us_and_with_tls_for_tls_alone(tmp_path: Path) -> None:
    plain = desk_with(tmp_path / "plain")
    plain.accounts.make("one", "reviewer", PASSWORD)
    given = {"name": "one", "password": PASSWORD}
    for each in stranger(plain).post("/sign-in", data=given, headers=ORIGIN).headers.get_list("set-cookie"):
        assert "HttpOnly" in each
        assert "SameSite=lax" in each
        assert "Path=/" in each
        assert "Domain" not in each
        assert "Secure" not in each
    secure = desk_with(tmp_path / "secure", address="https://desk.example.com")
    secure.accounts.make("one", "reviewer", PASSWORD)
    answer = stranger(secure).post("/sign-in", data=given, headers=ORIGIN)
    cookies = answer.headers.get_list("set-cookie")
    assert any(each.startswith(f"__Host-{SESSION_COOKIE}=") for each in cookies)
    assert all("Secure" in each for each in cookies)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def behind(desk: Desk, peer: str, **headers: str) -> TestClient:
    client = TestClient(
        make_app(desk), OWN, client=(peer, 4000), follow_redirects=False, headers={"accept-language": "en"}
    )
    client.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return client


@pytest.fixture
def proxied(tmp_path: Path) -> Desk:
    desk = desk_with(
        tmp_path / "home", proxy_header="X-Remote-User", trusted_proxies=["10.0.0.5/32", "fd00::/64"],
        proxy_sign_out="https://login.example.com/out",
    )  # fmt: skip
    desk.accounts.make("li.mei", "reviewer")
    desk.accounts.make("root", "administrator")
    return desk


@pytest.mark.parametrize("peer", ["10.0.0.5", "::ffff:10.0.0.5", "fd00::7"])
def test_whom_a_trusted_proxy_names_is_in(proxied: Desk, peer: str) -> None:
    browser = behind(proxied, peer, x_remote_user="li.mei", x_forwarded_for="6.6.6.6, 192.0.2.7")
    assert "reviewer" in browser.get("/account").text
    assert browser.get("/accounts").status_code == 403
    assert not browser.cookies
    told = [(entry.action, entry.user, entry.details) for entry in audit_entries(proxied.home)]
    assert told == [("login", "li.mei", {"way": "proxy", "address": "192.0.2.7"})]
    out = browser.post("/sign-out", headers=ORIGIN)
    assert out.headers["location"] == "https://login.example.com/out"
    assert "form-action 'self' https://login.example.com;" in browser.get("/account").headers["content-security-policy"]


@pytest.mark.parametrize("peer", ["10.0.0.6", "127.0.0.1", "::1", "fd00:0:0:1::7", "", "10.0.0.5.example.com"])
def test_the_header_of_anybody_else_means_nothing(proxied: Desk, peer: str) -> None:
    assert behind(proxied, peer, x_remote_user="root").get("/account").status_code == 303
    # nor does it take away who is signed in
    browser = behind(proxied, peer, x_remote_user="root")
    browser.cookies.set(SESSION_COOKIE, session_of(proxied, "reviewer", "li.mei"))
    assert browser.get("/accounts").status_code == 403


def test_a_proxy_that_names_nobody_or_several_lets_nobody_in(proxied: Desk) -> None:
    assert behind(proxied, "10.0.0.5").get("/account").status_code == 303
    assert behind(proxied, "10.0.0.5", x_remote_user="").get("/account").status_code == 303
    proxy = behind(proxied, "10.0.0.5")
    twice = [("x-remote-user", "li.mei"), ("x-remote-user", "root")]
    assert proxy.get("/account", headers=twice).status_code == 303
    assert proxy.get("/account", headers=[("x-remote-user", "li.mei, root")]).status_code == 403


def test_accounts_that_the_desk_does_not_know_are_made_only_where_the_settings_say_so(tmp_path: Path) -> None:
    trusted = {"proxy_header": "X-Remote-User", "trusted_proxies": ["10.0.0.5/32"]}
    closed = behind(desk_with(tmp_path / "a", **trusted), "10.0.0.5")
    desk = desk_with(tmp_path / "b", **trusted, new_account_role="agent")
    named = [(b"x-remote-user", "王 强".encode())]
    assert closed.get("/account", headers=named).status_code == 403
    page = behind(desk, "10.0.0.5").get("/account", headers=named).text
    assert "王 强" in page
    assert "agent" in page
    desk.accounts.make("root", "administrator")
    desk.accounts.disable("王 强")
    assert behind(desk, "10.0.0.5", x_remote_user="root").get("/account").status_code == 200
    assert behind(desk, "10.0.0.5").get("/account", headers=named).status_code == 403


def test_what_a_proxy_signed_in_is_not_done_from_another_site_either(proxied: Desk) -> None:
    browser = behind(proxied, "10.0.0.5", x_remote_user="root")
    assert (
        browser.post("/accounts/disable", data={"name": "li.mei"}, headers={"origin": "http://evil"}).status_code == 403
    )


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"proxy_header": "X-Remote-User", "host": "0.0.0.0"}, "anybody could name any account"),
        ({"proxy_header": "X-Remote-User", "host": "192.0.2.1"}, "anybody could name any account"),
        ({"proxy_header": "X-Remote-User", "host": "desk.example.com"}, "anybody could name any account"),
        ({"proxy_header": "X-Remote-User"}, "name the networks of your proxies"),
        ({"proxy_header": "X-Remote-User", "trusted_proxies": ["0.0.0.0/0"]}, "holds every address"),
        ({"proxy_header": "X-Remote-User", "trusted_proxies": ["10.0.0.5/32", "::/0"]}, "holds every address"),
        ({"certificate": "a.pem"}, "go together"),
    ],
)
def test_a_desk_that_anybody_could_enter_does_not_start(tmp_path: Path, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadSetting, match=fault):
        desk_with(tmp_path / "home", **settings)


@pytest.mark.parametrize(
    "line",
    [
        "proxy_header = 'Cookie'", "proxy_header = 'X Remote'", "trusted_proxies = ['10.0.0.5/8']",
        "trusted_proxies = ['proxy']", "address = 'desk.example.com'", "address = 'https://desk.example.com/desk'",
        "address = 'https://a:b@desk.example.com'", "proxy_sign_out = 'javascript:alert(1)'", "port = 70000",
        "new_account_role = 'root'", "idle_minutes = 1",
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_told(tmp_path: Path, line: str) -> None:
    file = tmp_path / "callqa.toml"
    file.write_text(f"[desk]\n{line}\n", encoding="utf-8")
    with pytest.raises(BadSetting, match=rf"desk\.{line.split()[0]}: must be") as error:
        load_settings(file)
    assert "应" in error.value.in_language("zh")


def test_addresses_before_proxies_of_ours_may_be_made_up(proxied: Desk) -> None:
    seen = []
    proxied.attempts.begin = lambda name, address, known="": seen.append(address) or 1.0  # type: ignore
    for peer, passed in (
        ("10.0.0.5", "6.6.6.6, 192.0.2.7"), ("10.0.0.5", "192.0.2.7, 10.0.0.5"), ("192.0.2.9", "6.6.6.6"),
        ("10.0.0.5", ""), ("10.0.0.5", "not an address"),
    ):  # fmt: skip
        behind(proxied, peer, x_forwarded_for=passed).post("/sign-in", data={"name": "a"}, headers=ORIGIN)
    assert seen == ["192.0.2.7", "192.0.2.7", "192.0.2.9", "", "not an address"]


def test_a_form_is_read_only_from_who_may_send_it_and_only_so_far(desk: Desk, chief: TestClient) -> None:
    much = b"to=" + b"a" * LARGEST_FORM
    assert chief.post("/language", content=much, headers=ORIGIN).status_code == 413
    assert stranger(desk).post("/accounts/new", content=much, headers=ORIGIN).status_code == 401
    assert signed_in(desk, "reviewer", "r").post("/accounts/new", content=much, headers=ORIGIN).status_code == 403
    assert chief.post("/language", content=b"&a=1" * 1001, headers=ORIGIN).status_code == 400
    assert chief.post("/language", content=b"\xff\xfe=%ff&language=%00", headers=ORIGIN).status_code == 303


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_do_nothing(chief: TestClient, method: str) -> None:
    for path in ("/account", "/accounts/disable", "/sign-out", "/static/desk.css"):
        answer = chief.request(method, path, headers=ORIGIN)
        assert answer.status_code == 405, path
    assert chief.get("/account").status_code == 200


def test_head_is_answered_as_get_without_its_body(chief: TestClient) -> None:
    answer = chief.head("/account")
    assert (answer.status_code, answer.content) == (200, b"")


STRANGE = (
    "/%00", "/calls/%00", "/calls/..%2f..%2fetc%2fpasswd", "/calls/%2e%2e/%2e%2e", "/calls/\u202e", "/calls/张三",
    "/calls/%ff%fe", "/new-account/%0d%0aset-cookie:%20a=b", "/sign-in?to=%0d%0aset-cookie:%20a=b", "//evil.example",
    "/accounts/one?name=%00", "/accounts/one?name=%ff", "/calls?from=x%00", "/" + "a" * 5000,
    "/accounts/one?name=" + "a" * 5000, "/new-account/' OR 1=1 --",
)  # fmt: skip


@pytest.mark.parametrize("path", STRANGE)
def test_strange_addresses_are_answered_plainly(chief: TestClient, path: str) -> None:
    answer = chief.get(path)
    assert answer.status_code in (200, 303, 307, 400, 404, 409, 503), answer.text
    assert "evil.example" not in answer.headers.get("location", "").split("?")[0]
    assert "a=b" not in str(answer.headers.get("set-cookie"))
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["../accounts.py", "..%2faccounts.py", "%2e%2e/accounts.py", "....//accounts.py", "vendor/../../accounts.py",
     "/etc/passwd", "%2fetc%2fpasswd", "..%5caccounts.py", "desk.css%00.js", "vendor/"],
)  # fmt: skip
def test_nothing_lies_beside_the_static_files(chief: TestClient, path: str) -> None:
    assert chief.get(f"/static/{path}").status_code == 404


def test_what_nobody_thought_of_is_a_plain_page_and_a_line_without_values(
    desk: Desk, chief: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the customer said 13800138000")

    monkeypatch.setattr(desk.sessions, "of", broken)
    answer = chief.get("/account?secret=1")
    assert answer.status_code == 500
    assert "logs/error.log" in answer.text
    log = (desk.home.root / "logs" / "error.log").read_text(encoding="utf-8")
    assert "RuntimeError" in log
    assert "GET /account\n" in log
    for value in ("13800138000", "secret"):
        assert value not in log + answer.text
