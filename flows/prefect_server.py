"""A Prefect server for the length of one command, reached by nobody else.

Prefect starts a temporary server of its own when it is given none; that one prints as it stops, outlives a
killed parent, and polls a guessed port. This one is started here: it binds a free port before it reports
it, writes what it has to say into a log file, and leaves as soon as its parent does. Nothing in its database
is worth keeping: one that cannot be used is moved aside.

Every account of the machine, and every page in a browser there, can reach the loopback interface. So each start
has a secret, which goes to the server and to a scheduled run in their environment; without it the server tells no
more than that it is well, and it gives leave to no page.

A user who has a Prefect server sets PREFECT_API_URL, and nothing is started.
"""

from __future__ import annotations

import os
import secrets
import select
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from flows.faults import need_room
from flows.language import say
from flows.log import log_message
from flows.parent import leave_when_stdin_closes
from pipeline.errors import CallQAError, shown
from pipeline.messages import Message
from pipeline.storage.sealing import without_key

STARTUP_LIMIT_S = 120.0
"""The first start makes Prefect's database and takes some 20 s on two busy cores, later ones some 5 s."""

GRACE_S = 1.0
"""How long the server may take to stop; its database is SQLite with a journal, so it may also be cut off."""

DRAIN_S = 10.0
"""How long queued events may take to reach the server at the end."""

QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
}

NO_PAGES = {
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "",
    "PREFECT_SERVER_CORS_ALLOWED_METHODS": "",
    "PREFECT_SERVER_CORS_ALLOWED_HEADERS": "",
}
"""No page of another origin may ask, whatever the user's own environment says of their own server."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

DATABASE_BYTES = 8 << 20
"""Room for a new database of Prefect's with its journal, and some more."""

ANSWER_LIMIT_S = 5.0
"""How long the user's server may take to answer."""


def prefect_folder(home: Path) -> Path:
    """Prefect's own folder, where nobody else writes.

    Prefect must be imported, and its settings made, while it is where we stand: it takes prefect.toml, pyproject.toml
    and .env from there, which elsewhere are another project's.
    """
    return Path(os.environ.get("PREFECT_HOME") or home / "prefect").absolute()


def quiet_environment(home: Path) -> None:
    """Set Prefect's environment where the user has not; call it before Prefect is imported.

    Prefect's own folder goes into callqa's home. Prefect logs nothing: what a run has to say it says itself, without
    content of calls. What goes to this machine goes there directly, whatever the proxies of the environment are.
    """
    folder = prefect_folder(home)
    os.environ["PREFECT_HOME"] = str(folder)
    if folder.exists() and not folder.is_dir():
        _move_aside(folder)
    # Prefect makes the folder but not the one it is in, and warns
    folder.mkdir(parents=True, exist_ok=True)
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    direct = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
    hosts = dict.fromkeys([*(host.strip() for host in direct if host.strip()), *LOOPBACK])
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(hosts)


@contextmanager
def quiet_server(home: Path, services: bool = False) -> Iterator[str]:
    """Run a Prefect server while the block runs; yields its API's URL.

    `services` adds Prefect's background services: the scheduler needs them, a single run does not. Raises
    CallQAError when the server does not start, or when the user's does not answer.
    """
    quiet_environment(home)
    folder = prefect_folder(home)
    given = os.environ.get("PREFECT_API_URL")
    if given:
        with chdir(folder):
            _check_answers(given)
        yield given
        return
    log = home / "logs" / "prefect.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    secret = f"callqa:{secrets.token_urlsafe(32)}"
    with chdir(folder):
        process, url = _running(home, log, secret, services)
    try:
        with ExitStack() as stack:
            with chdir(folder):
                from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

                # Prefect reads the environment once; it may have been imported before
                stack.enter_context(_environment({"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": secret}))
                stack.enter_context(temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: secret}))
            stack.callback(_send_what_is_left)
            yield url
    finally:
        _stop(process)


def _running(home: Path, log: Path, secret: str, services: bool) -> tuple[subprocess.Popen[bytes], str]:
    """A server that answers, and its URL. A database of our own that it cannot use is moved aside."""
    database = Path(os.environ["PREFECT_HOME"]) / "prefect.db"
    need_room(database.parent, DATABASE_BYTES)
    ours = database.parent == home / "prefect"
    if ours and not _usable(database):
        _move_aside(database)
    existed = database.exists()
    while True:
        process = _start(log, secret, services)
        try:
            # both take seconds: Prefect is imported here while the server imports it there
            from prefect import flow  # noqa: F401

            return process, f"http://127.0.0.1:{_port(process, log)}/api"
        except BaseException as error:
            _stop(process)
            need_room(database.parent, DATABASE_BYTES)
            if not (isinstance(error, CallQAError) and ours and existed):
                raise
        # sound, but for instance of another version of Prefect
        _move_aside(database)
        existed = False


def _start(log: Path, secret: str, services: bool) -> subprocess.Popen[bytes]:
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.prefect_server", *(["services"] if services else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            env={**without_key(os.environ), **NO_PAGES, "PREFECT_SERVER_API_AUTH_STRING": secret},
            start_new_session=True,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def server_fault(error: Exception, home: Path) -> CallQAError | None:
    """An error of Prefect's, or on the way to its server, in words; None when it is neither."""
    import httpx
    from prefect.exceptions import PrefectException

    if not isinstance(error, PrefectException | httpx.HTTPError):
        return None
    try:
        need_room(Path(os.environ["PREFECT_HOME"]), DATABASE_BYTES)
    except CallQAError as full:
        return full
    return CallQAError(
        Message(
            "Prefect's server failed ({kind}); see {log}, and run it again",
            kind=type(error).__name__,
            log=home / "logs" / "prefect.log",
        )
    )


def _usable(database: Path) -> bool:
    """Whether Prefect can work with its database of an earlier start, or has none yet."""
    if not os.path.lexists(database):
        return True
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError as error:
        # one that is in use is sound
        return error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _move_aside(path: Path) -> None:
    """Rename what cannot be used, and say so."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now():%Y%m%dT%H%M%S%f}")
    path.rename(aside)
    for journal in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + journal).unlink(missing_ok=True)
    log_message(
        "prefect.renewed",
        say(
            "{path}: could not be used and is now {aside}; Prefect starts anew, no result is lost",
            path=shown(path),
            aside=aside.name,
        ),
    )


def _check_answers(url: str) -> None:
    """Raises CallQAError unless the user's server answers within seconds and takes our credentials."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    # the URL may hold a password
    where = url.rpartition("@")[2]
    try:
        with get_client(httpx_settings={"timeout": httpx.Timeout(ANSWER_LIMIT_S)}, sync_client=True) as client:
            client.read_flows(limit=1)
    except PrefectHTTPStatusError as error:
        if error.response.status_code in (401, 403):
            raise CallQAError(
                Message(
                    "PREFECT_API_URL {url}: that Prefect server does not let us in; set PREFECT_API_AUTH_STRING, or "
                    "unset PREFECT_API_URL to do without it",
                    url=where,
                )
            ) from None
        raise _no_answer(where, f"HTTP {error.response.status_code}") from None
    except Exception as error:  # Prefect wraps what went wrong as it likes; it did not answer, whatever it was
        raise _no_answer(where, type(error.__cause__ or error).__name__) from None


def _no_answer(where: str, why: str) -> CallQAError:
    return CallQAError(
        Message(
            "PREFECT_API_URL {url}: no Prefect server answers ({why}); start it, or unset PREFECT_API_URL to do "
            "without it",
            url=where,
            why=why,
        )
    )


def _send_what_is_left() -> None:
    """Deliver Prefect's queued events while there is a server; later it would try for minutes, and complain."""
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=DRAIN_S, at_exit=True)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], STARTUP_LIMIT_S)
    line = process.stdout.readline() if ready else b""
    if not line.strip().isdigit():
        if ready:
            raise CallQAError(
                Message("Prefect's temporary server ended at once; see {log}, or run `callqa doctor`", log=log)
            )
        raise CallQAError(
            Message(
                "Prefect's temporary server was not ready after {limit_s:.0f} s; see {log}, or run `callqa doctor`",
                limit_s=STARTUP_LIMIT_S,
                log=log,
            )
        )
    return int(line)


def main() -> None:
    """The server's own process: argument "services" for background services; ends when stdin closes."""
    import socket

    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    os.environ.pop("PREFECT_API_URL", None)
    os.environ["PREFECT_UI_ENABLED"] = "0"
    # blocks are Prefect's stored credentials and the like; registering them costs seconds and we use none
    os.environ["PREFECT_API_BLOCKS_REGISTER_ON_START"] = "false"

    import uvicorn
    from prefect.server.api.server import create_app

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    app = create_app(ephemeral="services" not in sys.argv[1:], final=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))

    def attend() -> None:
        while not server.started:
            time.sleep(0.02)
        with suppress(OSError):
            out.write(f"{listener.getsockname()[1]}\n".encode())
        sys.stdin.buffer.read()
        server.should_exit = True
        time.sleep(GRACE_S)
        os._exit(0)

    threading.Thread(target=attend, daemon=True).start()
    leave_when_stdin_closes(after_s=2 * GRACE_S)  # the parent may be gone before the server has started
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
