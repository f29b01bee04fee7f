"""A whole night asks nobody but this machine: it has no network but loopback, and whom it wants to reach is written."""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.home import Home
from tests.support.nights import CALLQA, SAMPLES, cut, environment, own_rules, rows, summary

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.xdist_group("network")]

HOOK = """
import json, os, sys

def write(event, what):
    log = os.open(os.environ["CONNECTIONS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, (json.dumps([os.getpid(), event, what]) + "\\n").encode())
    os.close(log)

def hook(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.bind"):
        place = arguments[1]
        is_file = isinstance(place, (str, bytes))
        write(event, repr(place) if is_file else place[0])
        if not is_file and place[1] == 9:
            write("proxy", place[0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        write(event, str(arguments[0]))

write("started", " ".join(sys.orig_argv))
sys.addaudithook(hook)
"""
"""A sitecustomize: every Python process of the night writes down whom it wants to reach, also where it cannot."""

AFTERWARDS = (["sql", "FROM agent_scorecard"], ["report"], ["audit", "verify"])
CUT = 'ip link set lo up && exec "$@"'
PROBE = "import socket; socket.create_connection(('192.0.2.1', 9), 5)"


@dataclass(frozen=True)
class CutNight:
    done: subprocess.CompletedProcess[str]
    asked: list[subprocess.CompletedProcess[str]]
    events: list[tuple[int, str, str]]
    cut: bool
    home: Home


def cut_off() -> list[str]:
    """What put before a command leaves it no network but the loopback interface; nothing where that cannot be."""
    for unshare in (["unshare", "-n"], ["unshare", "-rn"]):
        before = [*unshare, "sh", "-c", CUT, "sh"]
        try:
            probe = subprocess.run([*before, sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if "unreachable" in probe.stderr:
            return before
    return []


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> CutNight:
    folder = tmp_path_factory.mktemp("cut")
    inbox, hook, log = folder / "inbox", folder / "hook", folder / "connections"
    for made in (inbox, hook):
        made.mkdir()
    for name in ("20261117-163719-2336-baggage.wav", "20261119-104156-412-lost-parcel.wav"):
        cut(SAMPLES / name, inbox / name, 0, 15)
    shutil.copy(SAMPLES / "cdr.csv", inbox)
    (hook / "sitecustomize.py").write_text(HOOK)
    # a proxy that is not there: what goes to this machine must not go through it
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), "http://127.0.0.1:9")
    proxies |= {"DO_NOT_TRACK": "0", "PREFECT_SERVER_ANALYTICS_ENABLED": "true", "PYANNOTE_METRICS_ENABLED": "true"}
    env = environment(folder / "prefect", CONNECTIONS=str(log), **proxies)
    env["PYTHONPATH"] = f"{env['PYTHONPATH']}:{hook}"
    before = cut_off()
    given = ["--settings", own_rules(folder), "--home", folder / "home"]
    done, *asked = (
        subprocess.run(
            [*before, *CALLQA, *map(str, [*given, *command])],
            env=env, capture_output=True, text=True, timeout=540, umask=0,
        )
        for command in (["nightly", "--inbox", inbox, "--json"], *AFTERWARDS)
    )  # fmt: skip
    events = [tuple(json.loads(line)) for line in log.read_text().splitlines()]
    return CutNight(done, asked, events, bool(before), Home(folder / "home"))


def on_this_machine(what: Any) -> bool:
    """An address or a name of the loopback interface, no name at all (to listen), or a socket file."""
    try:
        return ipaddress.ip_address(what).is_loopback
    except ValueError:
        return what in ("localhost", "None") or what.startswith(("'/", "b'"))


def test_a_night_works_without_any_network(night: CutNight) -> None:
    if not night.cut:
        pytest.skip("no process may be cut off from the network here (unshare -n, ip)")
    assert night.done.returncode == 0, night.done.stderr
    counts = summary(night.done)
    assert (counts["heard"], counts["judged"], counts["failed"]) == (2, 2, 0)


def test_what_is_asked_afterwards_works_without_any_network(night: CutNight) -> None:
    assert [(done.returncode, done.stderr) for done in night.asked] == [(0, "")] * len(AFTERWARDS)


def test_no_process_of_a_night_asks_a_proxy(night: CutNight) -> None:
    assert [event for event in night.events if event[1] == "proxy"] == []


def test_no_process_of_a_night_wants_to_reach_another_machine(night: CutNight) -> None:
    started = [what for _, event, what in night.events if event == "started"]
    for part in ("flows.cli", "flows.prefect_server", "flows.worker"):
        assert any(part in what for what in started), part
    asked = [(event, what) for _, event, what in night.events if event != "started"]
    assert any(event == "socket.connect" and what == "127.0.0.1" for event, what in asked)
    assert [(event, what) for event, what in asked if not on_this_machine(what)] == []


def test_every_failed_verdict_of_the_whole_rulebooks_has_a_clip(night: CutNight) -> None:
    wanted = rows(night.home.database, "SELECT sha256, rule_id FROM verdicts WHERE outcome = 'fail'")
    clips = rows(night.home.database, "SELECT sha256, rule_id, path FROM clips")
    assert wanted
    found = {(sha, rule) for sha, rule, _ in clips}
    assert found >= set(wanted)
    # what else can be heard went well, or is a complaint
    others = rows(night.home.database, "SELECT sha256, rule_id FROM verdicts WHERE outcome = 'pass'")
    assert found - set(wanted) <= set(others) | {pair for pair in found if pair[1] == "script-complaint"}
    assert all((night.home.root / path).stat().st_size > 500 for *_, path in clips)
