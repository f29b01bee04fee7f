"""Clips of failed verdicts: where they are cut, what is said in them, and cutting twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pipeline.datatypes import Evidence, Judged, Verdict
from pipeline.hearing.decode import decode
from pipeline.results.excerpts import (
    Excerpt,
    cut_excerpts,
    due_early,
    excerpt_failed,
    excerpt_folder,
    prune_excerpts,
    read_excerpts,
    spoken_lines,
)
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Failure, HalfRecord, Home
from pipeline.timeline import Span
from tests.support.factories import hit_on, make_judged, make_turns, make_verdict, recorded, save, write_wav
from tests.support.malformed import voice, wav
from tests.support.rulebooks import LANGUAGES, hotline


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Long enough for the nine turns of `make_judged`; two channels that differ."""
    path = tmp_path / "inbox" / "call.wav"
    write_wav(path, make_judged().call.facts.duration_s)
    return path


def judged_with(source: Path, *verdicts: Verdict) -> Judged:
    return make_judged(verdicts=verdicts, sha256=file_sha256(source))


def placed(*spans: tuple[float, float]) -> Verdict:
    evidence = tuple(Evidence(None, Span(*span), "", f"at {span[0]}") for span in spans)
    return make_verdict("dead-air", "fail", evidence)


def spans(excerpts: Sequence[Excerpt]) -> list[tuple[float, float]]:
    return [(round(e.span.start_s, 2), round(e.span.end_s, 2)) for e in excerpts]


def files(home: Home, judged: Judged) -> set[str]:
    return {path.name for path in excerpt_folder(home, judged.call.sha256).glob("*.mp3")}


def test_a_clip_holds_the_evidence_with_two_seconds_of_margin(tmp_home: Home, settings: Settings, source: Path) -> None:
    judged = make_judged(sha256=file_sha256(source))
    (excerpt,) = cut_excerpts(judged, [source], tmp_home, settings)
    turn = judged.call.turns[4]
    assert spans([excerpt]) == [(round(turn.span.start_s - 2, 2), round(turn.span.end_s + 2, 2))]
    assert excerpt.rule_id == "forbidden-phrases"
    assert excerpt.matched == excerpt.sentence == turn.text
    assert excerpt.reason == "没办法"
    audio = decode(excerpt_folder(tmp_home, judged.call.sha256) / excerpt.file, settings.decode, settings.ingest)
    assert audio.layout == "stereo"
    assert audio.codec == "mp3"
    # MP3 pads to whole frames
    assert audio.duration_s == pytest.approx(excerpt.span.duration_s, abs=0.15)
    assert read_excerpts(tmp_home, judged.call.sha256) == (excerpt,)


def test_mono_stays_mono(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    judged = recorded(make_judged(), tmp_path / "mono.wav", channels=1)
    (excerpt,) = cut_excerpts(judged, [tmp_path / "mono.wav"], tmp_home, settings)
    path = excerpt_folder(tmp_home, judged.call.sha256) / excerpt.file
    assert decode(path, settings.decode, settings.ingest).channels == 1


def test_a_clip_of_a_call_in_two_files_has_a_side_a_channel(tmp_home: Home, settings: Settings, tmp_path: Path) -> None:
    judged, halves = make_judged(sha256="ab" * 32), []
    for seed, name in enumerate(("x-in.wav", "x-out.wav"), start=1):
        data = wav(voice(judged.call.facts.duration_s, seed).tobytes())
        (tmp_path / name).write_bytes(data)
        halves.append(HalfRecord(file_sha256(tmp_path / name), str(tmp_path / name)))
    cut = partial(cut_excerpts, judged, [tmp_path / "x-in.wav"], tmp_home, settings, halves=halves)
    (excerpt,) = cut()
    path = excerpt_folder(tmp_home, judged.call.sha256) / excerpt.file
    assert decode(path, settings.decode, settings.ingest).layout == "stereo"
    path.unlink()
    (tmp_path / "x-out.wav").unlink()
    assert cut() == (), "half a call is no clip"
    assert excerpt_failed(tmp_home, judged.call.sha256)


def test_only_what_fails_is_cut(tmp_home: Home, settings: Settings, source: Path) -> None:
    turns = make_judged().call.turns
    verdicts = [make_verdict(f"r-{o}", o, (hit_on(turns[0]),)) for o in ("pass", "unsure", "not_applicable")]
    judged = judged_with(source, *verdicts)
    assert cut_excerpts(judged, [source], tmp_home, settings) == ()
    assert cut_excerpts(replace(judged, scorecard=None), [source], tmp_home, settings) == ()
    assert not excerpt_folder(tmp_home, judged.call.sha256).exists()


def test_three_clips_a_verdict_and_near_ones_together(tmp_home: Home, settings: Settings, source: Path) -> None:
    verdict = placed((5, 6), (0, 1), (7.5, 8), (16, 17), (25, 26), (33, 34))
    excerpts = cut_excerpts(judged_with(source, verdict), [source], tmp_home, settings)
    assert spans(excerpts) == [(0, 10), (14, 19), (23, 28)]
    assert [e.n for e in excerpts] == [1, 2, 3]


def test_a_clip_has_a_longest_length_and_stays_within_the_call(
    tmp_home: Home, settings: Settings, source: Path
) -> None:
    short = settings.model_copy(update={"excerpts": settings.excerpts.model_copy(update={"longest_s": 6})})
    duration_s = make_judged().call.facts.duration_s
    judged = judged_with(
        source, placed((3, 30)), make_verdict("closing", "fail", placed((duration_s - 1, duration_s + 9)).evidence)
    )
    assert spans(cut_excerpts(judged, [source], tmp_home, short)) == [
        (1, 7),
        (round(duration_s - 3, 2), round(duration_s, 2)),
    ]


def test_what_was_not_said_is_cut_where_it_was_due(tmp_home: Home, settings: Settings, source: Path) -> None:
    judged = judged_with(source, make_verdict("greeting", "fail"), make_verdict("closing", "fail", (), "没有结束语"))
    greeting, closing = cut_excerpts(judged, [source], tmp_home, settings, early={"greeting"})
    first_s, duration_s = judged.call.facts.first_agent_s, judged.call.facts.duration_s
    assert first_s is not None
    assert spans([greeting, closing]) == [
        (max(0.0, first_s - 2), first_s + 22),
        (round(duration_s - 22, 2), round(duration_s, 2)),
    ]
    assert (closing.matched, closing.reason) == ("", "没有结束语")
    assert not any(line.evidence for line in closing.lines)


def test_the_words_of_a_clip(tmp_home: Home, settings: Settings, source: Path) -> None:
    judged = make_judged(sha256=file_sha256(source))
    (excerpt,) = cut_excerpts(judged, [source], tmp_home, settings)
    said = [(line.role, line.text, line.evidence) for line in excerpt.lines]
    assert said == [
        ("customer", "…等了三天了。", False),
        ("agent", "这个我也没办法，你再等等吧。", True),
        ("customer", "你们这是什么…", False),
    ]
    assert spoken_lines(excerpt).splitlines()[1] == "坐席 0:24  这个我也没办法，你再等等吧。"


def test_english_words_keep_their_spaces(tmp_home: Home, settings: Settings, source: Path) -> None:
    turns = make_turns([("agent", "Thank you for calling Harbor Repairs this is Ann how can I help you today")])
    judged = make_judged(language="en", turns=turns, verdicts=[placed((3, 3.5))], sha256=file_sha256(source))
    (excerpt,) = cut_excerpts(judged, [source], tmp_home, settings)
    assert [line.text for line in excerpt.lines] == ["…you for calling Harbor Repairs this is Ann how can I…"]
    assert spoken_lines(excerpt, "en").startswith("Agent 0:00  …you for")


def test_cutting_again_changes_nothing(tmp_home: Home, settings: Settings, source: Path) -> None:
    judged = make_judged(sha256=file_sha256(source))
    first = cut_excerpts(judged, [source], tmp_home, settings)
    folder = excerpt_folder(tmp_home, judged.call.sha256)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    source.unlink()  # nor is the recording needed
    assert cut_excerpts(judged, [source], tmp_home, settings) == first
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert not list(tmp_home.files("failures"))


def test_clips_of_other_days_go(tmp_home: Home, settings: Settings, source: Path) -> None:
    judged = judged_with(source, placed((3, 4), (20, 21)))
    cut_excerpts(judged, [source], tmp_home, settings)
    old = files(tmp_home, judged)
    fewer = judged_with(source, placed((20, 21)))
    (excerpt,) = cut_excerpts(fewer, [source], tmp_home, settings)
    assert files(tmp_home, judged) == {excerpt.file}
    assert len(old) == 2
    louder = settings.model_copy(update={"excerpts": settings.excerpts.model_copy(update={"bitrate_kbps": 64})})
    (other,) = cut_excerpts(fewer, [source], tmp_home, louder)
    assert other.file != excerpt.file
    cut_excerpts(judged_with(source, make_verdict("dead-air", "pass")), [source], tmp_home, settings)
    assert not excerpt_folder(tmp_home, judged.call.sha256).exists()


def test_a_lost_recording_is_a_failure_and_no_stop(tmp_home: Home, settings: Settings, source: Path) -> None:
    judged = judged_with(source, placed((3, 4)))
    (kept,) = cut_excerpts(judged, [source], tmp_home, settings)
    assert not excerpt_failed(tmp_home, judged.call.sha256)
    sound = source.read_bytes()
    more = judged_with(source, placed((3, 4), (20, 21)))
    source.unlink()
    assert cut_excerpts(more, [source], tmp_home, settings) == (kept,)
    (path,) = tmp_home.files("failures")
    failure = artefacts.read(path, Failure)
    assert (failure.key, failure.stage, failure.path) == (judged.call.sha256, "excerpt", str(source))
    assert failure.reason == "missing"
    assert excerpt_failed(tmp_home, judged.call.sha256)
    source.write_bytes(sound)
    assert len(cut_excerpts(more, [source], tmp_home, settings)) == 2
    assert not list(tmp_home.files("failures"))
    assert not excerpt_failed(tmp_home, judged.call.sha256)


def test_no_clip_is_cut_from_another_recording_of_the_name(
    tmp_home: Home, settings: Settings, source: Path, tmp_path: Path
) -> None:
    """Recorders use names again: what another caller says is never heard under this call."""
    judged = judged_with(source, placed((3, 4)))
    copy = tmp_path / "inbox" / "copy.wav"
    source.rename(copy)
    write_wav(source, 40, channels=1)
    assert cut_excerpts(judged, [source], tmp_home, settings) == ()
    assert files(tmp_home, judged) == set()
    (path,) = tmp_home.files("failures")
    failure = artefacts.read(path, Failure)
    assert (failure.stage, failure.reason, failure.path) == ("excerpt", "replaced", str(source))
    assert "another recording has this name" in failure.message
    (excerpt,) = cut_excerpts(judged, [source, copy], tmp_home, settings)
    path = excerpt_folder(tmp_home, judged.call.sha256) / excerpt.file
    assert decode(path, settings.decode, settings.ingest).channels == 2, "cut from the copy, as that has the bytes"
    assert not list(tmp_home.files("failures"))


def test_clips_without_a_judged_call_are_pruned(tmp_home: Home, settings: Settings, source: Path) -> None:
    judged = make_judged(sha256=file_sha256(source))
    cut_excerpts(judged, [source], tmp_home, settings)
    save(tmp_home, [judged])
    assert prune_excerpts(tmp_home) == 0
    tmp_home.judged(judged.call.sha256).unlink()
    assert prune_excerpts(tmp_home) == 1
    assert read_excerpts(tmp_home, judged.call.sha256) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rulebooks_greeting_is_due_early_and_closing_is_not(language: str) -> None:
    early = due_early([hotline(language)])
    assert "greeting" in early
    assert "closing" not in early
