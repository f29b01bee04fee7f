"""Sentence templates: what each sign means, what is heard by sound, what is refused, and what it may cost."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from pipeline.errors import BadRule
from pipeline.judging.phrases import Budget, Lists, read_phrases
from pipeline.judging.templates import SentenceTemplate, read_template
from tests.support.rulebooks import HEAD, make_book
from tests.support.sentences import list_of, matches_in, says

# language, template, what it finds, what it does not
SIGNS: list[tuple[str, str, list[str], list[str]]] = [
    ("zh", "(我|我们)要退款", ["我要退款", "那我们要退款。"], ["要退款", "我要退货"]),
    ("zh", "我[真的]要退款", ["我要退款", "我真的要退款"], ["我很想要退款"]),
    ("zh", "我[就|真的]要退(款|钱)", ["我就要退钱", "我要退款", "我真的要退款"], ["我就真的要退款", "我就要退"]),
    ("zh", "(退(款|钱)|还钱)吧", ["退款吧", "退钱吧", "还钱吧"], ["退吧", "还款吧"]),
    ("zh", "感谢您…来电", ["感谢您来电", "感谢您今天的来电", "感谢您一二三四五六来电"], ["感谢您一二三四五六七来电"]),
    ("zh", "感谢您...来电", ["感谢您今天的来电"], ["感谢您在今天这么早的来电"]),
    ("zh", "感谢您…2来电", ["感谢您来电", "感谢您的来电"], ["感谢您今天的来电"]),
    ("zh", "感谢您…来电", ["感谢您，来电"], ["感谢您。来电", "感谢您 | 来电"]),
    ("zh", "我…4-(不|没)想退", ["我想退", "我就是想退"], ["我不想退", "我真没想退"]),
    ("zh", "你是*位", ["你是哪位", "你是这位"], ["你是位", "你是哪一位"]),
    ("zh", "你是*-(这|那)位", ["你是哪位"], ["你是这位", "你是那位"]),
    ("zh", "*位", ["哪位"], ["位"]),
    ("zh", "你是*", ["你是谁"], ["你是"]),
    ("zh", "^(喂|您好)$", ["喂", "您好。", "哦。您好！请讲"], ["喂您好", "您好啊", "哦您好"]),
    ("zh", "<number>元", ["八十元", "3元", "一共一百二十元"], ["几元", "元"]),
    ("zh", "工号<digits>", ["工号八零一", "工号 80123"], ["工号八", "工号零一", "工号是八零一"]),
    ("zh", "尾号<long-number>", ["尾号12345"], ["尾号1234"]),
    ("zh", "您好", ["你好", "您好"], ["他好"]),
    ("zh", "退款ＡＰＰ", ["退款app", "退款App"], ["退款"]),
    ("zh", "三個工作日", ["3个工作日", "三个工作日"], ["四个工作日"]),
    (
        "en",
        "(I|we) want a refund",
        ["I want a refund.", "Yes, we want a refund"],
        ["want a refund", "you want a refund"],
    ),
    ("en", "I [really] want it", ["I want it", "I really want it"], ["I badly want it"]),
    ("en", "i [really |just ]want it", ["I just want it", "i want it"], ["I really just want it"]),
    ("en", "cancel[l]ing", ["canceling", "Cancelling!"], ["cancel", "cancelled"]),
    (
        "en",
        "thank you…calling",
        ["thank you calling", "Thank you so much for calling"],
        ["thank you a b c d e calling"],
    ),
    ("en", "thank you ...calling", ["thank you for calling"], ["thank you. Calling"]),
    ("en", "thank you …1 calling", ["thank you for calling"], ["thank you so very calling"]),
    ("en", "i …3-(not|never) promise", ["I can promise", "I promise"], ["I can't promise", "I will never promise"]),
    ("en", "who is *$", ["Who is this?", "who is it"], ["who is this for", "who is"]),
    ("en", "^hello$", ["Hello.", "Right. Hello! Yes"], ["hello there", "oh hello"]),
    ("en", "operator <digits>", ["operator four one two", "Operator 412"], ["operator four", "operator is 412"]),
    ("en", "<number> pounds", ["eighty pounds", "3 pounds"], ["some pounds", "pounds"]),
    ("en", "can not", ["can't", "cannot", "can not"], ["can", "not"]),
    ("en", "it is", ["it's", "IT IS"], ["is it"]),
]


@pytest.mark.parametrize(("language", "template", "found", "missed"), SIGNS)
def test_what_a_sign_means(language: str, template: str, found: list[str], missed: list[str]) -> None:
    listed = list_of(language, template)
    assert [said for said in found if not matches_in(listed, said)] == [], "not found"
    assert [said for said in missed if matches_in(listed, said)] == [], "found"


# template, heard, not heard
SOUNDS: list[tuple[str, list[str], list[str]]] = [
    ("话务员", ["华务员", "话物员"], ["话务"]),
    ("为您服务", ["微宁服务", "为你服务"], ["围棋服务"]),
    ("请讲", [], ["请将", "青讲"]),
    ("~请讲", ["请将", "请奖"], ["轻松", "讲"]),
    ("~不行", ["不型"], ["可行"]),
    # a short alternative is told from others by its syllable alone
    ("我(先|去)查一下", ["我先查一下", "我去茶一下", "我鲜查一下"], ["我想查一下", "我查一下", "我天查一下"]),
    ("我[先]查一下", ["我先查一下", "我查一下"], ["我想查一下"]),
    # in one piece it is heard
    ("我先查一下", ["我想查一下", "我先茶一下"], []),
    ("抱歉…久等", [], ["抱欠让您久等", "报歉久等"]),
    ("非常抱歉…让您久等", ["非常报歉，真的让您九等"], ["非常高兴让您久等"]),
]


@pytest.mark.parametrize(("template", "heard", "missed"), SOUNDS)
def test_chinese_is_heard_by_its_sound(template: str, heard: list[str], missed: list[str]) -> None:
    listed = list_of("zh", template)
    assert [said for said in heard if not matches_in(listed, said)] == [], "not heard"
    assert [said for said in missed if matches_in(listed, said)] == [], "heard"


def test_a_slip_costs_and_shows_what_was_meant() -> None:
    listed = list_of("zh", "(您好|早上好)…为您服务")
    ((written, quote),) = matches_in(listed, "您好，很高兴为您服务。")
    assert (written.cost, written.phrase, quote) == (0.0, "您好…为您服务", "您好，很高兴为您服务")
    ((heard, quote),) = matches_in(listed, "您好，很高兴微您服务。")
    assert heard.cost > 0
    assert (heard.phrase, quote) == ("您好…为您服务", "您好，很高兴微您服务")


def test_english_is_matched_by_its_words() -> None:
    assert not says("en", "right away", "write away")


@pytest.mark.parametrize(
    ("language", "phrases", "exceptions", "said", "found"),
    [
        ("zh", "退款", "不是…退款", "我要退款", True),
        ("zh", "退款", "不是…退款", "我不是要退款", False),
        ("zh", "退款", "不是…退款", "我不是来闹的。我要退款", True),
        ("zh", "退款", "不用", "退款一二三四五六七八九十甲乙丙丁不用", True),
        ("zh", "退款\n退钱", "不用", "退钱就不用了", False),
        ("zh", "退款\n/退.钱/", "不用", "退了钱就不用了", False),
        ("en", "a refund", "(not|never) …3 refund", "I want a refund", True),
        ("en", "a refund", "(not|never) …3 refund", "I do not want a refund", False),
        ("en", "a refund", "(not|never) …3 refund", "Do not shout. I want a refund", True),
    ],
)
def test_an_exception_takes_back_what_is_in_its_sentence(
    language: str, phrases: str, exceptions: str, said: str, found: bool
) -> None:
    assert says(language, phrases, said, except_for=exceptions) is found


def test_exceptions_stay_with_the_lines_of_their_list() -> None:
    refund = list_of("zh", "退款", "不用")
    outer = read_phrases("$refund\n不用", Lists("zh", {"refund": refund}))
    assert [match.phrase for match, _ in matches_in(outer, "退款就不用了")] == ["不用"]


@pytest.mark.parametrize(
    ("language", "phrases", "named", "found", "missed"),
    [
        (
            "zh",
            "把<钱>退给我",
            {"钱": "钱\n<number>元"},
            ["把钱退给我", "把八十元退给我"],
            ["把东西退给我", "把退给我"],
        ),
        ("zh", "<谁>…3<要>退", {"谁": "我\n我妈", "要": "要\n想"}, ["我妈一直想退", "我要退"], ["他要退", "我退"]),
        ("zh", "$钱\n押金", {"钱": "退款"}, ["退款", "押金"], ["租金"]),
        ("zh", "[<谁>]退款", {"谁": "我们"}, ["我们退款", "退款"], ["我们退"]),
        ("zh", "<外>了", {"内": "退(款|钱)", "外": "<内>\n还钱"}, ["退款了", "还钱了"], ["付款了"]),
        ("zh", "^<数>$", {"数": "/[0-9]{4}/"}, ["一二三四"], ["一二三"]),
        ("en", "give me <what>", {"what": "my money\n<number> pounds"}, ["Give me 80 pounds"], ["give me pounds"]),
        ("en", "(<who>|we) want", {"who": "i\nthey"}, ["they want", "we want"], ["you want"]),
    ],
)
def test_a_list_stands_in_place(
    language: str, phrases: str, named: dict[str, str], found: list[str], missed: list[str]
) -> None:
    listed = list_of(language, phrases, named=named)
    assert [said for said in found if not matches_in(listed, said)] == [], "not found"
    assert [said for said in missed if matches_in(listed, said)] == [], "found"


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("(退款", "( is not closed"),
        ("退款)", ") closes nothing"),
        ("[退款", "[ is not closed"),
        ("退款]", "] closes nothing"),
        ("(退款]", "( is not closed"),
        ("退|款", "| closes nothing"),
        ("退>款", "> closes nothing"),
        ("<退款", "a list stands between < and >"),
        ("<>款", "a list stands between < and >"),
        ("<a b>款", "a list stands between < and >"),
        ("我…99想退", "a gap is 30 words at most"),
        ("我…3-(不想)退", "single words stand between -( and )"),
        ("我…3-(不退", "single words stand between -( and )"),
        ("我…3-(不|(没))退", "single words stand between -( and )"),
        ("[退款]", "can be empty"),
        ("[退][款]", "can be empty"),
        ("(退款|)", "can be empty"),
        ("^[退款]$", "can be empty"),
        ("…2*", "can be empty"),
        ("退" * 601, "longer than 600 characters"),
        ("(" * 20 + "退" + ")" * 20, "brackets lie too deep"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_remedy(template: str, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        read_phrases([template], Lists("zh"))


@pytest.mark.parametrize("template", ["…", "^$", "*", "(|)", "~"])
def test_a_template_without_a_word_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="has no word in it"):
        read_phrases([template], Lists("zh"))


def faults(tmp_path: Path, phrases: str) -> list[tuple[str, int | None, str]]:
    with pytest.raises(BadRule) as refused:
        make_book(tmp_path, "zh", phrases, HEAD, forbid={"said": {"any": ["无"]}})
    return [(Path(fault.file).name, fault.line, str(fault)) for fault in refused.value.faults]


def test_a_fault_in_a_block_of_phrases_has_its_own_line(tmp_path: Path) -> None:
    lines = ["good:", "  title: 好", "  phrases: |", "    # 备注", "    退款", "    (退钱", "    <谁>退款"]
    phrases = "\n".join([*lines, "  except: |", "    不", "    退]", ""])
    told = faults(tmp_path, phrases)
    assert [line for _, line, _ in told] == [6, 7, 10]
    assert [file for file, _, _ in told] == ["phrases.yaml"] * 3
    assert "( is not closed" in told[0][2]
    assert "no phrase list $谁" in told[1][2]
    assert "] closes nothing" in told[2][2]


@pytest.mark.parametrize(
    ("phrases", "way"),
    [
        ("a: [<b>了]\nb: [<a>吧]", "a → b → a"),
        ("a: [<a>了]", "a → a"),
        ("a: [$b]\nb: [甲, <a>]", "a → b → a"),
        ("a: {phrases: [甲], except: [<b>乙]}\nb: [$a]", "a → b → a"),
    ],
)
def test_a_list_that_contains_itself_is_a_fault(tmp_path: Path, phrases: str, way: str) -> None:
    assert any(f"contains itself ({way})" in message for _, _, message in faults(tmp_path, phrases))


BOMBS = {
    "alternatives": "(甲|乙|丙|丁|戊|己|庚|辛|壬|癸)" * 25,
    "options": "[甲][乙][丙][丁][戊][己][庚][辛][壬][癸]" * 10 + "退",
    "options that hold gaps": "[甲…乙]" * 60 + "退",
    "brackets in brackets": "(甲|[乙|(丙|[丁|(戊|[己|(庚|[辛|(壬|[癸])])])])])" * 10 + "退",
    "gaps": "甲…" * 200 + "乙",
    "gaps between the same word": "甲…30" * 8 + "甲",
    "many of them": "甲…30" * 100 + "甲",
    "single words": "*" * 300 + "甲",
    "lists in place": "[<谁>]" * 60 + "退",
    "alternatives of lists": "(<谁>|<谁>…甲|乙<谁>)" * 25,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_or_quick(name: str) -> None:
    began = time.process_time()
    refused = ""
    try:
        listed = list_of("zh", [BOMBS[name]], named={"谁": "甲\n乙"})
    except ValueError as error:
        refused = str(error)
    else:
        matches_in(listed, "甲乙丙丁戊己庚辛壬癸" * 40)
        matches_in(listed, "甲" * 200)
    assert time.process_time() - began < 5
    assert not refused or "write several" in refused


def test_lists_of_gaps_in_lists_of_gaps_are_quick() -> None:
    began = time.process_time()
    named = {"一": "甲…30甲", "二": "<一>…30<一>", "三": "<二>…30<二>"}
    matches_in(list_of("zh", ["<三>…30<三>"], named=named), "甲" * 400)
    assert time.process_time() - began < 5


def test_what_bounds_a_bomb_leaves_a_long_call_whole() -> None:
    said = "您好…请讲" * 1_500
    assert len(matches_in(list_of("zh", ["您好…请讲"]), said.replace("…", "我是小王"))) == 1_500


def test_the_phrases_of_a_rulebook_are_counted() -> None:
    lists = Lists("zh", {}, budget=Budget())
    digits = "(甲|乙|丙|丁|戊|己|庚|辛|壬|癸)"
    many = f"{digits}{digits}退" * 10

    def write_all() -> None:
        for number in range(2_000):
            read_phrases([f"{many}<谁>{number}"], Lists("zh", {"谁": who}, budget=lists.budget))

    who = read_phrases("他", lists)
    with pytest.raises(ValueError, match="too many or too long"):
        write_all()


@pytest.mark.parametrize(
    ("language", "template", "all_of_it"),
    [
        ("zh", "(我|我们)要[退]款", {"我要款", "我要退款", "我们要款", "我们要退款"}),
        ("zh", "^把<钱>…退$", {"把<钱>…退"}),
        ("en", "(i|we) [really] want", {"i want", "i really want", "we want", "we really want"}),
        ("en", "thank you …3 calling", {"thank you…calling"}),
        ("zh", "你是*", {"你是*"}),
        ("zh", "*哪位", {"*哪位"}),
        ("zh", "我*要退", {"我*要退"}),
        ("en", "who is * there", {"who is * there"}),
        ("zh", "感谢您…", {"感谢您…"}),
        ("zh", "要[<钱>]", {"要", "要<钱>"}),
    ],
)  # fmt: skip
def test_a_sample_is_something_that_the_template_says(language: str, template: str, all_of_it: set[str]) -> None:
    choose = random.Random(1)
    read = read_template(template, language)
    assert {" ".join(read.sample(choose).split()) for _ in range(200)} == all_of_it


def test_a_template_is_read_once() -> None:
    one, other = read_template("(我|你)好", "zh"), read_template("(我|你)好", "zh")
    assert isinstance(one, SentenceTemplate)
    assert one is other
    assert one != read_template("(我|你)好", "en")
