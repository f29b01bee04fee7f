"""What is shown of a judged call, and what may not even be kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.call.build import build_call
from pipeline.datatypes import CDR, Evidence, Judged, Scorecard, Suspect, Verdict
from pipeline.masks import Masks
from pipeline.privacy.codes import without_codes
from pipeline.privacy.masking import SILENCED_S, as_shown, masking_of, masks_of, silenced
from pipeline.privacy.sensitive import find_masks
from pipeline.settings import Settings
from pipeline.settings.privacy import Privacy
from pipeline.timeline import Span
from tests.support.talk import heard_call, spoken

PHONE = "13812345678"
SAID = spoken(
    ("ch0", "您好，请问您的手机号？"), ("ch1", f"我的手机是{PHONE}，谢谢。"), ("ch0", "幺三八一二三四五六七八，对吗？")
)
MASKING = Settings().privacy


def judged_call() -> Judged:
    call = build_call(heard_call(SAID), CDR(channel_map={0: "agent", 1: "customer"}))
    quoted = Evidence(1, call.turns[1].span, "13812345678", f"说了{PHONE}", call.turns[1].text)
    verdict = Verdict(
        "trial", "h", "fail", (quoted, Evidence(None, None, "", "没有")), f"报号{PHONE}", grounds=(quoted,),
        suspect=Suspect(1.0, replace(quoted, turn=2, matched="三八一二", sentence="幺三八一二三四五六七八，对吗")),
    )  # fmt: skip
    return Judged(call, Scorecard(call.sha256, "b", "h", (verdict,), 50.0, 1.0, False))


def test_nothing_that_is_told_of_a_call_shows_the_number() -> None:
    judged = judged_call()
    shown = as_shown(judged, find_masks(judged.call).found)
    told = repr(shown)
    for part in (PHONE, "1381234", "5678", "一二三四", "三八一二"):
        assert part not in told
    assert shown.scorecard is not None
    verdict = shown.scorecard.verdicts[0]
    assert verdict.evidence[0].sentence == "我的手机是***********，谢谢。"
    assert verdict.evidence[0].matched == "*" * 11
    assert verdict.evidence[1] == Evidence(None, None, "", "没有")
    assert verdict.reason == "报号" + "*" * 11


def test_a_call_without_masks_is_shown_as_it_is() -> None:
    judged = judged_call()
    assert as_shown(judged, ()) is judged


def test_masks_of_an_older_search_are_not_used() -> None:
    call = judged_call().call
    now = masks_of(call, None, MASKING)
    assert now
    assert masks_of(call, Masks("0"), MASKING) == now
    assert masks_of(call, Masks(find_masks(call).version), MASKING) == ()


def test_unmasked_only_codes_stay_hidden() -> None:
    call = build_call(
        heard_call(spoken(("ch0", "安全码是多少？"), ("ch1", "381"), ("ch0", "手机号？"), ("ch1", PHONE))), CDR()
    )
    unmasked = Privacy(mask=False)
    assert {mask.kind for mask in masks_of(call, None, unmasked)} == {"code"}
    assert masking_of(unmasked) != masking_of(MASKING)


def test_the_sound_is_silenced_a_little_around_each_mask() -> None:
    masks = find_masks(judged_call().call).found
    first = silenced(masks)[0]
    assert first.start_s == pytest.approx(masks[0].span.start_s - SILENCED_S)
    assert silenced(masks, Span(0.0, 1.0)) == ()
    inside = Span(masks[0].span.middle_s, masks[0].span.middle_s + 0.1)
    assert silenced(masks, inside) == (inside,)


CODES = [
    ("zh", ("请报一下卡片背面的三位安全码。", "嗯，三八幺。", "三八幺，对吧？"), "三八幺"),
    ("zh", ("收到的验证码是多少？", "889021", "889021，好的。"), "889021"),
    ("en", ("And the security code on the back?", "It's 4 2 7.", "427, thank you."), "427"),
    ("en", ("What's your PIN?", "Two two one four.", "Okay, one moment."), "two one four"),
    ("en", ("And the password on the account?", "It's marmalade.", "Thank you."), "marmalade"),
]


@pytest.mark.parametrize(("language", "lines", "code"), CODES)
def test_codes_are_taken_out_of_what_is_kept(language: str, lines: tuple[str, ...], code: str) -> None:
    heard = heard_call(spoken(*((f"ch{number % 2}", line) for number, line in enumerate(lines))), language=language)
    clean = without_codes(heard)
    kept = "".join(
        f"{segment.text}{segment.raw_text}{''.join(word.text for word in segment.words)}" for segment in clean.segments
    )
    assert code not in kept.replace(" ", "")
    assert code.replace(" ", "") not in kept.lower().replace(" ", "")
    assert [len(segment.text) for segment in clean.segments] == [len(segment.text) for segment in heard.segments]
    assert clean.segments[0] == heard.segments[0]
    assert without_codes(clean) is clean
    # the sound is still there, so it has to be known where
    assert {mask.kind for mask in find_masks(build_call(clean, CDR())).found} == {"code"}


def test_a_code_goes_from_the_other_channel_and_from_gated_stretches_too() -> None:
    heard = heard_call([("ch0", 0.0, 2.0, "验证码报一下"), ("ch1", 3.0, 4.0, "889021")])
    code = heard.segments[1]
    words = tuple(replace(word, channel=0) for word in code.words)
    echo = replace(code, channel=0, words=words, gate="repetition")
    clean = without_codes(replace(heard, segments=(*heard.segments, echo)))
    assert "889021" not in repr(clean)


def test_other_numbers_stay_in_what_is_kept() -> None:
    heard = heard_call(SAID)
    assert without_codes(heard).segments == heard.segments
