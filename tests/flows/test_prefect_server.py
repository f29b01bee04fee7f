"""Prefect's temporary server: who may ask it, through what it is reached, and what it does with what is broken."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.prefect_server import _usable
from tests.support.nights import callqa, environment, one_rule
from tests.support.prefect import PROGRAM, serve

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prefect_server")]

OPEN = {"/api/health", "/api/ready"}
"""What answers without the secret: that the server is well."""


Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Serving:
    process: subprocess.Popen[str]
    home: Path
    url: str
    secret: str

    def ask(
        self, method: str, path: str, secret: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of one request."""
        if secret is not None:
            headers["Authorization"] = f"Basic {b64encode(secret.encode()).decode()}"
        data = b"{}" if method in ("POST", "PUT", "PATCH") else None
        root = self.url.removesuffix("/api")
        request = urllib.request.Request(
            f"{root}{path}", data, {"Content-Type": "application/json", **headers}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server started where every proxy variable points to a dead port, and which allows every page by the user's own
    settings.
    """
    folder = tmp_path_factory.mktemp("server")
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), "http://127.0.0.1:9")
    env = environment(
        folder / "prefect", PREFECT_SERVER_CORS_ALLOWED_ORIGINS="*", NO_PROXY="intranet.example", **proxies
    )
    process = serve(folder / "home", env)
    assert process.stdout is not None
    url, secret, direct = (process.stdout.readline().split() or ["", "", ""])[:3]
    assert url, process.communicate()[1]
    assert direct.split(",") == ["intranet.example", "127.0.0.1", "localhost", "::1"]
    assert process.stdout.readline() == "0\n"
    yield Serving(process, folder / "home", url, secret)
    process.communicate(timeout=30)


def test_without_the_secret_no_route_answers(serving: Serving) -> None:
    status, _, body = serving.ask("GET", "/api/openapi.json", serving.secret)
    assert status == 200
    routes = [
        (method.upper(), "/api" + re.sub(r"\{\w+\}", "00000000-0000-0000-0000-000000000000", path).removeprefix("/api"))
        for path, methods in json.loads(body)["paths"].items()
        for method in methods
    ]
    assert len(routes) > 150
    answers = {(method, path): serving.ask(method, path)[0] for method, path in routes if path not in OPEN}
    assert {route: status for route, status in answers.items() if status != 401} == {}
    for path in ("/api/admin/settings", "/api/openapi.json", "/api/docs", "/api/admin/version"):
        assert serving.ask("GET", path)[0] == 401
        assert serving.ask("GET", path, "callqa:guess")[0] == 401
        assert serving.ask("GET", path, "")[0] == 401
    assert serving.ask("GET", "/api/admin/version", serving.secret)[0] == 200


def test_no_page_is_given_leave(serving: Serving) -> None:
    for origin in ("https://evil.example", "null", serving.url.removesuffix("/api"), "http://localhost"):
        for method in ("POST", "DELETE", "PATCH", "GET"):
            asked = {"Origin": origin, "Access-Control-Request-Method": method}
            _, headers, _ = serving.ask("OPTIONS", "/api/deployments/filter", **asked)
            assert "access-control-allow-origin" not in headers
        _, headers, _ = serving.ask("GET", "/api/admin/version", serving.secret, Origin=origin)
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled"])
def test_websockets_ask_for_the_secret(serving: Serving, path: str) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    url = f"{serving.url.replace('http://', 'ws://')}/{path}"
    for token in (None, "callqa:guess"):
        with connect(url, subprotocols=["prefect"], proxy=None) as socket_:  # type: ignore[list-item]
            socket_.send(json.dumps({"type": "auth", "token": token}))
            with pytest.raises(ConnectionClosed):
                socket_.recv(timeout=10)


def test_only_the_loopback_interface_is_listened_on(serving: Serving) -> None:
    port = int(serving.url.split(":")[2].split("/")[0])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    bound = {fields[1] for fields in listening if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == port}
    assert {address.split(":")[0] for address in bound} == {"0100007F"}
    assert not [
        line for line in Path("/proc/net/tcp6").read_text().splitlines()[1:] if f":{port:04X} " in line.split(" ", 3)[2]
    ]


def test_the_secret_is_on_no_command_line_and_in_no_file(serving: Serving) -> None:
    secret = serving.secret.partition(":")[2]
    assert len(secret) > 40
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert secret.encode() not in line.read_bytes()
        except OSError:
            continue
    written = [p for top in (serving.home, serving.home.parent / "prefect") for p in top.rglob("*") if p.is_file()]
    assert len(written) > 1
    assert not [path for path in written if secret.encode() in path.read_bytes()]


def damage(kind: str, folder: Path) -> None:
    """Break Prefect's folder in a home in one of the ways that were met."""
    database = folder / "prefect.db"
    if kind == "a file for the folder":
        folder.parent.mkdir(parents=True)
        folder.write_text("not a folder")
        return
    folder.mkdir(parents=True)
    if kind == "noise":
        database.write_bytes(os.urandom(40_000))
    elif kind == "of another version":
        import sqlite3

        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            connection.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
        connection.close()


@pytest.mark.parametrize("kind", ["a file for the folder", "noise", "of another version"])
def test_a_database_that_cannot_be_used_is_moved_aside(kind: str, tmp_path: Path) -> None:
    env = environment(tmp_path / "home" / "prefect")
    damage(kind, tmp_path / "home" / "prefect")
    process = serve(tmp_path / "home", env)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert output.splitlines()[1] == "0"
    assert errors.count("\n") == 1
    assert "could not be used and is now" in errors
    assert list((tmp_path / "home").rglob("*.damaged-*"))
    assert (tmp_path / "home" / "prefect" / "prefect.db").is_file()


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert _usable(tmp_path / "prefect.db"), "there is none yet"
    (tmp_path / "prefect.db" / "x").mkdir(parents=True)
    assert not _usable(tmp_path / "prefect.db")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A home on a disk of a few kilobytes."""
    home = tmp_path / "home"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", home], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield home
    subprocess.run(["umount", "-l", home], check=True)


def test_settings_of_prefect_that_lie_where_we_stand_mean_nothing(serving: Serving, tmp_path: Path) -> None:
    """Another project's, or what somebody put there; a broken one of them stopped every night."""
    (tmp_path / "prefect.toml").write_text("not TOML [[[", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.prefect.server.database]\nconnection_url = "sqlite+aiosqlite:///{tmp_path}/elsewhere.db"\n', "utf-8"
    )
    (tmp_path / ".env").write_bytes(b"PREFECT_SERVER_API_AUTH_STRING=a:b\n\xff")
    env = {name: value for name, value in environment(tmp_path).items() if name != "PREFECT_HOME"}
    process = serve(tmp_path / "home", env, cwd=tmp_path)
    out, err = process.communicate(timeout=180)
    started, flows = out.splitlines()
    assert flows == "0", err
    assert started.split()[1] != serving.secret, "every start has its own"
    assert err == ""
    assert (tmp_path / "home" / "prefect" / "prefect.db").exists()
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_full_disk_is_called_one(full_disk: Path) -> None:
    done = callqa("--home", full_disk, "rebuild", env=environment(full_disk / "prefect"))
    assert done.returncode == 1
    assert re.search(r"prefect: the disk is full \(0 MB free\): make room", done.stderr.splitlines()[-1]), done.stderr


def test_a_limit_on_files_is_called_one(tmp_path: Path) -> None:
    limited = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash", sys.executable, "-P", "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(limited, env=environment(tmp_path / "prefect"), capture_output=True, text=True, timeout=60)
    assert "ulimit -f" in done.stderr.splitlines()[-1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("command", [["rebuild"], ["schedule"]])
def test_a_server_of_the_users_that_does_not_answer_is_named(command: list[str], tmp_path: Path) -> None:
    url = f"http://user:hidden@127.0.0.1:{free_port()}/api"
    env = environment(tmp_path / "prefect", PREFECT_API_URL=url, HTTP_PROXY="http://127.0.0.1:9")
    began = time.monotonic()
    done = callqa("--home", tmp_path / "home", *command, env=env)
    assert time.monotonic() - began < 40  # most of it is importing Prefect
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "no Prefect server answers (" in last
    assert "unset PREFECT_API_URL" in last
    assert "hidden" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_server_of_the_users_that_refuses_us_is_named(serving: Serving, tmp_path: Path) -> None:
    settings = str(one_rule(tmp_path))
    env = environment(tmp_path / "prefect", PREFECT_API_URL=serving.url, CALLQA_SETTINGS=settings)
    done = callqa("--home", tmp_path / "home", "rebuild", env=env)
    assert done.returncode == 1
    assert "PREFECT_API_AUTH_STRING" in done.stderr.splitlines()[-1]
    good = callqa("--home", tmp_path / "home", "rebuild", env=env | {"PREFECT_API_AUTH_STRING": serving.secret})
    assert good.returncode == 0, good.stderr
