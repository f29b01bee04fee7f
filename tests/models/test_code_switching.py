"""Which language a call is in: Chinese and English keep winning, another one is heard as it is and judged by nobody.

Speakers who go over from English to Chinese within a call are heard in both.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.engines import load_engines
from pipeline.datatypes import CDR
from pipeline.evaluation.degrade import Rendering, degrade
from pipeline.hearing.decode import decode
from pipeline.judging.rulebook import Rulebook
from pipeline.run import Engines, hear_audio, judge
from pipeline.settings import CHECKOUT, Settings, load_settings

# one process loads the models
pytestmark = [pytest.mark.models, pytest.mark.xdist_group("code_switching")]

SPANISH = CHECKOUT / "tests" / "data" / "spanish.opus"
"""Made with `espeak-ng -v es -s 150`, then ffmpeg's libopus at 8 kHz and 16 kbit/s: what a water company might say."""

SWITCHED = CHECKOUT / "tests" / "data" / "switched.opus"
"""Made with the Kokoro voices af_heart (agent) and zm_yunxi (customer), each in both languages, then ffmpeg's libopus
at 8 kHz and 16 kbit/s, mono: a guest of a hotel asks for somebody who speaks Chinese."""


@pytest.fixture(scope="module")
def engines(weights: Path) -> Engines:
    return load_engines(load_settings())


def test_a_call_in_another_language_is_heard_in_it_and_not_judged(settings: Settings, engines: Engines) -> None:
    heard = hear_audio(decode(SPANISH, settings.decode, settings.ingest), "0" * 64, engines, settings)
    assert heard.language == "es"
    assert heard.language_probability > 0.5
    text = " ".join(segment.text for segment in heard.segments).lower()
    assert "gracias" in text
    rulebooks: dict[str, Rulebook] = {}
    judged = judge(heard, CDR(), rulebooks)
    assert judged.call.language == "es"
    assert judged.scorecard is None


@pytest.mark.parametrize(
    ("name", "language"), [("20261117-163719-2336-baggage", "zh"), ("20261119-104156-412-lost-parcel", "en")]
)
def test_a_poor_line_makes_no_call_foreign(
    samples: Path, settings: Settings, engines: Engines, name: str, language: str
) -> None:
    call = decode(samples / f"{name}.wav", settings.decode, settings.ingest)
    rough = degrade(call, Rendering(mono=True, codec="amr", noise_db=10.0), settings)
    heard = hear_audio(rough, "0" * 64, engines, settings)
    assert heard.language == language
    assert {segment.language for segment in heard.segments} == {language}, "nobody went over to the other"


@pytest.mark.parametrize("held", ["en", "zh"])
def test_speakers_go_over_to_the_other_language_and_back(settings: Settings, engines: Engines, held: str) -> None:
    hear = settings.hear.model_copy(update={"language": held})
    call = decode(SWITCHED, settings.decode, settings.ingest)
    heard = hear_audio(call, "0" * 64, engines, settings.model_copy(update={"hear": hear}))
    kept = [segment for segment in heard.segments if not segment.gate]
    assert [segment.language for segment in kept] == ["en", "en", "en", "zh", "en", "zh", "zh"]
    text = [segment.text for segment in kept]
    assert "How may I help you?" in text[0]
    assert "which dates" in text[2]
    assert "我英语说得不太好，有没有会说中文的" in text[3]
    assert text[5].startswith("您好，请问您想")
    assert "一共住三个晚上" in text[6]
