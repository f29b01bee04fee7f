"""What is decoded, what again, and in which language: with a decoder that says what it was given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.tokens import Decoded, Token
from models.transcription import among_only, transcribe_channels
from models.windows import REST_S
from pipeline.datatypes import RATE_HZ, Samples
from pipeline.timeline import Span


def channel(duration_s: float) -> Samples:
    return np.linspace(0.1, 0.9, round(duration_s * RATE_HZ), dtype=np.float32)


def untold(batch: Sequence[Samples]) -> list[dict[str, float]]:
    raise AssertionError("no cut here is doubtful")


def test_words_go_back_to_their_cuts() -> None:
    samples = channel(60)
    voiced = (Span(3, 5), Span(20, 21), Span(50, 52))

    def decode(batch: Sequence[Samples], language: str) -> list[Decoded]:
        assert language == "zh"
        assert len(batch) == 1
        # cuts are 2.3, 1.3 and 2.3 s long and lie at 0, 2.8 and 4.6
        said = (Token(0.0, 0.6, "一", 0.9), Token(0.6, 2.4, "二", 0.8), Token(2.7, 3.4, "三", 0.7))
        return [Decoded((*said, Token(5.0, 6.0, "四", 0.9)), 0.1)]

    first, second, third = transcribe_channels(decode, untold, [samples, samples], [(), voiced], "zh")
    assert [segment.raw_text for segment in (first, second, third)] == ["一二", "三", "四"]
    assert [word.span for word in first.words] == [Span(3, pytest.approx(3.45)), Span(pytest.approx(3.45), 5)]
    assert second.words[0].span == Span(20, pytest.approx(20.45))
    assert third.words[0].span == Span(pytest.approx(50.25), pytest.approx(51.25))
    assert {segment.channel for segment in (first, second, third)} == {1}
    assert first.mean_log_probability == pytest.approx((np.log(0.9) + np.log(0.8)) / 2)


def test_a_cut_without_words_is_tried_once_more_alone() -> None:
    lengths: list[float] = []

    def decode(batch: Sequence[Samples], _: str) -> list[Decoded]:
        lengths.extend(samples.size / RATE_HZ for samples in batch)
        return [Decoded((Token(0.2, 0.4, " yes", 0.9),), 0.1) for _ in batch]

    found = transcribe_channels(decode, untold, [channel(30)], [(Span(1, 2), Span(10, 11), Span(20, 20.1))], "en")
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
    found = transcribe_channels(decode, untold, [channel(20)], [voiced], "zh")
    assert [segment.raw_text for segment in found] == ["好", "的", "好", "的"]
    assert [segment.span for segment in found] == list(voiced)


def test_channels_are_decoded_together() -> None:
    batches: list[int] = []

    def decode(batch: Sequence[Samples], _: str) -> list[Decoded]:
        batches.append(len(batch))
        return [Decoded((Token(0.2, 0.4, f" {number}", 0.9),), 0.1) for number, _ in enumerate(batch)]

    found = transcribe_channels(
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
def test_a_cut_in_the_other_language(
    call: str, first: tuple[str, float], heard: float, then: tuple[str, float] | None, language: str, text: str
) -> None:
    asked: list[str] = []

    def decode(batch: Sequence[Samples], language: str) -> list[Decoded]:
        asked.append(language)
        said = first if len(asked) == 1 else then
        assert said, "heard once more without need"
        return [said_in(*said) for _ in batch]

    def language_probabilities(batch: Sequence[Samples]) -> list[dict[str, float]]:
        assert [samples.size / RATE_HZ for samples in batch] == [pytest.approx(2.3 + REST_S)]
        return [{"en": heard, "zh": 1 - heard}]

    (segment,) = transcribe_channels(decode, language_probabilities, [channel(5)], [(Span(1, 3),)], call)
    assert (segment.language, segment.raw_text) == (language, text)
    assert segment.span == Span(1, 3)


def test_what_is_sure_or_short_is_not_asked_for_its_language() -> None:
    def decode(batch: Sequence[Samples], _: str) -> list[Decoded]:
        said = (Token(0.2, 1.0, "请问您贵姓", 0.95), Token(2.9, 3.2, " OK", 0.3))
        return [Decoded(said, 0.1) for _ in batch]

    found = transcribe_channels(decode, untold, [channel(10)], [(Span(1, 3), Span(6, 6.5))], "zh")
    assert [segment.language for segment in found] == ["zh", "zh"]


def test_nothing_voiced_is_nothing_said() -> None:
    def decode(_: Sequence[Samples], __: str) -> list[Decoded]:
        raise AssertionError("nothing to decode")

    assert transcribe_channels(decode, untold, [channel(10)], [()], "zh") == []
    assert transcribe_channels(decode, untold, [channel(10)], [(Span(12, 13), Span(5, 5))], "zh") == []


def test_a_language_among_those_allowed() -> None:
    heard = {"ja": 0.5, "zh": 0.3, "en": 0.1}
    assert among_only(heard, ("zh", "en")) == ("zh", pytest.approx(0.75))
    assert among_only({}, ("zh", "en")) == ("zh", 0.0)
    assert among_only(heard, ()) == ("ja", pytest.approx(5 / 9))
