"""``callqa forget``, ``backup`` and ``restore`` as they are typed: what they print, and how they end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from flows.exit_status import INCOMPLETE
from flows.settings_toml import as_toml
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.canaries import Canary, hits
from tests.support.nights import callqa, environment, rows

Used = tuple[Settings, list[Canary]]


@pytest.fixture
def env(used_home: Used, tmp_path: Path) -> dict[str, str]:
    settings = tmp_path / "callqa.toml"
    settings.write_text(as_toml(used_home[0]), encoding="utf-8")
    return environment(tmp_path / "prefect", CALLQA_SETTINGS=str(settings))


def run(*arguments: str | Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return callqa(*arguments, env=env)


@pytest.mark.slow
def test_what_would_go_is_listed_and_what_was_named_goes(used_home: Used, env: dict[str, str]) -> None:
    settings, (first, *others) = used_home
    home = Home(settings.paths.home)
    listed = json.loads(run("forget", first.call_id, "--dry-run", "--json", env=env).stdout)
    assert listed["calls"] == [first.call_id]
    assert listed["files"]["heard"][0] == 1
    assert hits(home.root, first.texts), "nothing was deleted"
    unnamed = run("forget", env=env)
    assert (unnamed.returncode, "--caller" in unnamed.stderr) == (1, True)
    unreadable = run("forget", "--before", "1.1.2026", env=env)
    assert (unreadable.returncode, "2026-01-01" in unreadable.stderr) == (1, True)

    gone = run("forget", first.call_id, "--yes", env=env)
    assert (gone.returncode, "Forgotten: 1 calls." in gone.stdout) == (0, True), gone.stderr
    assert hits(home.root, first.texts) == []
    assert len(rows(home.database, "SELECT 1 FROM calls")) == len(others)
    assert (settings.inbox_folder / first.file_name).exists()


@pytest.mark.slow
def test_a_backup_is_made_checked_and_put_into_an_empty_home(
    used_home: Used, env: dict[str, str], tmp_path: Path
) -> None:
    settings, canaries = used_home
    target, fresh = tmp_path / "backup", tmp_path / "fresh"
    made = run("backup", target, env=env)
    assert (made.returncode, "Backup:" in made.stdout) == (0, True), made.stderr
    assert run("backup", target, "--verify", env=env).returncode == 0
    restored = run("--home", fresh, "restore", target, env=env)
    assert restored.returncode == 0, restored.stderr
    asked = "SELECT call_id, score FROM calls ORDER BY call_id"
    assert rows(fresh / "callqa.duckdb", asked) == rows(settings.paths.home / "callqa.duckdb", asked)
    assert len(rows(fresh / "callqa.duckdb", asked)) == len(canaries)
    again = run("--home", fresh, "restore", target, env=env)
    assert (again.returncode, "empty" in again.stderr) == (1, True), "a home in use is no place for a backup"

    largest = max((target / "files").rglob("*"), key=lambda file: file.stat().st_size if file.is_file() else 0)
    largest.write_bytes(b"rot" + largest.read_bytes()[3:])
    damaged = run("backup", target, "--verify", "--json", env=env)
    assert damaged.returncode == INCOMPLETE
    assert [fault for _, fault in json.loads(damaged.stdout)["damaged"]] == ["damaged"]
    assert run("backup", tmp_path / "none", "--verify", env=env).returncode == 1
