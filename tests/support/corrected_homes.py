"""Homes with a call of data/samples as real engines heard it, judged by a few rules; who corrects them."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

import httpx
from starlette.testclient import TestClient

from desk.context import Desk, make_desk
from flows.night import Night
from pipeline.datatypes import CDR, Transcript
from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rulebook
from pipeline.settings import CHECKOUT, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile, RecordingRecord
from tests.support.desks import ORIGIN, settings_of
from tests.support.factories import CHINA
from tests.support.rulebooks import CASES, write_book

SAMPLE = CHECKOUT / "tests" / "data" / "opening-hours.heard.json.zst"
"""What was heard of data/samples/20261118-090500-2115-opening-hours.wav."""

SAMPLE_CDR = CDR(
    "20261118-090500-2115-opening-hours", datetime(2026, 11, 18, 9, 5, tzinfo=CHINA), "2115", "刘佳", "数码一组",
    queue="数码售后", direction="inbound",
)  # fmt: skip


RULES_OF_SAMPLE = {
    "greeting": "require: {said: {by: agent, any: [请讲], in: {turns: 1..1}}}",
    "knows": "forbid: {said: {by: agent, any: [不知道]}}",
    "dead-air": "forbid: {silence: {longer_than_s: 12}}",
    "closing": "require: {said: {by: agent, any: [感谢]}}",
}


@cache
def book() -> Rulebook:
    """A few rules of what the agent says, and of silence; loaded once, and never looked at again."""
    head = "title: {zh: 规, en: rule}\ndimension: one\nwhy: 试。\nspeaks: any\n"
    rules = {name: f"id: {name}\n{head}{rule}\ncases: {json.dumps(CASES)}\n" for name, rule in RULES_OF_SAMPLE.items()}
    with tempfile.TemporaryDirectory() as folder:
        return load_rulebook(write_book(Path(folder), rules))


@cache
def sample() -> Transcript:
    return artefacts.read(SAMPLE, Transcript)


def settings_with(home: Path) -> Settings:
    settings = settings_of(home)
    paths = settings.paths.model_copy(update={"rulebooks": {}, "inbox": home.parent / "inbox"})
    return settings.model_copy(update={"paths": paths})


def night_on(home: Home, fingerprint: str = sample().fingerprint) -> Night:
    """A night whose rulebook is loaded once for all tests."""
    night = Night(settings_with(home.root), fingerprint)
    night.__dict__["rulebooks"] = {"zh": book()}
    return night


def judge_all(home: Home, fingerprint: str = sample().fingerprint) -> Night:
    night = night_on(home, fingerprint)
    night.plan_judging(everything=True)
    for shard in range(night.judge_shards):
        night.judge(shard)
    return night


def put_in(home: Home, heard: Transcript, cdr: CDR = SAMPLE_CDR) -> None:
    """Keep a call as a night does that heard it."""
    record = RecordingRecord(heard.sha256, 1000, ("/nowhere/call.wav",), datetime(2026, 11, 19, tzinfo=CHINA), cdr)
    artefacts.write(home.recording(heard.sha256), record)
    artefacts.write(home.transcript(heard.sha256, heard.fingerprint), heard)


def heard_anew(home: Home, heard: Transcript, fingerprint: str) -> None:
    """Keep what another engine heard of a call."""
    artefacts.write(home.transcript(heard.sha256, fingerprint), replace(heard, fingerprint=fingerprint))


def desk_on(home: Home) -> Desk:
    return make_desk(settings_with(home.root), lambda: {"zh": book()})


def judged(home: Home, sha256: str) -> JudgedFile:
    return artefacts.read(home.judged(sha256), JudgedFile)


def outcomes(file: JudgedFile) -> dict[str, str]:
    card = file.judged.scorecard
    return {verdict.rule_id: verdict.outcome for verdict in card.verdicts} if card else {}


def corrects(who: TestClient, desk: Desk, sha256: str, do: str, turn: int | None = None) -> httpx.Response:
    """Somebody corrects what the page shows of a call."""
    at = f"/calls/{desk.call_ids.of(sha256)}"
    page = who.get(at).text
    known = {name: hidden(page, name) for name in ("seen", "heard")}
    given = {"do": do, **({"turn": str(turn)} if turn is not None else {})}
    return who.post(f"{at}/corrections", data=known | given, headers=ORIGIN)


def undoes(who: TestClient, desk: Desk, sha256: str) -> httpx.Response:
    """Somebody undoes the last correction that is not undone."""
    at = f"/calls/{desk.call_ids.of(sha256)}"
    page = who.get(at).text
    given = {name: hidden(page, name) for name in ("seen", "act")}
    return who.post(f"{at}/corrections/undo", data=given, headers=ORIGIN)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]
