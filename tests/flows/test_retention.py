"""What has been kept for its time goes every night, before it could be published again; scores outlive words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.night import Night
from flows.options import stored_call
from pipeline.errors import CallQAError
from pipeline.judging.loader import load_rulebook
from pipeline.judging.replay import replay
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.erasure import unfinished
from pipeline.storage.home import Home, RecordingRecord
from tests.support.canaries import FINGERPRINT, Canary, hits, run_canary_night, sha_of_canary
from tests.support.nights import rows

Used = tuple[Settings, list[Canary]]

SCORES = "SELECT sha256, rule_id, outcome, occurrences, deducted FROM verdicts ORDER BY ALL"


def keeping(settings: Settings, home: Home, first: Canary, **named: bool) -> Settings:
    """Settings by which something of the first call, and of no other, has been kept for its time."""
    sha256 = sha_of_canary(settings.inbox_folder, first)
    began = artefacts.read(home.recording(sha256), RecordingRecord).cdr.started_at
    assert began is not None
    days = (datetime.now(UTC) - began).days
    privacy = settings.privacy.model_copy(update=dict.fromkeys(named, days))
    return settings.model_copy(update={"privacy": privacy})


@pytest.fixture
def home(used_home: Used) -> Home:
    return Home(used_home[0].paths.home)


def test_words_go_and_scores_stay_as_they_were(used_home: Used, home: Home) -> None:
    settings, (first, *_) = used_home
    before, sha256 = rows(home.database, SCORES), sha_of_canary(settings.inbox_folder, first)
    assert len(before) == 3
    settings = keeping(settings, home, first, keep_transcripts_days=True)
    night = run_canary_night(settings)
    assert (night.tally.transcripts_expired, night.tally.calls_expired, night.tally.clips_expired) == (1, 0, 0)
    assert unfinished(home) is None
    assert hits(home.root, (first.said, first.word)) == []
    assert rows(home.database, SCORES) == before
    assert rows(home.database, f"SELECT call_id, score FROM calls WHERE sha256 = '{sha256}'") == [(first.call_id, 0.0)]
    assert rows(home.database, f"SELECT count(*) FROM clips WHERE sha256 = '{sha256}'") == [(0,)]
    with pytest.raises(CallQAError, match="keep_transcripts_days"):
        stored_call(first.call_id, home)
    # a rule changes: the others are judged again, and the first is not, nor is it heard
    book = settings.paths.rulebooks["zh"]
    (book / "phrases.yaml").write_text("no_way: [别的话]", encoding="utf-8")
    assert replay(home, load_rulebook(book), processes=1, few=0).calls == 2
    night = run_canary_night(settings)
    assert (night.tally.heard, night.tally.judged, night.tally.transcripts_expired) == (0, 2, 0)
    (kept,) = [row for row in before if row[0] == sha256]
    assert kept in rows(home.database, SCORES)
    rebuilt = Night(settings, FINGERPRINT)
    rebuilt.cut_clips(everything=True)
    rebuilt.build_database(anew=True)
    assert kept in rows(home.database, SCORES)
    (book / "phrases.yaml").write_text("no_way: [没办法]", encoding="utf-8")


def test_clips_go_before_words(used_home: Used, home: Home) -> None:
    settings, (first, *_) = used_home
    folder = home.excerpts / sha_of_canary(settings.inbox_folder, first)[:2]
    assert list(folder.rglob("*.mp3"))
    night = run_canary_night(keeping(settings, home, first, keep_audio_days=True))
    assert (night.tally.clips_expired, night.tally.transcripts_expired) == (1, 0)
    assert not list(folder.rglob("*.mp3"))
    assert rows(home.database, "SELECT count(DISTINCT sha256) FROM clips") == [(2,)]
    assert hits(home.root, (first.word,))


def test_a_call_whose_scores_were_kept_for_their_time_is_forgotten(used_home: Used, home: Home) -> None:
    settings, (first, *_) = used_home
    settings = keeping(settings, home, first, keep_scores_days=True, keep_transcripts_days=True)
    night = run_canary_night(settings)
    assert (night.tally.calls_expired, night.tally.transcripts_expired) == (1, 0)
    assert hits(home.root, first.texts) == []
    assert (settings.inbox_folder / first.file_name).exists()
    night = run_canary_night(settings)
    assert (night.tally.forgotten, night.tally.heard, night.tally.calls_expired) == (1, 0, 0)


def test_nothing_is_deleted_unless_the_settings_say_so(used_home: Used, home: Home, tmp_path: Path) -> None:
    settings, _ = used_home
    files = sorted(path for path in home.root.rglob("*") if path.is_file() and "excerpts" in str(path))
    run_canary_night(settings)
    assert sorted(path for path in home.root.rglob("*") if path.is_file() and "excerpts" in str(path)) == files
