"""What is found in a call: kinds by a table, seeded numbers, and what has to stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.masks import HIDDEN, hide
from pipeline.privacy.masking import call_as_shown, masks_of
from pipeline.privacy.sensitive import find_masks
from pipeline.settings import Settings
from tests.support.told_numbers import KINDS, ToldNumberCall, marked_call, told_number_call

BY_KIND = [
    ("zh", "phone", "A:请问您的手机号？|C:⟦幺三八⟧|A:嗯|C:⟦四个八⟧|A:好|C:⟦一二三四⟧|A:⟦13888881234⟧对吗"),
    ("zh", "phone", "A:留个座机吧|C:⟦零七五五⟧，⟦八八六六 七七五五⟧，转⟦802⟧"),
    ("zh", "id", "A:请报身份证|C:⟦四四零三零五⟧|A:嗯|C:⟦一九九零零一零一⟧|A:嗯|C:⟦零零三⟧最后是⟦叉⟧"),
    ("zh", "card", "A:卡号多少|C:⟦6222 0202⟧，嗯，⟦0000 1234⟧|A:继续|C:⟦567⟧"),
    ("zh", "account", "A:您的户号是？|C:⟦3301 4502 77⟧"),
    ("zh", "code", "A:卡背面的三位安全码？|C:⟦三八幺⟧"),
    ("zh", "plate", "C:我的车⟦京A·幺二三四五⟧被拖走了"),
    ("zh", "email", "A:邮箱？|C:⟦wang fang 88 艾特 163 点 com⟧"),
    ("zh", "phone", "A:手机号|C:⟦177 0210 3345⟧不对，是⟦3354⟧"),
    ("zh", "phone", "C:打⟦13666660000⟧找我，订单号是20231234。"),
    ("zh", "id", "A:核对一下身份证后六位|C:⟦190021⟧"),
    ("en", "phone", "A:Your number?|C:Area code ⟦three one two⟧|A:uh-huh|C:⟦triple five⟧, ⟦oh one four seven⟧"),
    ("en", "phone", "A:Mobile?|C:⟦oh double seven⟧ ⟦nine hundred⟧ ⟦one two three four⟧"),
    ("en", "id", "A:Your social security number?|C:⟦five three six⟧, ⟦twenty-two⟧, ⟦nineteen oh four⟧"),
    ("en", "card", "C:The card number is ⟦forty-one eleven⟧, ⟦1111⟧, ⟦eleven eleven⟧, ⟦1111⟧"),
    ("en", "account", "C:My IBAN is ⟦GB29 NWBK 6016 1331 9268 19⟧."),
    ("en", "code", "A:And the three digits on the back?|C:⟦nine oh four⟧"),
    ("en", "plate", "A:What's the registration?|C:It's ⟦L N 6 5 X Y Z⟧."),
    ("en", "email", "A:Your email?|C:⟦k a t e dot brown at gmail dot com⟧"),
]

STAYS = [
    ("zh", "C:订单号是2024031512345678，一共199.00元，3个包裹。|A:您是2023年10月15日下单的，营业时间9:00到17:30。"),
    ("zh", "C:住朝阳区建国路88号院3号楼2单元1501。|A:我的工号是1024，受理编号20240305998877。"),
    ("zh", "A:按一查询，按二投诉。|C:我打了三次，等了四十分钟，一个人，一米七二，血压一百四十。"),
    ("zh", "A:客服热线95588，或者400-820-8820，基金代码161725。|C:尾号3345的卡能用吗？"),
    ("en", "A:Your confirmation number is 8 8 4 2 1 9 0 3.|C:I paid $1,120.50 on March 5th 2024, at 3:30 pm."),
    ("en", "C:Two kids, eight and eleven, so four tickets, one of them free.|A:That's twelve fifty each, fifty total."),
    (
        "en",
        "A:The rate is 4.25 percent on two hundred and fifty thousand dollars over thirty years.|C:In 2019 it was 3.",
    ),
    ("en", "A:Call 911, or our line 1-800-555-0199.|C:The tracking number is 123456789012."),
]


def told(language: str, script: str, kind: str = "") -> ToldNumberCall:
    lines = [(line[0], line[2:]) for line in script.split("|")]
    return marked_call(lines, language, kind)


def hidden_places(call: ToldNumberCall) -> set[tuple[int, int]]:
    found = masks_of(call.call, None, Settings().privacy)
    return {(mask.turn, at) for mask in found for at in range(mask.start, mask.end)}


def wanted_places(call: ToldNumberCall) -> set[tuple[int, int]]:
    return {
        (turn, at)
        for turn, start, end in call.hidden
        for at in range(start, end)
        if call.call.turns[turn].text[at].isalnum()
    }


@pytest.mark.parametrize(("language", "kind", "script"), BY_KIND)
def test_a_number_is_found_whole_and_told_by_its_kind(language: str, kind: str, script: str) -> None:
    call = told(language, script)
    assert wanted_places(call) <= hidden_places(call)
    assert {mask.kind for mask in find_masks(call.call).found if mask.kind not in ("name", "address")} == {kind}


@pytest.mark.parametrize(("language", "script"), STAYS)
def test_other_numbers_stay(language: str, script: str) -> None:
    assert hidden_places(told(language, script)) == set()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_seeded_numbers_are_found_in_whatever_way_they_are_told(language: str) -> None:
    calls = [told_number_call(seed, language, kind) for kind in KINDS for seed in range(9000, 9015)]
    found = sum(wanted_places(call) <= hidden_places(call) for call in calls)
    assert found >= 0.98 * len(calls)


@hypothesis_settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from(["zh", "en"]))
def test_a_masked_call_is_as_long_as_it_was_in_text_and_time(seed: int, language: str) -> None:
    call = told_number_call(seed, language).call
    masks = find_masks(call).found
    shown = call_as_shown(call, masks)
    for before, after in zip(call.turns, shown.turns, strict=True):
        assert len(before.text) == len(after.text)
        assert [len(word.text) for word in before.words] == [len(word.text) for word in after.words]
        assert all(old == new or new == HIDDEN for old, new in zip(before.text, after.text, strict=True))
    for mask in masks:
        turn = call.turns[mask.turn]
        assert 0 <= mask.start < mask.end <= len(turn.text)
        assert turn.span.start_s - 1e-6 <= mask.span.start_s < mask.span.end_s <= turn.span.end_s + 1e-6
    assert list(masks) == sorted(masks, key=lambda mask: (mask.turn, mask.start))


def test_white_space_and_length_stay_where_a_text_is_hidden() -> None:
    assert hide("a 12 34 b", [(2, 7)]) == "a ** ** b"
    assert hide("ab", [(-3, 9)]) == "**"


def test_names_and_addresses_are_hidden_where_the_settings_ask_for_it() -> None:
    call = told("zh", "C:我叫王小明，住在北京市朝阳区建国路88号院3号楼。|A:王小明您好。").call
    plain, asked = (
        Settings().privacy,
        Settings().privacy.model_copy(update={"mask_names": True, "mask_addresses": True}),
    )
    assert masks_of(call, None, plain) == ()
    shown = [turn.text for turn in call_as_shown(call, masks_of(call, None, asked)).turns]
    assert "王小明" not in "".join(shown)
    assert "88" not in shown[0]


def test_a_misheard_digit_hides_nothing_less() -> None:
    for digits in ("1381234567", "138123456789", "13812345578"):
        call = told("zh", f"A:手机号报一下|C:⟦{digits}⟧。")
        assert wanted_places(call) <= hidden_places(call)


def test_what_was_asked_for_is_known_by_its_sound() -> None:
    for asked, digits in (
        ("眼睁码是多少？", "九二五四"),
        ("请抱一下身份正好。", "三三零一零一"),
    ):
        call = told("zh", f"A:{asked}|C:阿⟦{digits}⟧。")
        assert wanted_places(call) <= hidden_places(call)
