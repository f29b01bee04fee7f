"""``callqa export``: which calls are meant, where they are written, and what is told of those that are not."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import subprocess
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

from flows.cli import app
from flows.erasing import without_words
from pipeline.datatypes import CDR, Judged
from pipeline.errors import CallQAError
from pipeline.privacy.masking import masks_of, silenced
from pipeline.results.store import build_database
from pipeline.settings import load_settings
from pipeline.storage import artefacts
from pipeline.storage.audit import audit_entries, audit_file
from pipeline.storage.erasure import Erasure, begin
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home, JudgedFile, RecordingRecord
from tests.support.factories import CHINA, NIGHT, make_judged, make_turns, make_verdict, recorded, save
from tests.support.nights import CALLQA, environment
from tests.support.varied_calls import books

NUMBER = "13900001234"
SCRIPT: Sequence[Any] = (
    ("agent", "您好，请问您的手机号码是多少？"),
    ("customer", f"我的手机号码是{NUMBER}。"),
    ("agent", "好的，谢谢。"),
)
VERDICTS = (make_verdict("greeting", "pass"), make_verdict("closing", "fail"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[Judged]]:
    """Six calls of two teams on three days, in each of which a number is said; the first one's recording is here."""
    folder = tmp_path_factory.mktemp("export")
    home, calls = Home(folder / "home"), []
    for number in range(6):
        cdr = CDR(
            call_id=f"C-00000{number}", started_at=NIGHT + timedelta(hours=12 * number), agent_id=f"100{number % 3}",
            agent_name=f"坐席{number % 3}", team="一组" if number % 2 else "二组",
        )  # fmt: skip
        judged = make_judged(f"call {number}", turns=make_turns(SCRIPT), verdicts=VERDICTS, cdr=cdr)
        calls.append(recorded(judged, folder / "inbox" / "C-000000.wav") if number == 0 else judged)
    save(home, calls, str(folder / "inbox"))
    build_database(home, load_settings(), books())
    return home, calls


def export(home: Home, *arguments: str | Path, settings: Path | None = None) -> Result:
    """What the command does in this process; its error, if it ends on one, is the result's exception."""
    before = ["--settings", str(settings)] if settings else []
    umask = os.umask(0o022)
    try:
        return CliRunner().invoke(app, [*before, "--home", str(home.root), "export", *map(str, arguments)])
    finally:
        os.umask(umask)


def fault(result: Result) -> str:
    assert isinstance(result.exception, CallQAError), (result.exception, result.output)
    return str(result.exception)


def test_a_call_is_named_by_its_id_its_file_or_its_hash(stored: tuple[Home, list[Judged]]) -> None:
    home, calls = stored
    for name in ("C-000001", "C-000001.wav", calls[1].call.sha256[:10]):
        result = export(home, "webvtt", name)
        assert result.exit_code == 0, result.output
        assert f"recording: {calls[1].call.sha256}" in result.stdout
    assert "no stored call has this id" in fault(export(home, "rttm", "C-999999"))
    assert "6 stored calls match" in fault(export(home, "rttm", "C-0000"))


def test_numbers_are_hidden_unless_that_is_asked_for(stored: tuple[Home, list[Judged]]) -> None:
    home, _ = stored
    for what in ("vcon", "webvtt", "turns"):
        hidden = export(home, what, "C-000002")
        shown = export(home, what, "C-000002", "--unmasked")
        assert NUMBER not in hidden.stdout
        assert "我的手机号码是***********。" in hidden.stdout
        assert NUMBER in shown.stdout
    last = list(audit_entries(home))[-1]
    assert (last.action, last.calls) == ("unmask", (stored[1][2].call.sha256[:16],))


def chosen(home: Home, *arguments: str) -> list[str]:
    result = export(home, "turns", "--format", "jsonl", *arguments)
    assert result.exit_code == 0, result.output
    return list(dict.fromkeys(json.loads(line)["call_id"] for line in result.stdout.splitlines()))


def test_calls_are_chosen_by_day_team_and_agent_the_oldest_first(stored: tuple[Home, list[Judged]]) -> None:
    home, _ = stored
    names = [f"C-00000{number}" for number in range(6)]
    assert chosen(home, "--all") == names
    assert chosen(home, "--day", "2025-03-04") == names[2:4]
    assert chosen(home, "--from", "2025-03-04") == names[2:]
    assert chosen(home, "--to", "2025-03-03", "--team", "二组") == names[:1]
    assert chosen(home, "--agent", "1001") == chosen(home, "--agent", "坐席1") == [names[1], names[4]]
    assert "no such calls" in fault(export(home, "turns", "--team", "三组"))


def test_what_is_asked_wrongly_is_refused_before_anything_is_done(stored: tuple[Home, list[Judged]]) -> None:
    home, _ = stored
    entries = len(list(audit_entries(home)))
    for arguments, said in (
        (["turns"], "name the calls"),
        (["turns", "C-000001", "--all"], "name the calls"),
        (["turns", "C-000001", "--team", "一组"], "calls are named"),
        (["turns", "--day", "2025-03-04", "--to", "2025-03-05"], "--day is one day"),
        (["turns", "--from", "4.3.2025"], "--from: write the day as"),
        (["words", "--all"], "choose one of vcon, webvtt, rttm, turns, verdicts"),
        (["turns", "--all", "--format", "xlsx"], "--format xlsx: choose one of csv, jsonl, parquet"),
        (["turns", "--all", "-o", "turns.xlsx"], "name it .csv, .jsonl or .parquet"),
        (["webvtt", "--all"], "6 calls; name a folder"),
        (["webvtt", "C-000001", "--voices", "fr"], "choose zh or en"),
        (["vcon", "C-000001", "--recording", "no"], "choose one of hash, inline, name"),
        (["vcon", "C-000001", "--recordings-at", "http://x"], "begins with https://"),
        (["turns", "--all", "-o", str(home.root / "reports" / "turns.csv")], "lies in callqa's home"),
        (["turns", "--all", "--format", "csv", "-o", str(home.root.parent)], "name a file in it"),
    ):
        assert said in fault(export(home, *arguments)), arguments
    assert len(list(audit_entries(home))) == entries


def test_nothing_is_written_into_the_inbox(stored: tuple[Home, list[Judged]], tmp_path: Path) -> None:
    settings = tmp_path / "callqa.toml"
    settings.write_text(f"[paths]\ninbox = {json.dumps(str(tmp_path / 'in'))}\n", encoding="utf-8")
    result = export(stored[0], "turns", "--all", "-o", tmp_path / "in" / "turns.csv", settings=settings)
    assert "lies in the inbox" in fault(result)


def test_a_file_a_call_and_none_is_replaced_unasked(stored: tuple[Home, list[Judged]], tmp_path: Path) -> None:
    home, _ = stored
    assert export(home, "rttm", "--all", "-o", tmp_path / "rttm").exit_code == 0
    files = sorted((tmp_path / "rttm").iterdir())
    assert [file.name[:8] for file in files] == [f"C-00000{number}" for number in range(6)]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    files[0].write_text("mine")
    files[1].unlink()
    again = export(home, "rttm", "--all", "-o", tmp_path / "rttm")
    assert (again.exit_code, files[0].read_text()) == (3, "mine")
    assert "not exported: 5 calls: their files are there already" in again.stderr
    assert "SPEAKER" in files[1].read_text()
    assert export(home, "rttm", "--all", "-o", tmp_path / "rttm", "--force").exit_code == 0
    assert "SPEAKER" in files[0].read_text()
    assert export(home, "rttm", "C-000001", "-o", tmp_path / "one.rttm").exit_code == 0
    assert (tmp_path / "one.rttm").read_text() == files[1].read_text()


def test_a_table_is_one_file(stored: tuple[Home, list[Judged]], tmp_path: Path) -> None:
    home, calls = stored
    target = tmp_path / "new" / "turns.parquet"
    result = export(home, "turns", "--all", "-o", target)
    assert (result.exit_code, result.stdout) == (0, f"Exported: 6 calls, to {target}\n")
    frame = pl.read_parquet(target)
    assert frame["text"].to_list() == [
        "您好，请问您的手机号码是多少？", "我的手机号码是***********。", "好的，谢谢。"
    ] * 6  # fmt: skip
    assert frame["sha256"].unique(maintain_order=True).to_list() == [judged.call.sha256 for judged in calls]
    assert "is there already" in fault(export(home, "turns", "--all", "-o", target))
    assert export(home, "turns", "C-000001", "-o", target, "--force").exit_code == 0
    assert pl.read_parquet(target).height == 3
    assert list(target.parent.iterdir()) == [target]
    piped = export(home, "turns", "C-000001", "--format", "parquet")
    assert pl.read_parquet(io.BytesIO(piped.stdout_bytes)).equals(pl.read_parquet(target))


def test_who_exported_what_is_recorded_without_a_word(stored: tuple[Home, list[Judged]]) -> None:
    home, calls = stored
    result = export(home, "verdicts", "--day", "2025-03-04", "--format", "csv")
    assert [line.split(",")[11:14] for line in result.stdout.splitlines()[:2]] == [
        ["rule_id", "title_zh", "title_en"], ["greeting", "开头语", "Greeting"],
    ]  # fmt: skip
    last = list(audit_entries(home))[-1]
    assert (last.action, last.details) == ("export", {"count": 2, "what": "verdicts", "form": "csv"})
    assert last.calls == tuple(judged.call.sha256[:16] for judged in calls[2:4])
    assert "手机" not in audit_file(home).read_text()


def test_what_cannot_be_exported_is_told(tmp_home: Home, tmp_path: Path, stored: tuple[Home, list[Judged]]) -> None:
    calls = [make_judged(f"call {number}", cdr=CDR(f"C-{number}")) for number in range(4)]
    save(tmp_home, calls)
    shutil.copy(stored[0].database, tmp_home.database)  # for the names of its rules
    path = tmp_home.judged(calls[0].call.sha256)  # the time for its words is over
    file = artefacts.read(path, JudgedFile)
    artefacts.write(tmp_home.scores(calls[0].call.sha256), replace(file, judged=without_words(file.judged), masks=None))
    path.unlink()
    tmp_home.judged(calls[1].call.sha256).write_bytes(b"damaged")
    record = artefacts.read(tmp_home.recording(calls[2].call.sha256), RecordingRecord)
    artefacts.write(tmp_home.recording(record.sha256), replace(record, superseded_by="0" * 64))
    result = export(tmp_home, "webvtt", "--all", "-o", tmp_path / "vtt")
    assert result.exit_code == 3
    assert [file.name[:3] for file in (tmp_path / "vtt").iterdir()] == ["C-3"]
    assert "not exported: 1 calls: only their scores are kept" in result.stderr
    assert "not exported: 1 calls: they cannot be read" in result.stderr
    assert "damaged, or written by another version" in result.stderr
    vcons = export(tmp_home, "vcon", "--all", "-o", tmp_path / "vcons")
    made = json.loads(next((tmp_path / "vcons").glob("C-0-*.vcon")).read_text())
    assert (vcons.exit_code, [each["type"] for each in made["analysis"]]) == (3, ["report"])
    assert "no longer kept" in made["redacted"]["type"]
    begin(tmp_home, Erasure(calls=(calls[3].call.sha256,)))
    going = export(tmp_home, "turns", "C-3")
    assert (going.exit_code, len(going.stdout.splitlines())) == (3, 1)
    assert "they are being forgotten" in going.stderr
    tmp_home.recording(calls[0].call.sha256).write_bytes(b"damaged")
    asked = export(tmp_home, "webvtt", "--to", "2030-01-01", "-o", tmp_path / "none")
    assert "no such calls" in fault(asked)
    tmp_home.judged(calls[3].call.sha256).unlink()
    assert "not judged yet" in fault(export(tmp_home, "webvtt", "C-3"))


def test_a_full_disk_leaves_no_half_file(tmp_home: Home, tmp_path: Path) -> None:
    save(tmp_home, [make_judged(f"call {number}", cdr=CDR(f"C-{number}")) for number in range(3)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    folder = tmp_path / "out"
    for what, name, room in (("webvtt", "vtt", 700), ("turns", "t.csv", 1500), ("turns", "t.parquet", 1500)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))  # the log of who did what grows meanwhile
        try:
            result = export(tmp_home, what, "--all", "-o", folder / name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "cannot be written (File too large); 0 calls were exported before" in fault(result)
        assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_who_stops_reading_ends_it_without_a_word(stored: tuple[Home, list[Judged]], tmp_path: Path) -> None:
    env = environment(tmp_path / "prefect", CALLQA_HOME=str(stored[0].root))
    command = [*CALLQA, "export", "turns", "--all"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


def test_an_encrypted_home_is_exported_plain_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLQA_SEALING", json.dumps([True, "", "EXPORT_KEY"]))
    monkeypatch.setenv("EXPORT_KEY", "ab" * 32)
    home = Home(tmp_path / "home")
    save(home, [make_judged("call", cdr=CDR("C-000001"))])
    settings = tmp_path / "callqa.toml"
    settings.write_text('[privacy]\nencrypt = true\nkey_env = "EXPORT_KEY"\n', encoding="utf-8")
    result = export(home, "webvtt", "C-000001", settings=settings)
    assert result.exit_code == 0
    assert result.stderr.count("what is exported is not") == 1
    assert "<v Agent>您好" in result.stdout


def test_the_sound_in_a_vcon_is_silent_where_a_number_is_said(stored: tuple[Home, list[Judged]]) -> None:
    home, calls = stored
    result = export(home, "vcon", "C-000000", "--recording", "inline")
    assert result.exit_code == 0, result.output
    dialog = json.loads(result.stdout)["dialog"][0]
    body = dialog["body"]
    sound, rate_hz = soundfile.read(io.BytesIO(urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    assert (dialog["mediatype"], dialog["parties"], sound.shape[1]) == ("audio/x-mp3", [0, 1], 2)
    (quiet,) = silenced(masks_of(calls[0].call, None, load_settings().privacy))
    loud = np.abs(sound).max(axis=1)
    inside = loud[int((quiet.start_s + 0.1) * rate_hz) : int((quiet.end_s - 0.1) * rate_hz)]
    assert inside.size > rate_hz
    assert inside.max() < 0.01 < loud.max()
    other = export(home, "vcon", "C-000001", "--recording", "inline")
    assert other.exit_code == 3
    assert "without their sound: 1 calls: the recording is no longer where the night found it" in other.stderr
    assert "body" not in json.loads(other.stdout)["dialog"][0]


def test_a_vcon_tells_the_recording_by_its_hash(stored: tuple[Home, list[Judged]]) -> None:
    home, calls = stored
    made = json.loads(export(home, "vcon", "C-000000").stdout)["dialog"][0]
    record = artefacts.read(home.recording(calls[0].call.sha256), RecordingRecord)
    assert file_sha256(record.files[0]) == record.sha256
    assert made["content_hash"].startswith("sha512-")
    assert made["start"] == NIGHT.astimezone(CHINA).isoformat()
    named = json.loads(export(home, "vcon", "C-000000", "--recording", "name").stdout)["dialog"][0]
    assert "content_hash" not in named
