"""Real sound and voice activity with a scripted recogniser: everything behind the words, from a recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.scripted import ScriptedRecognizer
from models.vad import SileroVoiceActivity
from pipeline.datatypes import CDR, Recognizer
from pipeline.hearing.decode import decode
from pipeline.hearing.postprocess import postprocess
from pipeline.run import Engines, hear_audio, judge
from pipeline.settings import Settings
from pipeline.timeline import Span
from tests.support.rulebooks import hotlines


@pytest.mark.models
def test_a_recording_judged_with_its_own_transcript(shared: Path, settings: Settings) -> None:
    folder = shared / "synthetic-calls"
    truth = json.loads((folder / "d03-agent-hangs-up-first.json").read_text(encoding="utf-8"))
    lines = {
        channel: [(Span(t["start_s"], t["end_s"]), t["text"]) for t in truth["turns"] if t["role"] == role]
        for channel, role in ((0, "agent"), (1, "customer"))
    }
    recognizer: Recognizer = ScriptedRecognizer(lines, "zh")
    audio = decode(folder / "d03-agent-hangs-up-first.wav", settings.decode, settings.ingest)
    engines = Engines(SileroVoiceActivity(settings.hear.vad_threshold), recognizer, None)
    heard = hear_audio(audio, "0" * 64, engines, settings)
    card = judge(heard, CDR(), hotlines()).scorecard
    assert card is not None
    outcomes = {verdict.rule_id: verdict.outcome for verdict in card.verdicts}
    labels = {rule: "not_applicable" if label == "na" else label for rule, label in truth["labels"].items()}
    assert {rule: outcomes[rule] for rule in labels} == labels


def test_lines_without_voice_are_not_heard() -> None:
    recognizer = ScriptedRecognizer({0: [(Span(0.0, 1.0), "您好"), (Span(5.0, 6.0), "再见")]}, "zh")
    segments = recognizer.transcribe([], [(Span(0.2, 0.9),)], "zh")
    assert [segment.text for segment in segments] == ["您好"]
    assert [word.text for word in segments[0].words] == ["您", "好"]
    english = ScriptedRecognizer({0: [(Span(0.0, 1.0), "Please hold.")]}, "en")
    (segment,) = postprocess(english.transcribe([], [(Span(0.2, 0.9),)], "en"), ((Span(0.2, 0.9),),))
    assert segment.text == "Please hold."
    assert recognizer.transcribe([], [(), (Span(0.2, 0.9),)], "zh") == []
