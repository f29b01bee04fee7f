"""A home that the version before made opens, publishes and rejudges: its files stay readable, its history stays.

`tests/data/old-home` was made by commit 642d4a7: three calls of data/samples, heard by real engines, judged by two
published versions of two small rulebooks, and a recording that failed; without sound, clips and database.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.night import Night
from pipeline.datatypes import Transcript
from pipeline.intake.contents import Hashes
from pipeline.judging.loader import load_rulebook
from pipeline.judging.versions import in_force, publications, publish_rulebook
from pipeline.results.store import build_database
from pipeline.settings import CHECKOUT, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Failure, Home, JudgedFile, RecordingRecord, Run
from tests.support.nights import rows

OLD = CHECKOUT / "tests" / "data" / "old-home"
FINGERPRINT = "656192b5e6aeccd85966cd03cb0b1d5b0dbc4d852f5be81ae126f511c7612fda"
"""Of the engines that heard the calls; whoever asks for the same need not hear them again."""

KINDS: dict[str, tuple[type[Any], int]] = {
    "recordings": (RecordingRecord, 3),
    "heard": (Transcript, 3),
    "judged": (JudgedFile, 3),
    "failures": (Failure, 1),
    "runs": (Run, 2),
}
LANGUAGES = ("zh", "en")
HISTORY = """FROM verdict_versions SELECT rulebook, version, in_force, rule_id, outcome, score, count(*)
             GROUP BY ALL ORDER BY ALL"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    shutil.copytree(OLD, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def old(home: Home, settings: Settings, tmp_path: Path) -> Settings:
    """Settings of the old home; its rulebooks lie in a folder to be edited, as they were published last."""
    folders = {language: tmp_path / f"trial-{language}" for language in LANGUAGES}
    for folder in folders.values():
        shutil.copytree(in_force(home, folder), folder)
    (tmp_path / "inbox").mkdir()
    paths = {"home": home.root, "inbox": tmp_path / "inbox", "rulebooks": folders}
    ingest = settings.ingest.model_copy(update={"settle_s": 0.0})
    return settings.model_copy(update={"paths": settings.paths.model_copy(update=paths), "ingest": ingest})


def rejudged(settings: Settings) -> Night:
    """A night that only judges, as `callqa rejudge` has it, and its database."""
    night = Night(settings, FINGERPRINT)
    night.plan_judging(everything=True)
    for shard in range(night.judge_shards):
        night.judge(shard)
    night.build_database()
    return night


def contents(home: Home, kind: str) -> dict[str, bytes]:
    folder = home.root / kind
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json.*")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_every_file_of_it_is_read(kind: Any) -> None:
    shape, number = KINDS[kind]
    files = list(Home(OLD).files(kind))
    assert len(files) == number
    for file in files:
        artefacts.read(file, shape)


@pytest.mark.slow
def test_what_it_says_is_understood() -> None:
    home = Home(OLD)
    records = list(home.recording_records())
    assert {record.cdr.agent_id for record in records} == {"001", "008", "412"}
    for record in records:
        transcript = artefacts.read(home.transcript(record.sha256, FINGERPRINT), Transcript)
        assert transcript.fingerprint == FINGERPRINT
        assert sum(len(segment.words) for segment in transcript.segments) > 30
        assert transcript.speakers or transcript.layout == "stereo"
        stored = artefacts.read(home.judged(record.sha256), JudgedFile)
        assert stored.judged.call.cdr == record.cdr
        assert stored.judged.call.turns
        assert stored.judged.scorecard is not None
        assert all(verdict.outcome != "unsure" for verdict in stored.judged.scorecard.verdicts)
        assert [card.version for card in stored.past] == ["2026.1"]
        assert stored.hearing is not None
    assert len(artefacts.read(home.hashes, Hashes).files) == 3
    for language in LANGUAGES:
        folder = Path(f"trial-{language}")
        assert [publication.version for publication in publications(home, folder)] == ["2026.1", "2026.2"]
        assert load_rulebook(in_force(home, folder)).version == "2026.2"


@pytest.mark.slow
def test_no_place_on_a_machine_is_in_it() -> None:
    paths = {path for record in Home(OLD).recording_records() for path in record.paths}
    assert {str(Path(path).parent) for path in paths} == {"/recordings"}


@pytest.mark.slow
def test_its_database_is_built_as_it_is(home: Home, old: Settings) -> None:
    built = build_database(home, old)
    assert built.damaged == ()
    assert {"calls": 3, "failures": 1, "runs": 2, "scorecards": 3}.items() <= built.rows.items()
    assert rows(home.database, "SELECT count(*) FROM verdicts WHERE outcome = 'fail'") == [(3,)]
    assert rows(home.database, "SELECT count(*) FROM turns") > [(20,)]


@pytest.mark.slow
def test_rejudging_hears_nothing_again_and_keeps_the_history(home: Home, old: Settings) -> None:
    build_database(home, old)
    before, heard = rows(home.database, HISTORY), contents(home, "heard")
    night = rejudged(old)
    assert (night.tally.failed, night.tally.to_judge) == (0, night.tally.judged)
    assert rows(home.database, HISTORY) == before
    assert {(version, in_force) for _, version, in_force, *_ in before} == {("2026.1", False), ("2026.2", True)}
    assert contents(home, "heard") == heard
    # one that is published now joins them
    (old.paths.rulebooks["zh"] / "phrases.yaml").write_text("hello: [您好, 早上好]\n", encoding="utf-8")
    publish_rulebook(home, old.paths.rulebooks["zh"])
    assert rejudged(old).tally.failed == 0
    assert [row[1:6] for row in rows(home.database, HISTORY) if row[0] == "trial-zh" and row[3] == "greeting"] == [
        ("2026.1", False, "greeting", "pass", 100.0),
        ("2026.2", False, "greeting", "fail", 50.0),
        ("2026.3", True, "greeting", "pass", 100.0),
    ]
    assert contents(home, "heard") == heard


@pytest.mark.slow
def test_its_recordings_are_known_when_the_inbox_is_searched(home: Home, old: Settings, samples: Path) -> None:
    for record in home.recording_records():
        shutil.copy(samples / Path(record.paths[0]).name, old.paths.inbox)
    shutil.copy(samples / "cdr.csv", old.paths.inbox)
    night = Night(old, FINGERPRINT)
    night.scan()
    assert night.plan is not None
    assert (night.tally.found, night.tally.to_hear, night.plan.shards) == (3, 0, ())
    assert {record.cdr.agent_id for record in home.recording_records()} == {"001", "008", "412"}
