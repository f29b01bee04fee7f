"""The schedule goes on: its deployment and its server are taken away from it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.nights import ask_prefect, children, environment, gone, kill, server_secret, start

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("schedule")]


def scheduled(serving: subprocess.Popen[str]) -> tuple[str, dict[str, Any]]:
    """The URL that a schedule tells once it is registered, and the deployment there."""
    assert serving.stderr is not None
    line = serving.stderr.readline()
    assert line.startswith("Scheduled: "), line
    url = line.split("Prefect: ")[1].strip()
    deployment = ask_prefect(f"{url}/deployments/name/nightly/callqa", server_secret(serving.pid))
    assert deployment["schedules"][0]["active"]
    assert not deployment["paused"]
    return url, deployment


def test_a_schedule_is_registered_again_when_it_is_gone_and_when_its_server_is(tmp_path: Path) -> None:
    serving = start("--home", tmp_path / "home", "schedule", env=environment(tmp_path / "home" / "prefect"))
    try:
        assert serving.stderr is not None
        url, deployment = scheduled(serving)
        secret = server_secret(serving.pid)
        ask_prefect(f"{url}/deployments/{deployment['id']}", secret, method="DELETE")
        assert serving.stderr.readline() == "callqa: the schedule was gone from Prefect; it is registered again\n"
        time.sleep(2)
        again = ask_prefect(f"{url}/deployments/name/nightly/callqa", secret)
        assert again["id"] != deployment["id"]
        assert again["schedules"][0]["schedule"]["cron"] == "30 1 * * *"

        (server,) = children(serving.pid)
        os.kill(server, signal.SIGKILL)
        assert serving.stderr.readline().startswith("callqa: the schedule lost Prefect; it tries again every 30 s: ")
        assert scheduled(serving)[0] != url
        started = children(serving.pid)
        serving.send_signal(signal.SIGTERM)
        output, errors = serving.communicate(timeout=60)
    finally:
        if serving.poll() is None:
            kill(serving)
    assert serving.returncode == 0
    assert errors == output == ""
    assert gone(started, 10)

    # a home whose schedule ended before
    later = start("--home", tmp_path / "home", "schedule", env=environment(tmp_path / "home" / "prefect"))
    try:
        scheduled(later)
        later.send_signal(signal.SIGTERM)
        later.communicate(timeout=60)
    finally:
        if later.poll() is None:
            kill(later)
