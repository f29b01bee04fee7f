"""Figures for Prometheus: valid, of the right kind, kept up to date by nights, and without anybody in them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows import log, watch
from flows.doctor import metrics_file
from flows.exit_status import EXIT_STATUSES
from flows.faults import RunStopped, interruption
from flows.log import EVENTS, log_as
from flows.metrics import metrics_of
from flows.night import Night
from flows.night_state import last_night, night_state_file
from flows.watch import watched
from flows.worker_pool import WorkerOutcome
from pipeline.datatypes import CDR, Recording
from pipeline.errors import BadSetting
from pipeline.results.store import build_database
from pipeline.settings import CHECKOUT, Log, Metrics, Settings, load_settings
from pipeline.storage import artefacts
from pipeline.storage.home import Failure, Home
from pipeline.storage.lock import run_lock
from tests.results.test_store import BOOKS
from tests.support.factories import make_failure, make_night, save

UNITS = ("seconds", "bytes", "ratio", "info", "status", "readable")
"""What a figure's name ends with, unless it counts something."""
COUNTED = ("recordings", "files", "calls", "verdicts", "failures")


@pytest.fixture
def night(settings: Settings, tmp_home: Home) -> Night:
    paths = settings.paths.model_copy(update={"home": tmp_home.root, "inbox": tmp_home.root.parent, "rulebooks": {}})
    metrics = Metrics(file=tmp_home.root.parent / "out" / "callqa.prom")
    return Night(settings.model_copy(update={"paths": paths, "metrics": metrics}), "f" * 64)


@pytest.fixture
def logged(night: Night, capsys: pytest.CaptureFixture[str]) -> Any:
    """Has the night's log in JSON, and gives its lines."""
    log_as(night.settings.model_copy(update={"log": Log(format="json")}))
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    log_as(night.settings)
    log.log_run("")


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Every figure by its name, its samples by their labels' values; what the reference parser refuses fails here."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        found[family.name] = {tuple(one.labels.values()): one.value for one in family.samples}
    return found


def hear(night: Night, *, length_s: float, reason: str | None = None) -> None:
    """What a night does when a worker has heard a recording, or not."""
    night.tally.to_hear += 1
    recording = Recording("a" * 64, night.home.root.parent / "a.wav", 1000, CDR())
    stage_s = {} if reason else {"words": length_s / 10, "voice activity": length_s / 50}
    night.note_heard(recording, WorkerOutcome(recording.sha256, length_s, reason=reason, stage_s=stage_s), 0.0)


def test_the_figures_of_a_home_are_valid_and_those_of_its_database(night: Night) -> None:
    judged = make_night(12)
    save(night.home, judged)
    artefacts.write(night.home.failure("b" * 64), make_failure())
    build_database(night.home, night.settings, BOOKS)
    text = metrics_of(night.settings)
    found = samples(text)
    outcomes = [verdict.outcome for call in judged if call.scorecard for verdict in call.scorecard.verdicts]
    assert found["callqa_calls"] == {(): 12}
    assert found["callqa_database_readable"] == {(): 1}
    assert found["callqa_failures"] == {("decode", "no-samples"): 1}
    assert found["callqa_verdicts"][("fail",)] == outcomes.count("fail") > 0
    told = sum(map(outcomes.count, ("pass", "fail", "unsure")))
    assert found["callqa_unsure_ratio"][()] == pytest.approx(outcomes.count("unsure") / told)
    assert found["callqa_disk_free_bytes"][("home",)] > 0
    assert abs(found["callqa_database_timestamp_seconds"][()] - time.time()) < 600
    for name in found:
        last = name.rsplit("_", 1)[-1]
        assert name.startswith("callqa_")
        assert last in UNITS or any(f"_{what}" in name for what in COUNTED), f"{name} tells no unit"
        assert not name.endswith("_total"), "a gauge is no counter"
        assert text.count(f"# HELP {name} ") == text.count(f"# TYPE {name} gauge") == 1


def test_nobody_is_in_the_figures(night: Night) -> None:
    judged = make_night(12)
    save(night.home, judged)
    build_database(night.home, night.settings, BOOKS)
    with watched(night):
        hear(night, length_s=60)
    text = metrics_of(night.settings)
    labels = {name for family in text_string_to_metric_families(text) for s in family.samples for name in s.labels}
    assert labels <= {"version", "status", "stage", "reason", "outcome", "folder"}
    values = {
        str(value)
        for call in judged
        for value in (call.call.cdr.agent_id, call.call.cdr.agent_name, call.call.cdr.team, call.call.cdr.call_id)
        if value
    }
    assert len(values) > 3
    assert not [value for value in values if value in text]
    assert not re.search(r"\d{7,}(?!\d*\.)(?=\"|})", text), "no number in a label"


def test_a_home_without_a_night_has_figures_that_say_so(night: Night) -> None:
    found = samples(metrics_of(night.settings))
    assert found["callqa_database_readable"] == {(): 0}
    assert "callqa_night_status" not in found
    assert ("inbox",) in found["callqa_disk_free_bytes"]


def test_a_night_keeps_the_file_up_to_date_while_it_runs_and_at_its_end(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "EVERY_S", 0.02)
    file = night.settings.metrics.file
    assert file is not None

    def now() -> dict[str, dict[tuple[str, ...], float]]:
        return samples(file.read_text())

    def wait_for(is_so: Callable[[], bool]) -> None:
        ends_at = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < ends_at
            time.sleep(0.01)

    with run_lock(night.home), watched(night):
        wait_for(file.exists)
        night.tally.found = 3
        night.tally.to_hear = 1
        hear(night, length_s=100)
        wait_for(lambda: now()["callqa_night_recordings_heard"] == {(): 1})
        assert now()["callqa_night_recordings_queued"] == {(): 1}
        assert now()["callqa_night_status"][("running",)] == 1
        assert "callqa_night_end_timestamp_seconds" not in now()
        state = last_night(night.home)
        assert state is not None
        assert state.status == "running"
        hear(night, length_s=50, reason="crashed")
    found = now()
    assert found["callqa_night_status"] == {
        ("running",): 0, ("completed",): 1, ("failed",): 0, ("interrupted",): 0, ("killed",): 0,
    }  # fmt: skip
    assert found["callqa_night_exit_status"] == {(): 3}
    assert found["callqa_night_recordings_found"] == {(): 3}
    assert found["callqa_night_real_time_factor_ratio"] == {("words",): 0.1, ("voice_activity",): 0.02}
    assert found["callqa_night_audio_seconds"] == {(): 100}
    assert file.stat().st_mode & 0o777 == 0o644, "node_exporter has an account of its own"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("error", "status", "exit_status"),
    [
        (RunStopped("the disk is full"), "failed", 1),
        (RuntimeError(), "failed", 1),
        (interruption(), "interrupted", 130),
        (KeyboardInterrupt(), "interrupted", 130),
    ],
)
def test_a_night_that_stops_says_how_and_when_the_last_one_went_well(
    night: Night, error: BaseException, status: str, exit_status: int
) -> None:
    with watched(night):
        pass
    well = last_night(night.home)
    assert well is not None
    with pytest.raises(type(error)), watched(night):
        raise error
    state = last_night(night.home)
    assert state is not None
    assert (state.status, state.exit_status) == (status, exit_status)
    assert state.succeeded_at == well.succeeded_at is not None
    assert exit_status in EXIT_STATUSES


def test_a_night_that_was_killed_is_told_from_one_at_work(night: Night) -> None:
    with run_lock(night.home), watched(night):
        pass
    state = last_night(night.home)
    assert state is not None
    artefacts.write(night_state_file(night.home), replace(state, status="running", ended_at=None))
    assert samples(metrics_of(night.settings))["callqa_night_status"][("killed",)] == 1
    with run_lock(night.home):
        assert samples(metrics_of(night.settings))["callqa_night_status"][("running",)] == 1


def test_a_disk_that_takes_no_figures_stops_no_night(night: Night, tmp_path: Path) -> None:
    assert [check.mark for check in metrics_file(night.settings)] == ["ok"]
    in_the_way = tmp_path / "out"
    in_the_way.write_bytes(b"")
    (check,) = metrics_file(night.settings)
    assert (check.mark, check.remedy) == ("fail", "change its permissions, or metrics.file")
    with watched(night):
        hear(night, length_s=1)
    state = last_night(night.home)
    assert state is not None
    assert state.status == "completed"


def test_rejudging_leaves_the_night_as_it_was(night: Night) -> None:
    with watched(night):
        hear(night, length_s=5)
    before = last_night(night.home)
    with watched(Night(night.settings, "f" * 64), "rejudge"):
        pass
    assert last_night(night.home) == before


def test_only_a_prom_file_is_one(tmp_path: Path) -> None:
    file = tmp_path / "callqa.toml"
    file.write_text('[metrics]\nfile = "callqa.txt"\n')
    with pytest.raises(BadSetting, match=r"metrics\.file: must be a file that ends in \.prom"):
        load_settings(file)
    file.write_text('[metrics]\nfile = "out/callqa.prom"\n')
    assert load_settings(file).metrics.file == tmp_path / "out" / "callqa.prom"


def test_a_night_is_told_in_json_lines(night: Night, logged: Callable[[], list[dict[str, Any]]]) -> None:
    with watched(night):
        hear(night, length_s=60)
        night.failures.keep(
            Failure("c" * 64, "/in/13900001234 张三.wav", "hear", "stuck", "took too long", datetime.now(UTC))
        )
    lines = logged()
    assert [line["event"] for line in lines] == ["run.started", "recording.failed", "run.ended"]
    for line in lines:
        assert set(line) == {"at", "level", "event", "run", *EVENTS[line["event"]]}
        assert line["run"] == night.run_id
        assert datetime.fromisoformat(line["at"]).tzinfo is not None
    assert lines[1]["level"] == "warning"
    assert (lines[2]["status"], lines[2]["exit_status"], lines[2]["heard"]) == ("completed", 3, 1)
    assert not re.search("13900001234|张三|wav", json.dumps(lines, ensure_ascii=False)), "nothing of a call"


def test_text_is_the_default_and_tells_people_no_event(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert Settings().log.format == "text"
    with watched(night):
        hear(night, length_s=60)
    assert capsys.readouterr().err == ""


def test_every_event_is_told_somewhere_and_in_the_runbook() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (CHECKOUT / "flows").rglob("*.py"))
    for page in ("docs/operations.md", "docs/operations.zh-CN.md"):
        text = (CHECKOUT / page).read_text(encoding="utf-8")
        for event, fields in EVENTS.items():
            assert code.count(f'"{event}"') > 1, event
            assert f"| `{event}` | {', '.join(f'`{field}`' for field in fields)} |" in text, (page, event)
