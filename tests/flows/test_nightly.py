"""A night from end to end: real recordings, real models, real Prefect, and files that cannot be heard."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.night import Night
from models.scripted import ScriptedRecognizer
from models.vad import SileroVoiceActivity
from pipeline.datatypes import CDR
from pipeline.errors import shown
from pipeline.hearing.decode import decode
from pipeline.judging.versions import publish_rulebook
from pipeline.run import Engines, hear_audio
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, RecordingRecord
from pipeline.timeline import Span
from tests.support.malformed import make_malformed
from tests.support.nights import (
    SAMPLES,
    alive,
    ask_prefect,
    callqa,
    children,
    content,
    cut,
    environment,
    gone,
    kill,
    one_rule,
    rows,
    server_secret,
    start,
    summary,
)

# the tests go on from one night, so one process runs them
pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.xdist_group("nightly")]

HEARD = ("20261117-163719-2336-baggage.wav", "20261119-104156-412-lost-parcel.wav")
"""Two samples, one in Chinese and one in English, of which the beginning is heard."""


@dataclass(frozen=True)
class Done:
    """The first night, which the tests of this module look at and go on from."""

    inbox: Path
    home: Home
    rules: Path
    settings: Path
    env: dict[str, str]
    prefect: dict[str, str]
    malformed: dict[str, str]
    first: subprocess.CompletedProcess[str]
    seconds: float

    def night(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.callqa("nightly", "--inbox", self.inbox, *arguments)

    def callqa(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """A command after the first night. The first one started a server of its own, which is slow."""
        return callqa("--settings", self.settings, "--home", self.home.root, *arguments, env=self.env | self.prefect)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, weights: Path, prefect: dict[str, str]) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("night")
    inbox = folder / "inbox"
    malformed = make_malformed(inbox / "bad")
    for name in HEARD:
        cut(SAMPLES / name, inbox / name, 0, 12)
    shutil.copy(SAMPLES / "cdr.csv", inbox)
    shutil.copy(inbox / HEARD[0], inbox / "bad" / "a copy.wav")
    home, env = Home(folder / "home"), environment(folder / "prefect")
    settings = one_rule(folder)
    began = time.monotonic()
    first = callqa("--settings", settings, "--home", home.root, "nightly", "--inbox", inbox, "--json", env=env)
    yield Done(inbox, home, folder / "rules", settings, env, prefect, malformed, first, time.monotonic() - began)
    shutil.rmtree(inbox, ignore_errors=True)  # some of the malformed ones are pipes and sockets


def judged(home: Home) -> set[str]:
    return {name for (name,) in rows(home.database, "SELECT file_name FROM calls JOIN scorecards USING (sha256)")}


def test_good_recordings_are_judged_and_bad_ones_are_failures(done: Done) -> None:
    assert done.first.returncode == 3, done.first.stderr
    counts = summary(done.first)
    assert (counts["heard"], counts["judged"], counts["copies"]) == (2, 2, 1)
    assert judged(done.home) == set(HEARD)
    failures = dict(rows(done.home.database, "SELECT file_name, reason FROM failures WHERE stage <> 'excerpt'"))
    assert counts["failed"] == len(failures)
    expected = {shown(Path(Path(name).name)): reason for name, reason in done.malformed.items()}
    assert {name: reason for name, reason in failures.items() if name in expected} == expected


def test_nothing_is_written_beside_the_lines_meant_for_people(done: Done) -> None:
    lines = done.first.stderr.splitlines()
    assert lines[:2] == ["scanning the inbox…", "starting Prefect…"]
    assert all(line.startswith(("transcribed ", "database: ")) for line in lines[2:])


def test_a_second_night_does_nothing_and_says_so(done: Done) -> None:
    before = {p: p.stat().st_mtime_ns for p in done.home.root.rglob("*") if p.is_file()}
    began = time.monotonic()
    again = done.night()
    seconds = time.monotonic() - began
    assert again.returncode == 3
    assert "Nothing new" in again.stdout
    assert "Scorecard" in again.stdout
    assert str(done.home.database) in again.stdout
    assert again.stderr.splitlines() == ["scanning the inbox…"]
    after = {p: p.stat().st_mtime_ns for p in done.home.root.rglob("*") if p.is_file()}
    changed = {p.name for p in after if after[p] != before.get(p)}
    assert changed <= {"run.lock", "publish.lock", "hashes.json.zst", "night.json.zst", "audit.log"}
    assert seconds < done.seconds / 2


def test_no_file_can_be_read_by_others(done: Done) -> None:
    """The night ran under umask 0: DuckDB, SQLite, XlsxWriter and Prefect make files as well as we."""
    tops = (done.home.root, Path(done.env["PREFECT_HOME"]))
    paths = [path for top in tops for path in (top, *top.rglob("*"))]
    assert len([path for path in paths if path.is_file()]) > 20
    assert {str(path): oct(path.stat().st_mode) for path in paths if path.stat().st_mode & 0o077} == {}


def test_a_report_was_made(done: Done) -> None:
    report = Path(summary(done.first)["report"])
    assert report.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


def test_prefect_knows_nothing_of_the_calls(done: Done) -> None:
    """Not a word, name, number or file name in Prefect's database, nor in any log."""
    said = rows(done.home.database, "SELECT text FROM turns")
    words = {text[:4] for (text,) in said if len(text) >= 4}
    agents = [name for pair in rows(done.home.database, "SELECT agent_name, agent_id FROM calls") for name in pair]
    secrets = words | {agent for agent in agents if agent and len(agent) > 3} | {"10000000", "lost-parcel", "baggage"}
    secrets |= {agent for agent in agents if agent and not agent.isascii()}
    assert len(secrets) > 5
    database = Path(done.env["PREFECT_HOME"]) / "prefect.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        dump = "\n".join(connection.iterdump())
        flow_runs = connection.execute("SELECT count(*) FROM flow_run").fetchone()[0]
    assert flow_runs >= 1
    logs = "\n".join(p.read_text(errors="replace") for p in (done.home.root / "logs").glob("*"))
    prefect = [
        p for p in Path(done.env["PREFECT_HOME"]).rglob("*") if p.is_file() and not p.name.startswith("prefect.db")
    ]
    files = "\n".join(p.read_text(errors="replace") for p in prefect)
    escaped = {json.dumps(secret)[1:-1] for secret in secrets}
    for secret in secrets | escaped:
        # four digits of an agent may be in a time or an identifier by chance
        short = secret.isdigit() and len(secret) < 6
        told = re.compile(rf"(?<![\w-]){secret}(?![\w-])" if short else re.escape(secret))
        assert not told.search(dump)
        assert not told.search(logs)
        assert not told.search(files)


def test_failed_files_are_tried_again_only_when_asked(done: Done) -> None:
    retried = done.night("--retry-failed", "--json")
    assert retried.returncode == 3
    assert summary(retried)["run_id"] is not None
    assert summary(retried)["heard"] == 0
    assert summary(retried)["failed"] == summary(done.first)["failed"]


def test_a_moved_recording_is_not_heard_again(done: Done) -> None:
    moved = done.inbox / "elsewhere" / HEARD[1]
    moved.parent.mkdir()
    (done.inbox / HEARD[1]).rename(moved)
    try:
        counts = summary(done.night("--json"))
        paths = rows(done.home.database, f"SELECT paths FROM calls WHERE file_name = '{HEARD[1]}'")[0][0]
    finally:
        moved.rename(done.inbox / HEARD[1])
    assert (counts["run_id"], counts["heard"]) == (None, 0)
    assert str(moved) in paths
    assert summary(done.night("--json"))["heard"] == 0
    assert len(judged(done.home)) == 2


def test_the_database_can_be_made_again(done: Done) -> None:
    before = content(done.home.database)
    done.home.database.write_bytes(b"damaged")
    rebuilt = done.callqa("rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert content(done.home.database) == before


def test_a_rebuild_that_fails_leaves_the_old_database(done: Done) -> None:
    before = done.home.database.read_bytes()
    settings = done.settings.with_name("scores.toml")
    text = done.settings.read_text(encoding="utf-8")
    settings.write_text(f'{text}[report]\nmonth_scores = "nowhere.csv"\n', encoding="utf-8")
    failed = callqa("--settings", settings, "--home", done.home.root, "rebuild", env=done.env | done.prefect)
    assert failed.returncode == 1
    assert "nowhere.csv" in failed.stderr
    assert done.home.database.read_bytes() == before


def test_a_damaged_artefact_is_heard_again(done: Done) -> None:
    artefact = next(done.home.files("heard"))
    before = content(done.home.database)
    artefact.write_bytes(artefact.read_bytes()[:100])
    sha256 = artefact.name.split(".")[0]
    done.home.judged(sha256).unlink()
    damaged = done.night("--json")
    assert damaged.returncode == 3
    assert rows(done.home.database, f"SELECT reason FROM failures WHERE key = '{sha256}'") == [("damaged-artefact",)]
    assert summary(done.night("--json"))["heard"] == 1
    assert content(done.home.database) == before


def test_an_edited_rule_replays_history_without_audio(done: Done) -> None:
    assert summary(done.callqa("rejudge", "--json"))["run_id"] is None
    rule = done.rules / "hotline-zh" / "words.yaml"
    text = rule.read_text(encoding="utf-8")
    rule.write_text(text + "weight: 7.5\n", encoding="utf-8")
    inbox = done.inbox.rename(done.inbox.with_name("gone"))
    try:
        again = done.callqa("rejudge", "--json")
    finally:
        inbox.rename(done.inbox)
    # clips alone need the recordings: of a call that is the best one by the new rule there may be none yet
    assert again.returncode == (3 if summary(again)["without_clips"] else 0), again.stderr
    assert (summary(again)["judged"], summary(again)["heard"], summary(again)["failed"]) == (2, 0, 0)
    weight = rows(done.home.database, "SELECT weight FROM rules WHERE rule_id = 'words' AND language = 'zh'")
    assert weight == [(7.5,)]


TRIAL = {
    "rulebook.yaml": """
name: trial
language: zh
version: "2026.1"
title: {zh: 试, en: trial}
dimensions: {one: {title: {zh: 一, en: one}, weight: 1}}
""",
    "phrases.yaml": "hello: [您好, 早上好]",
    "greeting.yaml": """
id: greeting
title: {zh: 问候, en: Greeting}
dimension: one
why: 先问候。
applies: {fact: customer_turns, over: 0}
require: {said: {by: agent, any: $hello}}
cases:
  - {verdict: pass, call: "坐席 0.0: 早上好。\\n客户 2.0: 你好。"}
  - {verdict: fail, call: "坐席 0.0: 喂。\\n客户 2.0: 你好。"}
  - {verdict: not_applicable, call: "坐席 0.0: 早上好。"}
""",
}


def test_what_earlier_versions_said_is_kept(samples: Path, tmp_path: Path, settings: Settings) -> None:
    """One call, heard once, and judged by each version of a rulebook as it is published."""
    home, folder = Home(tmp_path / "home"), tmp_path / "trial"
    folder.mkdir()
    for name, text in TRIAL.items():
        (folder / name).write_text(text, encoding="utf-8")
    paths = settings.paths.model_copy(update={"home": home.root, "rulebooks": {"zh": folder}})
    settings = settings.model_copy(update={"paths": paths})
    record = _heard_as_written(samples / HEARD[0], home, settings)

    def night(expected: int = 1) -> list[tuple[Any, ...]]:
        night = Night(settings, "f" * 64)
        night.plan_judging(everything=True)
        assert night.tally.to_judge == expected
        for shard in range(night.judge_shards):
            night.judge(shard)
        night.build_database()
        return rows(home.database, "FROM verdict_versions SELECT version, in_force, outcome, score ORDER BY version")

    publish_rulebook(home, folder)
    assert night() == [("2026.1", True, "pass", 100.0)]
    # an edit is no version: it neither counts nor has anything judged again
    (folder / "phrases.yaml").write_text("hello: [早上好]", encoding="utf-8")
    assert night(expected=0) == [("2026.1", True, "pass", 100.0)]
    publish_rulebook(home, folder)
    both = [("2026.1", False, "pass", 100.0), ("2026.2", True, "fail", 0.0)]
    assert night() == both
    # judged again for another reason, a version is not its own past
    artefacts.write(home.recording(record.sha256), replace(record, cdr=CDR(call_id="17")))
    assert night() == both
    (folder / "phrases.yaml").write_text("hello: [早上好, 您好]", encoding="utf-8")
    publish_rulebook(home, folder)
    assert night() == [
        ("2026.1", False, "pass", 100.0),
        ("2026.2", False, "fail", 0.0),
        ("2026.3", True, "pass", 100.0),
    ]


def _heard_as_written(recording: Path, home: Home, settings: Settings) -> RecordingRecord:
    """Put a recording's record and transcript into a home: its real sound, and the words of its truth."""
    truth = json.loads(recording.with_suffix(".json").read_text(encoding="utf-8"))
    lines = {
        int(channel): [(Span(t["start_s"], t["end_s"]), t["text"]) for t in truth["turns"] if t["role"] == role]
        for channel, role in truth["channels"].items()
    }
    recognizer = ScriptedRecognizer(lines, truth["language"])
    engines = Engines(SileroVoiceActivity(settings.hear.vad_threshold), recognizer, None)
    sha256 = hashlib.sha256(recording.read_bytes()).hexdigest()
    heard = hear_audio(decode(recording, settings.decode, settings.ingest), sha256, engines, settings)
    record = RecordingRecord(sha256, recording.stat().st_size, (str(recording),), datetime.now(UTC), CDR())
    artefacts.write(home.transcript(sha256, heard.fingerprint), heard)
    artefacts.write(home.recording(sha256), record)
    return record


def test_ctrl_c_leaves_one_line_and_no_process(done: Done, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    night = start("--settings", done.settings, "--home", home.root, "nightly", "--inbox", done.inbox, env=done.env)
    try:
        _until(lambda: len(children(night.pid)) == 3, 120)  # Prefect's server and two that hear
        started = children(night.pid)
        second = callqa(
            "--settings", done.settings, "--home", home.root, "nightly", "--inbox", done.inbox, env=done.env
        )
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert f"process {night.pid}" in second.stderr
        night.send_signal(signal.SIGINT)
        _, errors = night.communicate(timeout=60)
    finally:
        if alive(night.pid):
            kill(night)
    assert night.returncode == 130
    assert errors.splitlines()[-1] == "callqa: interrupted; run it again to resume"
    assert "Traceback" not in errors
    assert gone(started, 10)


def test_a_full_disk_stops_the_night_in_one_line(done: Done, tmp_path: Path) -> None:
    home, env = tmp_path / "home", done.env | done.prefect
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "none", home], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        full = callqa("--settings", done.settings, "--home", home, "nightly", "--inbox", done.inbox, env=env)
        assert full.returncode == 1
        assert "disk is full" in full.stderr.splitlines()[-1]
        assert "Traceback" not in full.stderr
        subprocess.run(["mount", "-o", "remount,size=64m", "none", home], check=True)
        after = callqa("--settings", done.settings, "--home", home, "nightly", "--inbox", done.inbox, "--json", env=env)
        assert after.returncode == 3, after.stderr
        assert judged(Home(home)) == set(HEARD)
    finally:
        subprocess.run(["umount", "-l", home], check=True)


def test_schedule_registers_and_leaves_when_told(done: Done) -> None:
    command = (
        "--settings",
        done.settings,
        "--home",
        done.home.root,
        "schedule",
        "--cron",
        "30 1 * * *",
        "--timezone",
        "Asia/Shanghai",
    )
    serving = start(*command, "--inbox", done.inbox, env=done.env)
    try:
        assert serving.stderr is not None
        line = serving.stderr.readline()
        assert line.startswith("Scheduled: 30 1 * * * (Asia/Shanghai)"), line
        url = line.split("Prefect: ")[1].strip()
        secret = server_secret(serving.pid)
        deployment = ask_prefect(f"{url}/deployments/name/nightly/callqa", secret)
        assert deployment["schedules"][0]["schedule"] | {"day_or": True} == {
            "cron": "30 1 * * *",
            "timezone": "Asia/Shanghai",
            "day_or": True,
        }
        started = children(serving.pid)
        # have it run now, as the clock would
        time.sleep(2)
        run = ask_prefect(
            f"{url}/deployments/{deployment['id']}/create_flow_run", secret, {"state": {"type": "SCHEDULED"}}
        )
        state = ""
        for _ in range(240):
            state = ask_prefect(f"{url}/flow_runs/{run['id']}", secret)["state"]["type"]
            if state in ("COMPLETED", "FAILED", "CRASHED"):
                break
            time.sleep(0.5)
        assert state == "COMPLETED"
        serving.send_signal(signal.SIGTERM)
        output, errors = serving.communicate(timeout=60)
    finally:
        if alive(serving.pid):
            kill(serving)
    assert serving.returncode == 0, errors
    assert "Traceback" not in errors + output
    assert "found 2" not in errors
    assert gone(started, 10)


def _until(condition: Any, within_s: float) -> None:
    ends_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.1)


def test_the_environment_of_this_process_was_left_alone() -> None:
    assert "PREFECT_API_URL" not in os.environ
