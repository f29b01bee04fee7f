"""Both engines on real speech: the same weights give the same words, with times, in the right language."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models.vad import SileroVoiceActivity
from models.whisper_ct2 import FasterWhisper
from models.whisper_openai import OpenAIWhisper
from pipeline.datatypes import RATE_HZ, Recognizer, Samples, Segment
from pipeline.errors import BadModel
from pipeline.evaluation.metrics import characters, edit_distance
from pipeline.hearing.decode import decode
from pipeline.hearing.postprocess import postprocess
from pipeline.language.normalise import normalise
from pipeline.language.phonetics import fold
from pipeline.settings import load_settings
from pipeline.timeline import Span

# one process loads the models
pytestmark = [pytest.mark.models, pytest.mark.xdist_group("recognizers")]


@dataclass(frozen=True)
class Clip:
    """The agent's first turns of a practice call, at 8 kHz telephone band."""

    samples: Samples
    voiced: tuple[Span, ...]
    language: str
    text: str


def clip(samples: Path, name: str, seconds: float) -> Clip:
    truth = json.loads((samples / f"{name}.json").read_text(encoding="utf-8"))
    settings = load_settings()
    audio = decode(samples / f"{name}.wav", settings.decode, settings.ingest)
    channel = audio.samples[0][: round(seconds * RATE_HZ)]
    said = [
        turn["text"] for turn in truth["turns"] if turn["role"] == truth["channels"]["0"] and turn["end_s"] < seconds
    ]
    return Clip(channel, SileroVoiceActivity().voiced(channel), truth["language"], " ".join(said))


@pytest.fixture(scope="module")
def chinese(samples: Path) -> Clip:
    return clip(samples, "20261116-093105-001-booking", 18.0)


@pytest.fixture(scope="module")
def english(samples: Path) -> Clip:
    return clip(samples, "20261118-130214-E301-booking", 18.0)


@pytest.fixture(scope="module")
def faster(weights: Path) -> FasterWhisper:
    return FasterWhisper("embedded", weights, device="cpu", beam_size=1, threads=2)


@pytest.fixture(scope="module")
def openai(weights: Path) -> OpenAIWhisper:
    return OpenAIWhisper("embedded", weights, device="cpu", beam_size=1, threads=2)


def heard(engine: Recognizer, what: Clip) -> list[Segment]:
    return postprocess(engine.transcribe([what.samples], [what.voiced], what.language), [what.voiced])


def tokens(text: str, language: str) -> list[str]:
    return characters(normalise(text, language)) if language == "zh" else normalise(text, language).split()


def text(segments: list[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


@pytest.fixture(scope="module")
def by_faster(faster: FasterWhisper, chinese: Clip) -> list[Segment]:
    return heard(faster, chinese)


def test_words_are_right_and_timed(by_faster: list[Segment], chinese: Clip) -> None:
    truth, said = tokens(chinese.text, "zh"), tokens(text(by_faster), "zh")
    assert edit_distance(truth, said) <= 0.25 * len(truth)
    assert "客服中心" in text(by_faster)
    # the last word of the name question comes out as 姓 or 信, by the processor's arithmetic
    assert "请问您贵" in text(by_faster), "simplified"
    assert text(by_faster)[-1] in "。？", "punctuated"
    words = [word for segment in by_faster for word in segment.words]
    assert "".join(segment.text for segment in by_faster) == "".join(word.text for word in words)
    for one, two in itertools.pairwise(words):
        assert one.span.start_s < one.span.end_s <= two.span.start_s + 1e-9
    for word in words:
        assert 0 < word.probability <= 1
        inside = sum(word.span.overlap_s(span) for span in chinese.voiced)
        assert inside > 0.5 * word.span.duration_s or word.span.duration_s < 0.3
    assert all(segment.gate is None for segment in by_faster)


def test_the_same_sound_gives_the_same_words(faster: FasterWhisper, by_faster: list[Segment], chinese: Clip) -> None:
    assert heard(faster, chinese) == by_faster


def test_both_engines_agree(openai: OpenAIWhisper, by_faster: list[Segment], chinese: Clip) -> None:
    other = heard(openai, chinese)
    # by sound: which of two characters that sound alike is written hangs on the processor's arithmetic
    one, two = ([*map(fold, tokens(text(said), "zh"))] for said in (by_faster, other))
    assert edit_distance(one, two) <= 0.1 * len(one)
    assert [segment.span for segment in other] == [segment.span for segment in by_faster]
    near = [abs(a.words[0].span.start_s - b.words[0].span.start_s) for a, b in zip(other, by_faster, strict=True)]
    assert max(near) < 0.5, "the same alignment heads"


def test_english(faster: FasterWhisper, english: Clip) -> None:
    segments = heard(faster, english)
    truth, said = tokens(english.text, "en"), tokens(text(segments), "en")
    assert edit_distance(truth, said) <= 0.15 * len(truth)


def test_language(faster: FasterWhisper, openai: OpenAIWhisper, chinese: Clip, english: Clip) -> None:
    for engine in (faster, openai):
        for what in (chinese, english):
            language, probability = engine.detect_language(what.samples, what.voiced, ("zh", "en"))
            assert language == what.language
            assert probability > 0.9
    assert faster.detect_language(chinese.samples, chinese.voiced, ("en",)) == ("en", pytest.approx(1.0))
    assert faster.detect_language(chinese.samples, (), ("zh", "en")) == ("zh", 0.0)


def test_noise_has_no_words(faster: FasterWhisper) -> None:
    noise = (0.02 * np.random.default_rng(0).standard_normal(6 * RATE_HZ)).astype(np.float32)
    assert faster.transcribe([noise], [SileroVoiceActivity().voiced(noise)], "zh") == []
    # were it held to be speech, what is made up is marked
    forced = postprocess(faster.transcribe([noise], [(Span(1.0, 1.5),)], "zh"), [()])
    assert all(segment.gate for segment in forced)


def test_the_fingerprint_tells_what_changes_words(faster: FasterWhisper, openai: OpenAIWhisper, weights: Path) -> None:
    others = [
        FasterWhisper("embedded", weights, device="cpu", beam_size=1, threads=1),
        FasterWhisper("embedded", weights, device="cpu", beam_size=3),
        FasterWhisper("embedded", weights, device="cpu", beam_size=1, compute_type="float32"),
        FasterWhisper("embedded", weights, device="cpu", beam_size=1, hot_words=("联想",)),
        OpenAIWhisper("embedded", weights, device="cpu", beam_size=1),
    ]
    assert others[0].fingerprint == faster.fingerprint, "threads change nothing"
    assert others[4].fingerprint == openai.fingerprint
    assert len({other.fingerprint for other in others}) == 5


@pytest.mark.parametrize("engine", [FasterWhisper, OpenAIWhisper])
def test_a_model_that_cannot_be_had_is_one_line(
    engine: type[FasterWhisper] | type[OpenAIWhisper], tmp_path: Path
) -> None:
    with pytest.raises(BadModel, match="callqa models fetch") as missing:
        engine("embedded", tmp_path, device="cpu")
    assert "\n" not in str(missing.value)
    with pytest.raises(BadModel, match=r"hear\.model") as unknown:
        engine(str(tmp_path / "no" / "model"), tmp_path, device="cpu").load()
    assert "\n" not in str(unknown.value)
    with pytest.raises(BadModel, match=r"hear\.device"):
        engine("embedded", tmp_path, device="tpu")


def test_a_compute_type_that_the_processor_lacks_is_named(weights: Path) -> None:
    with pytest.raises(BadModel, match="int8"):
        FasterWhisper("embedded", weights, device="cpu", compute_type="int3")
