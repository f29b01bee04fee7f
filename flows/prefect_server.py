"""A Prefect server for the length of one command, reached by nobody else.

Prefect starts a temporary server of its own when it is given none; that one prints as it stops, outlives a
killed parent, and polls a guessed port. This one is started here: it binds a free port before it reports
it, writes what it has to say into a log file, and leaves as soon as its parent does.

A user who has a Prefect server sets PREFECT_API_URL, and nothing is started.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.parent import leave_when_stdin_closes
from pipeline.errors import CallQAError
from pipeline.messages import Message

STARTUP_LIMIT_S = 120.0
"""The first start makes Prefect's database and takes some 20 s on two busy cores, later ones some 5 s."""

GRACE_S = 1.0
"""How long the server may take to stop; its database is SQLite with a journal, so it may also be cut off."""

DRAIN_S = 10.0
"""How long queued events may take to reach the server at the end."""

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
}


def quiet_environment(home: Path) -> None:
    """Set Prefect's environment where the user has not; call it before Prefect is imported.

    Prefect's own folder goes into callqa's home. Nothing is tracked, and Prefect logs nothing: what a run
    has to say it says itself, without content of calls.
    """
    os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    # Prefect makes the folder but not the one it is in, and warns
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)


@contextmanager
def quiet_server(home: Path, services: bool = False) -> Iterator[str]:
    """Run a Prefect server while the block runs; yields its API's URL.

    `services` adds Prefect's background services: the scheduler needs them, a single run does not. Raises
    CallQAError when the server does not start.
    """
    quiet_environment(home)
    given = os.environ.get("PREFECT_API_URL")
    if given:
        yield given
        return
    log = home / "logs" / "prefect.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.prefect_server", *(["services"] if services else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,
        )
    try:
        # both take seconds: Prefect is imported here while the server imports it there
        from prefect.settings import PREFECT_API_URL, temporary_settings

        url = f"http://127.0.0.1:{_port(process, log)}/api"
        os.environ["PREFECT_API_URL"] = url
        try:
            # Prefect reads the environment once; it may have been imported before
            with temporary_settings({PREFECT_API_URL: url}):
                yield url
        finally:
            os.environ.pop("PREFECT_API_URL", None)
            _send_what_is_left()
    finally:
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
