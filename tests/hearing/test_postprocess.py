"""Script, punctuation and the hallucination filter: pure functions over segments."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datatypes import LineEvent, Segment, Word
from pipeline.hearing.postprocess import hallucination_filter, postprocess, punctuate, simplify
from pipeline.timeline import Span


def words(text: str, step_s: float = 0.2, start_s: float = 0.0, probability: float = 0.8) -> tuple[Word, ...]:
    """Words divided by "|"; "~" before a word is a pause of 0.5 s, "~~" of a second."""
    out, at = [], start_s
    for piece in text.split("|"):
        at += 0.5 * (len(piece) - len(piece.lstrip("~")))
        out.append(Word(Span(at, at + step_s), piece.lstrip("~"), probability, 0))
        at += step_s
    return tuple(out)


def segment(
    text: str,
    language: str = "zh",
    probability: float = 0.8,
    voiced_s: float | None = None,
    no_speech: float = 0.05,
) -> tuple[Segment, tuple[Span, ...]]:
    """A segment said at five syllables a second, unless `voiced_s` says how much voice there is."""
    pieces = list(text) if language == "zh" else [f" {word}" for word in text.split()]
    step_s = (voiced_s or 0.2 * len(pieces)) / len(pieces)
    said = words("|".join(pieces), step_s, 10.0, probability)
    span = Span(10.0, 10.0 + step_s * len(pieces))
    log = math.log(probability)
    return Segment(span, 0, text, text, said, language, log, no_speech, 1.0), (span,)


def read(text: str, language: str = "zh") -> str:
    return "".join(word.text for word in punctuate(words(text), language))


def test_one_script() -> None:
    assert simplify("請問您貴姓,乾淨的後面") == "请问您贵姓,干净的后面"
    assert simplify("Thanks, bye 拜拜") == "Thanks, bye 拜拜"


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("你|好| 我|想|预|约", "你好，我想预约。"),
        ("好|的|~~没|有|了", "好的。没有了。"),
        ("请|问|您|贵|姓", "请问您贵姓？"),
        ("请|问|您|贵|姓。", "请问您贵姓？"),
        ("还|有|什|么|需|要|吗|~我|在|听", "还有什么需要吗？我在听。"),
        ("您|好,|请|讲.", "您好，请讲。"),
        ("我|不|知|道", "我不知道。"),
        ("没|什|么", "没什么。"),
        ("电|话|是|13|9|~05|74", "电话是1390574。"),
        ("三|点|半|到|9:00", "三点半到9:00。"),
        ("用| OK| 键", "用OK键。"),
    ],
)
def test_chinese_is_punctuated(said: str, written: str) -> None:
    assert read(said) == written


def test_english_keeps_its_own_marks() -> None:
    kept = punctuate(words(" Thanks,|~~ bye|."), "en")
    assert [word.text for word in kept] == ["Thanks,", "bye", "."]


@given(st.lists(st.sampled_from(["你", "好,", " 吗", "?", " OK", "3.5", "，", "   ", "什", "么"]), max_size=12))
def test_punctuation_touches_neither_times_nor_words(pieces: list[str]) -> None:
    before = [word for word in words("|".join(pieces)) if word.text.strip()] if pieces else []
    after = punctuate(before, "zh")
    assert [word.span for word in after] == [word.span for word in before]
    bare = str.maketrans("", "", " ，。？,.?")
    assert [w.text.translate(bare) for w in after] == [w.text.translate(bare) for w in before]


def test_postprocessing_keeps_what_the_engine_said() -> None:
    raw, voiced = segment("請問您貴姓")
    (done,) = postprocess([raw], [voiced])
    assert (done.text, done.raw_text, done.gate) == ("请问您贵姓？", "請問您貴姓", None)
    assert "".join(word.text for word in done.words) == done.text


@pytest.mark.parametrize(
    ("said", "language", "written"),
    [
        (" Bye|-bye.", "en", "Bye-bye."),
        (" It|'s| 7|-7|-1", "en", "It's 771"),
        (" call| 555|-1234| or| 24|-7", "en", "call 555-1234 or 24-7"),
        (" 9|-9.| 2|-3|-B", "en", "9-9. 2-3-B"),
        ("用|iP|hone|吗", "zh", "用iPhone吗？"),
        ("打|1|39| OK", "zh", "打139 OK。"),
    ],
)
def test_latin_words_are_whole(said: str, language: str, written: str) -> None:
    pieces = words(said)
    whole = Segment(Span(0, 5), 0, "", "", pieces, language, -0.1, 0.1, 1.0)
    (done,) = postprocess([whole], [(Span(0, 5),)])
    assert done.text == written
    assert (done.words[0].span.start_s, done.words[-1].span.end_s) == (0.0, pieces[-1].span.end_s)


@pytest.mark.parametrize(
    ("text", "language", "probability"),
    [
        ("再见", "zh", 0.08),
        ("喂喂", "zh", 0.5),
        ("喂你好喂你好", "zh", 0.5),
        ("嗯", "zh", 0.3),
        ("对对对对对对", "zh", 0.6),
        ("好的好的好的", "zh", 0.6),
        ("二二二二二二二", "zh", 0.7),
        ("谢谢观看", "zh", 0.9),
        ("谢谢您", "zh", 0.3),
        ("设定二十度设定三十度设定二十一度设定三十二度", "zh", 0.6),
        ("yes", "en", 0.4),
        ("no no no no", "en", 0.6),
        ("thank you", "en", 0.4),
        ("i would like to subscribe to the sports package", "en", 0.7),
        ("hello hello can you hear me", "en", 0.5),
    ],
)
def test_real_speech_passes(text: str, language: str, probability: float) -> None:
    said, voiced = segment(text, language, probability)
    assert hallucination_filter(said, voiced) is None


@pytest.mark.parametrize(
    ("text", "language", "probability", "voiced_s", "reason"),
    [
        ("请不吝点赞订阅转发打赏支持明镜与点点栏目", "zh", 0.7, 0.4, "silence"),
        ("请不吝点赞订阅转发打赏支持明镜与点点栏目", "zh", 0.6, 4.0, "phrase"),
        ("字幕由志愿者提供", "zh", 0.6, 2.0, "phrase"),
        ("谢谢观看", "zh", 0.3, 1.0, "phrase"),
        ("thanks for watching", "en", 0.3, 1.0, "phrase"),
        ("我们的服务我们的服务我们的服务我们的服务", "zh", 0.3, 6.0, "repetition"),
        ("我们的服务" * 13, "zh", 0.9, 13.0, "repetition"),
        ("对" * 40, "zh", 0.9, 1.0, "repetition"),
        ("the " * 40, "en", 0.9, 8.0, "repetition"),
        ("……", "zh", 0.9, 1.0, "silence"),
        ("彡彡廴又又几", "zh", 0.05, 2.0, "doubt"),
    ],
)
def test_what_nobody_said_is_marked(text: str, language: str, probability: float, voiced_s: float, reason: str) -> None:
    said, voiced = segment(text, language, probability, voiced_s)
    assert hallucination_filter(said, voiced) == reason


@pytest.mark.parametrize(
    ("text", "language", "probability", "voiced_s"),
    [
        # what Whisper base wrote of hold music, drums and a hum that voice activity took for a voice
        ("thank you very much", "en", 0.18, 0.35),
        ("you", "en", 0.04, 0.22),
        ("ha ha ha ha ha ha", "en", 0.33, 2.0),
        ("this is the end of the video thank you so much for watching see you in the next video", "en", 0.32, 4.0),
    ],
)
def test_words_that_the_engine_itself_doubts_are_marked(
    text: str, language: str, probability: float, voiced_s: float
) -> None:
    said, voiced = segment(text, language, probability, voiced_s, no_speech=0.65)
    assert hallucination_filter(said, voiced) == "silence"
    said, voiced = segment(text, language, 0.6, no_speech=0.65)
    assert hallucination_filter(said, voiced) is None, "sure words are speech, whatever the engine holds of the window"
    said, voiced = segment("冲" * 6, "zh", 0.5, no_speech=0.75)
    assert hallucination_filter(said, voiced) == "repetition", "what hot words make of noise"
    said, voiced = segment("对" * 6, "zh", 0.5, no_speech=0.02)
    assert hallucination_filter(said, voiced) is None
    said, voiced = segment("对", "zh", 0.13, no_speech=0.02)
    assert hallucination_filter(said, voiced) is None, "an unsure reply is speech where the engine hears some"


def test_words_without_voice_are_marked() -> None:
    said, _ = segment("您好请讲")
    assert hallucination_filter(said, ()) == "silence"


def test_words_in_music_are_marked() -> None:
    said, _ = segment("您好请讲")
    music = LineEvent(Span(9.0, 20.0), "music", 0)
    assert hallucination_filter(said, (Span(10.0, 10.1),), (music,)) == "sound"
    assert hallucination_filter(said, (said.span,), (music,)) is None, "speech over music is speech"


def test_the_context_is_no_speech() -> None:
    hot = ("联想", "惠普", "索尼", "王先生")
    said, voiced = segment("联想惠普索尼")
    assert hallucination_filter(said, voiced, hot_words=hot) == "echo"
    assert hallucination_filter(said, voiced) is None
    said, voiced = segment("惠普索尼")
    assert hallucination_filter(said, voiced, hot_words=hot) is None, "two names may well be said"
