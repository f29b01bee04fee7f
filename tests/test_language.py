"""Which language a call is in: Chinese and English keep winning, another one is heard as it is and judged by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.ears import load_ears
from flows.render import render
from pipeline.datatypes import CDR
from pipeline.decode import decode
from pipeline.rulebook import Rulebook
from pipeline.run import Ears, hear_audio, judge
from pipeline.settings import Settings, load_settings

pytestmark = pytest.mark.models

SPANISH = Path(__file__).with_name("spanish.opus")
"""Made with `espeak-ng -v es -s 150`, then ffmpeg's libopus at 8 kHz and 16 kbit/s: what a water company might say."""


@pytest.fixture(scope="module")
def ears(weights: Path) -> Ears:
    return load_ears(load_settings())


def test_a_call_in_another_language_is_heard_in_it_and_not_judged(settings: Settings, ears: Ears) -> None:
    heard = hear_audio(decode(SPANISH, settings.decode, settings.ingest), "0" * 64, ears, settings)
    assert heard.language == "es"
    assert heard.language_probability > 0.5
    text = " ".join(segment.text for segment in heard.segments).lower()
    assert "gracias" in text
    rulebooks: dict[str, Rulebook] = {}
    judged = judge(heard, CDR(), rulebooks, settings)
    assert judged.call.language == "es"
    assert judged.scorecard is None


@pytest.mark.parametrize(
    ("name", "language"), [("20261117-163719-2336-baggage", "zh"), ("20261119-104156-412-lost-parcel", "en")]
)
def test_a_poor_line_makes_no_call_foreign(
    samples: Path, settings: Settings, ears: Ears, name: str, language: str
) -> None:
    call = decode(samples / f"{name}.wav", settings.decode, settings.ingest)
    rough = render(call, settings, mono=True, codec="amr", noise_db=10.0)
    assert hear_audio(rough, "0" * 64, ears, settings).language == language
