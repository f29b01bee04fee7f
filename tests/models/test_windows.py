"""What is decoded together, and whose words are whose: with a decoder that says what it was given."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import windows as chunks
from models.windows import Decoded, Token
from pipeline.datatypes import RATE_HZ, Samples
from pipeline.timeline import Span


def channel(duration_s: float) -> Samples:
    return np.linspace(0.1, 0.9, round(duration_s * RATE_HZ), dtype=np.float32)


def untold(batch: Sequence[Samples]) -> list[dict[str, float]]:
    raise AssertionError("no utterance here is doubtful")


spans = st.lists(st.tuples(st.floats(0.05, 3.0), st.floats(0.05, 40.0)), min_size=0, max_size=12).map(
    lambda pairs: _laid_out(pairs)
)


def _laid_out(pairs: list[tuple[float, float]]) -> tuple[Span, ...]:
    out, at = [], 0.0
    for gap_s, length_s in pairs:
        out.append(Span(at + gap_s, at + gap_s + length_s))
        at += gap_s + length_s
    return tuple(out)


@settings(max_examples=40, deadline=None)
@given(spans)
def test_windows_hold_all_speech_once(voiced: tuple[Span, ...]) -> None:
    samples = channel((voiced[-1].end_s if voiced else 0.0) + 1.0)
    found = chunks.utterances(samples, voiced)
    for span in voiced:
        inside = sum(span.overlap_s(utterance.voiced) for utterance in found)
        assert inside == pytest.approx(span.duration_s, abs=1e-6)
    for one, two in itertools.pairwise(found):
        assert one.cut.end_s <= two.cut.start_s + 1e-9, "no sound is heard twice"
    windows = chunks.chunks(samples, found)
    assert [u for window in windows for u in window.utterances] == found
    for window in windows:
        assert window.samples.size <= 30 * RATE_HZ
        for utterance, offset_s in zip(window.utterances, window.offsets_s, strict=True):
            first = window.samples[round(offset_s * RATE_HZ)]
            assert first == samples[round(utterance.cut.start_s * RATE_HZ)]


def test_a_long_speech_is_cut_where_it_is_quiet() -> None:
    samples = np.ones(40 * RATE_HZ, np.float32)
    samples[20 * RATE_HZ : round(20.3 * RATE_HZ)] = 0
    one, two = chunks.utterances(samples, (Span(0, 40),))
    assert 20 <= one.voiced.end_s <= 20.3
    assert one.voiced.end_s == two.voiced.start_s


def test_words_go_back_to_their_utterances() -> None:
    samples = channel(60)
    voiced = (Span(3, 5), Span(20, 21), Span(50, 52))

    def decode(batch: Sequence[Samples], language: str) -> list[Decoded]:
        assert language == "zh"
        assert len(batch) == 1
        # cuts are 2.3, 1.3 and 2.3 s long and lie at 0, 2.8 and 4.6
        said = (Token(0.0, 0.6, "一", 0.9), Token(0.6, 2.4, "二", 0.8), Token(2.7, 3.4, "三", 0.7))
        return [Decoded((*said, Token(5.0, 6.0, "四", 0.9)), 0.1)]

    first, second, third = chunks.transcribe(decode, untold, [samples, samples], [(), voiced], "zh")
    assert [segment.raw_text for segment in (first, second, third)] == ["一二", "三", "四"]
    assert [word.span for word in first.words] == [Span(3, pytest.approx(3.45)), Span(pytest.approx(3.45), 5)]
    assert second.words[0].span == Span(20, pytest.approx(20.45))
    assert third.words[0].span == Span(pytest.approx(50.25), pytest.approx(51.25))
    assert {segment.channel for segment in (first, second, third)} == {1}
    assert first.mean_log_probability == pytest.approx((np.log(0.9) + np.log(0.8)) / 2)


def test_an_utterance_without_words_is_tried_once_more_alone() -> None:
    lengths: list[float] = []

    def decode(batch: Sequence[Samples], _: str) -> list[Decoded]:
        lengths.extend(samples.size / RATE_HZ for samples in batch)
        return [Decoded((Token(0.2, 0.4, " yes", 0.9),), 0.1) for _ in batch]

    found = chunks.transcribe(decode, untold, [channel(30)], [(Span(1, 2), Span(10, 11), Span(20, 20.1))], "en")
    assert [segment.span for segment in found] == [Span(1, 2), Span(10, 11)]
    assert len(lengths) == 2, "the short one is not worth it"


def test_a_loop_does_not_take_its_neighbours_along() -> None:
    def decode_one(samples: Samples) -> Decoded:
        if samples.size > 6 * RATE_HZ:
            return Decoded(tuple(Token(i * 0.1, i * 0.1 + 0.1, "问", 0.9) for i in range(100)), 0.1)
        return Decoded((Token(0.2, 0.4, "好", 0.9), Token(2.8, 2.9, "的", 0.9)), 0.1)

    def decode(batch: Sequence[Samples], _: str) -> list[Decoded]:
        return [decode_one(samples) for samples in batch]

    voiced = tuple(Span(at, at + 2) for at in (1, 5, 9, 13))
    found = chunks.transcribe(decode, untold, [channel(20)], [voiced], "zh")
    assert [segment.raw_text for segment in found] == ["好", "的", "好", "的"]
    assert [segment.span for segment in found] == list(voiced)


def test_channels_are_decoded_together() -> None:
    batches: list[int] = []

    def decode(batch: Sequence[Samples], _: str) -> list[Decoded]:
        batches.append(len(batch))
        return [Decoded((Token(0.2, 0.4, f" {number}", 0.9),), 0.1) for number, _ in enumerate(batch)]

    found = chunks.transcribe(
        decode, untold, [channel(70), channel(70)], [(Span(1, 20), Span(25, 45)), (Span(50, 52),)], "en"
    )
    assert batches == [3]
    assert [(segment.channel, segment.raw_text) for segment in found] == [(0, "0"), (0, "1"), (1, "2")]


def said_in(text: str, probability: float) -> Decoded:
    return Decoded((Token(0.2, 1.0, text, probability),), 0.1)


@pytest.mark.parametrize(
    ("call", "first", "heard", "then", "language", "text"),
    [
        # (text, probability of the words) as the call's language, P(en), then as the other
        pytest.param("zh", ("请沃德", 0.3), 0.97, (" speak", 0.9), "en", "speak", id="goes over"),
        pytest.param("en", (" Ni hao", 0.3), 0.02, ("您好", 0.9), "zh", "您好", id="goes over to Chinese"),
        pytest.param("zh", ("请沃德", 0.3), 0.97, (" spike", 0.2), "zh", "请沃德", id="the other is less likely"),
        pytest.param("zh", ("请沃德", 0.3), 0.60, (" speak", 0.9), "zh", "请沃德", id="not surely the other"),
        pytest.param("zh", (" Could we", 0.9), 0.97, None, "en", "Could we", id="the engine went over itself"),
        pytest.param("zh", (" Hold up", 0.4), 0.03, ("好的", 0.9), "zh", "好的", id="the engine went over wrongly"),
        pytest.param("zh", ("打开wifi和APP", 0.4), 0.03, None, "zh", "打开wifi和APP", id="words in between"),
        pytest.param("es", (" hola", 0.1), 0.97, None, "es", "hola", id="a call in neither"),
    ],
)
def test_an_utterance_in_the_other_language(
    call: str, first: tuple[str, float], heard: float, then: tuple[str, float] | None, language: str, text: str
) -> None:
    asked: list[str] = []

    def decode(batch: Sequence[Samples], language: str) -> list[Decoded]:
        asked.append(language)
        said = first if len(asked) == 1 else then
        assert said, "heard once more without need"
        return [said_in(*said) for _ in batch]

    def tell(batch: Sequence[Samples]) -> list[dict[str, float]]:
        assert [samples.size / RATE_HZ for samples in batch] == [pytest.approx(2.3 + chunks.REST_S)]
        return [{"en": heard, "zh": 1 - heard}]

    (segment,) = chunks.transcribe(decode, tell, [channel(5)], [(Span(1, 3),)], call)
    assert (segment.language, segment.raw_text) == (language, text)
    assert segment.span == Span(1, 3)


def test_what_is_sure_or_short_is_not_asked_for_its_language() -> None:
    def decode(batch: Sequence[Samples], _: str) -> list[Decoded]:
        said = (Token(0.2, 1.0, "请问您贵姓", 0.95), Token(2.9, 3.2, " OK", 0.3))
        return [Decoded(said, 0.1) for _ in batch]

    found = chunks.transcribe(decode, untold, [channel(10)], [(Span(1, 3), Span(6, 6.5))], "zh")
    assert [segment.language for segment in found] == ["zh", "zh"]


def test_windows_are_even() -> None:
    voiced = [Span(at, at + 4.5) for at in range(0, 40, 5)]  # each takes 5 s with its rest: 5 would fill a window
    windows = chunks.chunks(channel(60), [chunks.Utterance(span, span) for span in voiced])
    assert [len(window.utterances) for window in windows] == [4, 4]


def test_nothing_voiced_is_nothing_said() -> None:
    def decode(_: Sequence[Samples], __: str) -> list[Decoded]:
        raise AssertionError("nothing to decode")

    assert chunks.transcribe(decode, untold, [channel(10)], [()], "zh") == []
    assert chunks.transcribe(decode, untold, [channel(10)], [(Span(12, 13), Span(5, 5))], "zh") == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-2, 8), st.floats(-1, 3)), min_size=1, max_size=60),
    st.floats(0.1, 4.0),
)
def test_word_times_are_in_order_and_inside(times: list[tuple[float, float]], length_s: float) -> None:
    within = Span(1.0, 1.0 + length_s)
    fitted = chunks.fit([Token(start, start + length, "x", 0.5) for start, length in times], within)
    assert len(fitted) == len(times)
    for span in fitted:
        assert within.start_s - 1e-9 <= span.start_s < span.end_s <= within.end_s + 1e-9
    for one, two in itertools.pairwise(fitted):
        assert one.end_s <= two.start_s + 1e-9


def test_a_language_among_those_allowed() -> None:
    heard = {"ja": 0.5, "zh": 0.3, "en": 0.1}
    assert chunks.among_only(heard, ("zh", "en")) == ("zh", pytest.approx(0.75))
    assert chunks.among_only({}, ("zh", "en")) == ("zh", 0.0)
    assert chunks.among_only(heard, ()) == ("ja", pytest.approx(5 / 9))
