"""`callqa desk` and `callqa user` as they are typed: links, a port in use, Ctrl-C, two desks on one home."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from pipeline.storage.audit import audit_entries
from pipeline.storage.home import Home
from tests.support.desks import PASSWORD, make_small_desk
from tests.support.nights import CALLQA, callqa, environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("desk")]

GIVEN = {"name": "root", "password": PASSWORD}


@dataclass(frozen=True)
class Running:
    """A desk that runs: what it printed, and its address."""

    process: subprocess.Popen[str]
    printed: list[str]

    @property
    def address(self) -> str:
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+(?=;|；)", self.printed[-1])
        return str(address)

    def post(self, path: str, data: dict[str, str], cookies: httpx.Cookies | None = None) -> httpx.Response:
        return httpx.post(self.address + path, data=data, cookies=cookies, headers={"origin": self.address})


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("command")
    (folder / "home").mkdir()
    return environment(folder / "prefect", CALLQA_HOME=str(folder / "home"))


@contextmanager
def desk(env: dict[str, str], *arguments: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [*CALLQA, "desk", *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    printed: list[str] = []
    try:
        while not (printed and "Ctrl-C" in printed[-1]):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            printed.append(line.strip())
        yield Running(process, printed)
    finally:
        process.kill()
        process.communicate()


def test_the_desk_from_its_first_link_to_ctrl_c(env: dict[str, str]) -> None:
    home = Home(Path(env["CALLQA_HOME"]))
    with desk(env, "--port", "0") as one:
        (link,) = re.findall(r"http\S+/new-account/\S+", one.printed[0])
        entered = httpx.post(link, data=GIVEN, headers={"origin": one.address})
        assert entered.status_code == 303
        assert "server" not in entered.headers
        with desk({**env, "CALLQA_LANG": "zh"}, "--port", "0", "--host", "127.0.0.1") as two:
            assert len(two.printed) == 1  # there is an account: no link any more
            assert "复核台" in two.printed[0]
            assert httpx.get(f"{two.address}/account", cookies=entered.cookies).status_code == 200
            assert two.post("/sign-out", {}, entered.cookies).status_code == 303
            assert httpx.get(f"{one.address}/account", cookies=entered.cookies).status_code == 303
        add = callqa("user", "add", "li.mei", "--role", "agent", "--agent-id", "1001", env=env)
        (path,) = re.findall(r"/new-account/\S+", add.stdout)
        assert one.post(path, {"password": PASSWORD}).status_code == 303
        signed = one.post("/sign-in", {**GIVEN, "name": "li.mei"})
        assert httpx.get(f"{one.address}/account", cookies=signed.cookies).status_code == 200
        assert callqa("user", "disable", "LI.MEI", env=env).returncode == 0
        assert httpx.get(f"{one.address}/account", cookies=signed.cookies).status_code == 303
        assert callqa("user", "role", "root", "reviewer", env=env).stderr.count("last administrator") == 1
        listed = json.loads(callqa("user", "list", "--json", env=env).stdout)
        assert [(each["name"], each["role"], each["disabled"]) for each in listed] == [
            ("root", "administrator", False), ("li.mei", "agent", True),
        ]  # fmt: skip
        one.process.send_signal(signal.SIGINT)
        _, said = one.process.communicate(timeout=20)
        assert (one.process.returncode, said) == (0, "")
    actions = [entry.action for entry in audit_entries(home)]
    assert actions == [
        "account.made", "login", "logout", "account.made", "password.changed", "login", "login", "account.disabled",
        "account.changed",
    ]  # fmt: skip


def test_ctrl_c_ends_a_desk_that_still_makes_itself_ready(env: dict[str, str]) -> None:
    for waits_s in (0, 0.5, 2.5):  # rules are compiled meanwhile, which must not abort the process
        with desk(env, "--port", "0") as there:
            time.sleep(waits_s)
            there.process.send_signal(signal.SIGINT)
            _, said = there.process.communicate(timeout=20)
            assert (there.process.returncode, said) == (0, "")


def test_a_port_that_is_taken_is_told_in_one_line(env: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = callqa("desk", "--port", str(port), env=env)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: the desk cannot listen there" in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


def test_a_desk_for_others_says_that_tls_is_missing(env: dict[str, str]) -> None:
    with desk(env, "--host", "0.0.0.0", "--port", "0") as there:
        assert "TLS" in there.printed[-2]
        assert httpx.get(f"{there.address}/sign-in").status_code == 200


def test_a_team_or_an_agent_that_no_call_has_is_told_and_taken_all_the_same(
    env: dict[str, str], tmp_path: Path
) -> None:
    small, _ = make_small_desk(tmp_path, 3)
    small.accounts.make("root", "administrator", PASSWORD)
    own = {**env, "CALLQA_HOME": str(small.home.root), "CALLQA_LANG": "en"}
    known = callqa("user", "add", "wang", "--role", "supervisor", "--team", "一组", env=own)
    assert (known.returncode, known.stdout.count("warning")) == (0, 0)
    slip = callqa("user", "add", "zhou", "--role", "coach", "--team", "一组", "--team", "Team Q", env=own)
    assert (slip.returncode, slip.stdout.count("warning")) == (0, 1), slip.stderr
    assert "the team “Team Q”" in slip.stdout
    changed = callqa("user", "role", "zhou", "agent", "--agent-id", "90017", env=own)
    assert (changed.returncode, changed.stdout.count("warning")) == (0, 1), changed.stderr
    assert "“90017”" in changed.stdout
    assert small.accounts.get("zhou") is not None
