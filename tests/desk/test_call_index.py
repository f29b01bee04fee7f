"""The index of calls and the snapshot it is of: whole, of one night, and without what was forgotten."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from desk.calls import call_index
from desk.calls.call_index import CallIndex, make_index
from desk.calls.index_files import IndexKind, make_index_file
from desk.context import make_desk
from desk.snapshot import Snapshot
from pipeline.datatypes import Judged
from pipeline.results.erased_rows import drop_old_parts, unneeded_parts
from pipeline.results.store import build_database
from pipeline.storage.home import Home
from tests.support.desks import settings_of, signed_in
from tests.support.factories import NIGHT, make_judged, save

ZONE = "Asia/Shanghai"


def call_of_week(name: str, week: int, score: float = 80.0) -> Judged:
    judged = make_judged(name, score=score)
    cdr = replace(judged.call.cdr, call_id=name, started_at=NIGHT + timedelta(weeks=week))
    return replace(judged, call=replace(judged.call, cdr=cdr))


def test_a_night_brings_files_for_its_own_parts_and_what_is_forgotten_goes(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    settings = settings_of(home.root)
    save(home, [call_of_week(f"call-{n}", n % 2) for n in range(4)])
    build_database(home, settings)
    snapshot = Snapshot(home.database, ZONE)
    assert make_index(home, snapshot.parts()) == set()
    before = {path: path.stat().st_mtime_ns for path in home.call_index.glob("*/*.sqlite")}
    assert len(before) == 4
    save(home, [call_of_week("call-new", 1)])
    build_database(home, settings)
    index = CallIndex(home, snapshot)
    state = index.state()
    assert state.is_whole
    assert sum(index.facts(part).calls for part in state.parts) == 5
    kept = [path for path, made in before.items() if path.exists() and path.stat().st_mtime_ns == made]
    assert len(kept) == 4  # those of the week that was replaced stay for who reads them
    assert len(list(home.call_index.glob("*/*.sqlite"))) == 6
    drop_old_parts(home)
    assert len(list(home.call_index.glob("*/*"))) == 4
    assert unneeded_parts(home) == []
    assert index.state().is_whole


def test_no_index_stays_of_a_database_that_showed_more(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    settings = settings_of(home.root)
    shown = settings.model_copy(update={"privacy": settings.privacy.model_copy(update={"mask": False})})
    save(home, [call_of_week("call-a", 0)])
    build_database(home, shown)
    make_index(home, Snapshot(home.database, ZONE).parts())
    before = set(home.call_index.glob("*/*"))
    build_database(home, settings)
    assert len(before) == 2
    assert not any(path.exists() for path in before)


def test_a_home_without_a_night_has_an_empty_list(tmp_path: Path) -> None:
    desk = make_desk(settings_of(tmp_path / "home"), dict)
    page = signed_in(desk, "administrator").get("/calls?q=您好")
    assert page.status_code == 200
    assert "No call is like this." in page.text


def test_calls_are_listed_before_their_words_can_be_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    settings = settings_of(home.root)
    save(home, [call_of_week("call-a", 0)])
    build_database(home, settings)

    def only_lists(home: Home, part: str, kind: IndexKind) -> None:
        if kind == "calls":
            make_index_file(home, part, kind)

    monkeypatch.setattr(call_index, "make_index_file", only_lists)
    monkeypatch.setattr(call_index, "PATIENCE_S", 0.3)
    monkeypatch.setattr(call_index, "BRIEFLY_S", 0.3)
    desk = make_desk(settings, dict)
    browser = signed_in(desk, "administrator")
    assert "call-a" in browser.get("/calls").text
    assert "cannot be searched yet" in browser.get("/calls?q=您好").text
    monkeypatch.setattr(call_index, "make_index_file", make_index_file)
    monkeypatch.setattr(call_index, "BRIEFLY_S", 60.0)
    assert "<mark>您好</mark>" in browser.get("/calls?q=您好").text


def test_every_reader_sees_one_night_and_the_next_request_the_new_one(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    settings = settings_of(home.root)
    desk = make_desk(settings, dict)
    nights, done, mixed, seen = 3, threading.Event(), [], set()

    def publish(night: int) -> None:
        save(home, [call_of_week(f"call-{n}", n % 2, float(night)) for n in range(4)])
        build_database(home, settings)

    def read() -> None:
        while not done.wait(0.05):
            with desk.snapshot.reading() as reader:
                first = {row["score"] for row in reader.rows("SELECT score FROM calls")}
                then = {row["score"] for row in reader.rows("SELECT score FROM scorecards")}
            state = desk.index.state()
            listed = {row["score"] for part in state.parts for row in _rows(desk.index, part)}
            if first != then or len(first) != 1 or (state.is_whole and len(listed) != 1):
                mixed.append((first, then, listed))
            seen.update(first)

    publish(0)
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for night in range(1, nights):
        publish(night)
        with desk.snapshot.reading() as reader:
            assert reader.value("SELECT max(score) FROM calls") == night
    done.set()
    for thread in readers:
        thread.join()
    assert mixed == []
    assert len(seen) > 1


def _rows(index: CallIndex, part: str) -> list[sqlite3.Row]:
    with index.reading(part, searchable=False) as opened:
        return opened.rows("SELECT score FROM calls", {})
