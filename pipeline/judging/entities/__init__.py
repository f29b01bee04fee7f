"""Entities that rules ask for: PERSON_TITLE, SELF_NAME, AGENT_ID, COMPANY, OWN_NAME, PHONE, DATE, MONEY.

Fixed shapes are spaCy Matcher patterns over normalised tokens (in Chinese a token's NORM is its sound, so that
公号 and 工号 are alike). Names need more than a shape: a title only counts with a surname before it, by spelling
or by sound (和女士 for 何女士), and 谢谢先生 has none. Rulebooks add patterns of their own under `entities:`.

What the labels mean: PERSON_TITLE, the caller addressed by name; SELF_NAME and AGENT_ID, the agent says who speaks;
COMPANY, the company or service named; OWN_NAME, a caller gives its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any

import re2
import spacy
from spacy.attrs import NORM  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.matcher import Matcher
from spacy.tokens import Doc

from pipeline.judging.lexicon import Places
from pipeline.judging.token_index import TokenIndex
from pipeline.language import phonetics
from pipeline.language.normalise import tokenise

LABELS = ("PERSON_TITLE", "SELF_NAME", "AGENT_ID", "COMPANY", "OWN_NAME", "PHONE", "DATE", "MONEY")

Patterns = Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]
Stretch = tuple[int, int]
"""First token, and the one behind the last."""

# --- Chinese ----------------------------------------------------------------------------------------------------

SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖萧田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
    "贾韦夏付傅方邹熊白孟秦邱侯江尹薛闫阎雷段史龙黎贺陶毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖齐文庞樊殷施洪翟安颜倪牛鲁葛季毕聂"
    "章焦俞柳岳梅庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解"
    "强丛华车冉房边冷楚简佟娄迟奚戚仇蓝喻麦虞滕骆边巴宫古桑佘饶支栾卞邢沙丘温商明臧窦苑郎初尚符池岑尤乐郁占储晏戎晋褚娄濮伍冀蒲艾"
    "昌凤廉邬皮穆湛禹狄米贝伏谈茅昝裘缪宗宣贲杭诸吉钮嵇荣荀惠芮羿汲邴糜巫乌隗宓郗厉祖韶郜蓟宿邰鄂卓蔺屠蒙胥"
    "莘逄姬宰郦雍璩寿扈燕郏浦柴瞿慕茹宦庾暨衡弘匡寇禄阙殳沃蔚夔隆巩厍晁敖訾阚鞠丰巢蒯荆竺权逯盖桓谌仝兰邸冼揭邝亓云"
)
_DOUBLE_SURNAMES = (
    "欧阳",
    "上官",
    "司马",
    "诸葛",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "司徒",
    "令狐",
    "夏侯",
    "端木",
    "长孙",
    "南宫",
)
_TITLES = (
    "先生", "女士", "小姐", "同学", "太太", "夫人", "大爷", "大妈", "阿姨", "叔叔", "大哥", "大姐", "哥", "姐", "叔",
    "奶奶", "爷爷", "小姐姐", "姑娘", "老板", "同志", "伯伯", "伯母", "大叔", "大娘", "大伯", "师母",
)  # fmt: skip
# Titles of people who are talked about as often as talked to: 李师傅明天上门.
_OFFICES = (
    "老师", "师傅", "经理", "总", "医生", "大夫", "主任", "教授", "律师", "警官", "院长", "校长", "处长", "科长",
    "工", "董", "局长",
)  # fmt: skip
_ABOUT_OFFICE = frozenset(
    "的会在今明后上下出坐给那这马已正也是去来周星到处帮跟有没预专将把被说联负还就号门开里不休和或电都刚昨"
)
_AFTER_TOTAL = frozenset("共是结部机台价额之算会体数的计统归得公经监")
# Characters that stand before 先生/女士 in service talk and only sound like surnames, or are one by accident.
_NO_SURNAME_SOUND = frozenset(
    "好的是您你问位请等谢对嗯那这个了吗呢啊哦吧有和为给跟同讲烦知道行可以么就还要再也都但和于与或到听见是几男女老大本这该哪各因以像叫"
    "由向让一二三四五六七八九0123456789第贵尊敬爱姓下上中她他它客户用声喂号"
)
_NO_SURNAME_BEFORE = {
    "谢": "谢感多致答鸣", "向": "方一", "于": "对由关属", "时": "同当那及", "关": "有相机", "常": "非正平经",
    "成": "完", "方": "对地", "文": "中英", "明": "说声", "易": "容不", "安": "平晚早午", "万": "千", "高": "很最更提",
    "路": "走", "乐": "快娱音可欢",
    "查": "检调核帮", "管": "不只", "单": "订下简", "解": "理了", "和": "先生", "宁": "安", "边": "这那", "项": "这那",
    "位": "这那两各几一1哪", "何": "任如", "任": "责信",
}  # fmt: skip
_SELF_WORDS = ("我是", "我叫", "这里是", "我这边是", "找", "联系", "转接", "请到", "我们", "安排", "派")
_ROLES = (
    "话务员", "接线员", "客服代表", "客服专员", "客服人员", "客服", "客户代表", "客户经理", "服务专员", "服务顾问",
    "专员", "坐席", "座席", "顾问", "管家", "工作人员", "前台", "值班", "班长", "主管", "组长", "值班员", "预约员",
    "业务员", "助理", "老师", "导医", "技术员", "工程师", "接待", "服务员", "理赔员", "营业员", "操作员", "受理员",
    "总机", "代表",
)  # fmt: skip
_NO_GIVEN_NAME = frozenset("的是在您你我他们么兴哪谁个不要有来想为什请问客服务员号吗呢吧了就说还得")
_NAME_TELLING = re.compile(
    "(?:免贵|鄙|免柜|我|本人|我们|就|叫|是)?[姓性幸](?:氏)?(?P<a>[^\n0-9x什啊吧呀嘛啥名么])"
    "|我(?:叫|名叫|的名字是|的名字叫|名字叫)(?P<b>[^\n什啥您你]{2,3})|(?:弓长|木子|耳东|双木|草头|口天|立早|古月|言午|双口|走肖|三横)(?P<c>[^\n])"
)
_NO_NAME_SOUND = frozenset(
    {("心", "里"), ("心", "理"), ("心", "情"), ("新", "买"), ("新", "办"), ("新", "装"), ("新", "换")}
)
_CREDIT = frozenset("用息任")


@cache
def _title_pattern() -> re.Pattern[str]:
    longest = sorted((*_TITLES, *_OFFICES), key=len, reverse=True)
    return re.compile("|".join(longest))


@cache
def _surname_sounds() -> frozenset[str]:
    return frozenset(map(phonetics.fold, SURNAMES))


def _zh_person_title(spoken: TokenIndex, entities: Entities, start: int, end: int) -> Places:
    plain = spoken.plain[start:end]
    found: Places = []
    for match in _title_pattern().finditer(plain):
        at, title = start + match.start(), match.group()
        place = _surname_before(spoken, at, start)
        if place is None:
            continue
        begin, cost = place
        after = spoken.words[at + len(title)] if at + len(title) < len(spoken.words) else ""
        if title in _OFFICES:
            if (
                cost
                or after in (_AFTER_TOTAL if title == "总" else _ABOUT_OFFICE)
                or (title in {"工", "董"} and after.isalpha())
            ):
                continue
        elif len(title) == 1 and (cost or after in {"哥", "姐", "妹", "夫", "叔"}):
            continue
        before = "".join(spoken.words[max(0, begin - 4) : begin])
        apart = begin > start and spoken.break_after(begin - 1)
        if before.endswith(_SELF_WORDS) and not before.endswith("请问我是") and not apart:
            continue
        found.append((begin, at + len(title), cost))
    found += _zh_title_by_sound(spoken, start, end, found)
    return sorted(found)


def _surname_before(spoken: TokenIndex, at: int, start: int) -> tuple[int, float] | None:
    """Where the surname (or full name) before a title begins, and what hearing it costs."""
    words = spoken.words
    if at - 2 >= start and words[at - 2] + words[at - 1] in _DOUBLE_SURNAMES:
        return at - 2, 0.0
    if at - 1 >= start and words[at - 1] in SURNAMES:
        last = words[at - 1]
        before = words[at - 2] if at - 2 >= start else ""
        if (last == "谢" and before == "谢") or (before and before in _NO_SURNAME_BEFORE.get(last, "")):
            return None
        return at - 1, 0.0
    # a full name: 王小明先生, 王明先生
    for length in (3, 2):
        begin = at - length
        if begin < start or words[begin] not in SURNAMES or words[begin] in "谢和于向时成安明常方高万":
            continue
        given = words[begin + 1 : at]
        if all(len(word) == 1 and "\u4e00" <= word <= "\u9fff" and word not in _NO_SURNAME_SOUND for word in given):
            broken = any(spoken.break_after(i) for i in range(begin, at))
            if not broken:
                return begin, 0.0
    if at - 1 < start:
        return None
    heard = words[at - 1]
    if len(heard) != 1 or not "\u4e00" <= heard <= "\u9fff" or phonetics.fold(heard) not in _surname_sounds():
        return None
    opening = _address_begins(spoken, at - 1, start)
    if heard == "和":
        # 和女士 is 何女士 only where nobody is named before: not 先生和女士
        return (at - 1, phonetics.TONE) if at - 1 == start or spoken.break_after(at - 2) else None
    if heard in _NO_SURNAME_SOUND or not opening:
        return None
    return at - 1, phonetics.CONFUSED


def _address_begins(spoken: TokenIndex, at: int, start: int) -> bool:
    return at == start or bool(spoken.break_after(at - 1)) or spoken.words[at - 1] in _BEFORE_ADDRESS


_BEFORE_ADDRESS = frozenset("的问请是那呢吧啊了好谢嗯")
_XIANSHENG, _NVSHI = ("xian", "sen"), ("lü", "si")
_NO_TITLE = frozenset({"先生", "女士", "律师", "旅市", "献身", "现身", "显示", "线上"})


def _zh_title_by_sound(spoken: TokenIndex, start: int, end: int, known: Places) -> Places:
    """王先声, 李旅士, even 朝鲜省 for 赵先生: a surname (by sound where an address begins) and a title by sound."""
    found: Places = []
    words = spoken.words
    taken = {place[0] for place in known}
    seconds = {sounds[1] for sounds in (_XIANSHENG, _NVSHI)}
    for at in range(start, end - 2):
        if phonetics.fold(words[at + 2]) not in seconds:
            continue
        title = words[at + 1] + words[at + 2]
        if at in taken or title in _NO_TITLE or len(title) != 2:
            continue
        if (phonetics.fold(words[at + 1]), phonetics.fold(words[at + 2])) not in (_XIANSHENG, _NVSHI):
            continue
        before = words[at - 1] if at > start else ""
        if words[at] in SURNAMES:
            if before not in (_NO_SURNAME_BEFORE.get(words[at]) or "-") and not (words[at] == "谢" == before):
                found.append((at, at + 3, phonetics.CONFUSED))
        elif (
            words[at] not in _NO_SURNAME_SOUND
            and phonetics.fold(words[at]) in _surname_sounds()
            and _address_begins(spoken, at, start)
        ):
            found.append((at, at + 3, 2 * phonetics.CONFUSED))
    return found


def _zh_self_name(spoken: TokenIndex, entities: Entities, start: int, end: int) -> Places:
    found = _by_regex(_self_name_pattern(), spoken, start, end)
    words = spoken.words
    fold = phonetics.fold
    for at in range(start, end - 2):
        # 卧心流 for 我姓刘
        if fold(words[at + 1]) == "xin" and fold(words[at]) == "wo":
            named = phonetics.fold(words[at + 2]) in _surname_sounds() and words[at + 2] not in _NO_SURNAME_SOUND
            if named and words[at + 1] not in "想行信" and (words[at + 1], words[at + 2]) not in _NO_NAME_SOUND:
                found.append((at, at + 3, phonetics.CONFUSED))
    return found


@cache
def _self_name_pattern() -> re.Pattern[str]:
    surnames = "".join(sorted(SURNAMES))
    given = f"[^\\n0-9x{''.join(sorted(_NO_GIVEN_NAME))}]"
    roles = "|".join(sorted(_ROLES, key=len, reverse=True))
    return re.compile(
        f"(?:我|本人|免贵|鄙人|敝)[姓性信幸](?![什么用息任])[^\\n0-9x]"
        f"|(?:我是|我叫|我系|这里是|这边是|由)(?:[您你]的|[^\\n]{{0,6}}?的)?(?:{roles})?(?:小[^\\n0-9的时]|阿[^\\n0-9姨里拉])"
        f"|我叫[{surnames}]{given}{{1,2}}|我(?:是|名叫|的名字叫|的名字是)[{surnames}](?!先生|女士){given}{{1,2}}"
        f"|我是[{surnames}](?:老师|经理|主管|班长|医生|工程师)"
        f"|(?:{roles})(?:小[^\\n0-9]|[{surnames}](?!户){given}{{1,2}})(?=为|很|竭|请|有|随|高|在|来|您|$)"
        f"|(?:^|由|是|员|服|心|店|行|司|部|台|席)(?:小[^\\n0-9时]|[{surnames}](?!兴){given}{{1,2}})(?:很高兴)?(?:竭诚)?为[您你]服务",
        re.MULTILINE,
    )


def _zh_company(spoken: TokenIndex, entities: Entities, start: int, end: int) -> Places:
    found: Places = []
    for begin, finish, _ in _by_regex(_company_pattern(), spoken, start, end):
        while finish < min(end, begin + 14) and not spoken.break_after(finish - 1):
            finish += 1
        found.append((begin, finish, 0.0))
    found += _named_after_greeting(spoken, start, end)
    for name in entities.companies(spoken):
        for words in _short_names(tuple(tokenise(name, "zh").words)):
            # the name is known, so even a short one may be written as it sounds
            limit = max(phonetics.budget(len(words)), phonetics.CONFUSED + phonetics.TONE)
            for at in range(start, end - len(words) + 1):
                cost = phonetics.cost(words, spoken.words[at : at + len(words)], limit)
                if cost <= limit:
                    found.append((at, at + len(words), cost))
    return sorted(found)


_NO_COMPANY = frozenset(
    "您你我请问什么有很为哪说听吗呢吧在对是好的嗯喂谁啥能可以要想让给这那不没了感谢抱歉来欢迎久等先生女士小姐号讲话事"
)
_GREETED = re.compile("(?:[您你]|早上|上午|中午|下午|晚上|新年|节日)好(?:啊|呀)?")


def _named_after_greeting(spoken: TokenIndex, start: int, end: int) -> Places:
    """您好，云上书屋，…: a clause of its own behind the salutation that is nothing but a name."""
    found: Places = []
    for match in _GREETED.finditer(spoken.plain, start, end):
        begin = finish = match.end()
        if begin >= end or not spoken.break_after(begin - 1):
            continue
        while finish < end and finish < begin + 14 and not (finish > begin and spoken.break_after(finish - 1)):
            finish += 1
        name = spoken.plain[begin:finish]
        if (
            len(name) >= 2
            and not _NO_COMPANY & set(name)
            and not name[0].isdigit()
            and name[:2] not in ("工号", "编号")
        ):
            found.append((begin, finish, 0.0))
    return found


def _short_names(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """A company's name and what people shorten it to: 蓝鲸出行 → 蓝鲸, 出行."""
    return (words, words[:2], words[-2:]) if len(words) >= 4 else (words,)


_NOT_A_NAME = (
    "请问|有什么|很高兴|我是|我姓|工号|您|你|我们|为|什么|哪|小[^\n]为|这里|一|\\d|客户|先生|女士|谁|人工|这|那|不|没"
)


@cache
def _company_pattern() -> re.Pattern[str]:
    return re.compile(
        f"(?:欢迎您?(?:致电|拨打|来电|来到|联系|选择|使用|光临|入住|乘坐)|感谢您?(?:致电|拨打|联系|选择|使用|乘坐|接听|呼叫))"
        f"(?!{_NOT_A_NAME}|的)(?:x|[^\\n]{{2}})"
        f"|(?:这里是|这边是|这儿是|我们是|这是|我这边是|我这里是)(?!{_NOT_A_NAME}|小|的|地址)(?:x|[^\\n]{{2}})"
    )


def _zh_own_name(spoken: TokenIndex, entities: Entities, start: int, end: int) -> Places:
    found: Places = []
    plain = spoken.plain
    for match in _NAME_TELLING.finditer(plain, start, end):
        name = match.group("a") or match.group("b") or match.group("c") or ""
        if match.group().endswith("信" + name) and name[:1] in _CREDIT:
            continue
        if name[:1] in SURNAMES or phonetics.fold(name[:1]) in _surname_sounds():
            found.append((match.start(), match.end(), 0.0))
    for match in re.finditer(
        r"(?:我是|叫我|我就是|这是|是的我是)(?P<n>[^\n]{1,3}?)(?:先生|女士|小姐|老师|医生|总)", plain[start:end]
    ):
        if match.group("n")[0] in SURNAMES:
            found.append((start + match.start(), start + match.end(), 0.0))
    found += _answers(spoken, start, end)
    return sorted(found)


def _answers(spoken: TokenIndex, start: int, end: int) -> Places:
    """A short answer right after the agent asked for a name: 王。 张伟。 However it was written, it is one."""
    number = spoken.turn_of(start)
    turn = spoken.call.turns[number]
    if number == 0 or not 1 <= end - start <= 6 or spoken.call.role(turn) != "customer":
        return []
    before = spoken.plain[slice(*spoken.range_of(number - 1))]
    if not _NAME_ASKED.search(before[-20:]):
        return []
    answer = spoken.plain[start:end].lstrip("嗯哦啊呃好是我叫免贵")
    return [(start, end, 0.0)] if 1 <= len(answer) <= 4 and answer[0] not in "什不没为干问啥" else []


_NAME_ASKED = re.compile("[贵归规][姓性幸信]|怎么称呼|如何称呼|您的(?:姓名|名字)|叫什么|姓什么|姓名|哪位")


def _by_regex(pattern: re.Pattern[str], spoken: TokenIndex, start: int, end: int) -> Places:
    """Matches on the plain text, whose characters are the tokens; none reaches over a sentence's end."""
    return [
        (match.start(), match.end(), 0.0)
        for match in pattern.finditer(spoken.plain, start, end)
        if match.end() > match.start() and spoken.same_sentence(match.start(), match.end())
    ]


def _norm(*sounds: str) -> list[dict[str, Any]]:
    return [{"NORM": phonetics.fold(sound)} for sound in sounds]


def _digits(least: int, most: int) -> dict[str, Any]:
    return {"IS_DIGIT": True, "OP": f"{{{least},{most}}}"}


_HOW_MANY: tuple[dict[str, Any], ...] = ({"ORTH": {"IN": ["是", "为"]}, "OP": "?"},)


@cache
def _zh_patterns() -> Patterns:
    by_number = [
        [*_norm(*role), {"ORTH": {"IN": ["员", "小"]}, "OP": "?"}, _digits(1, 8)]
        for role in ("客服", "话务员", "坐席", "接线员", "专员", "代表", "座席", "顾问")
    ]
    said_after = ("客服", "坐席", "座席", "接线", "专员", "服务", "代表", "为您服")
    return {
        "AGENT_ID": [
            [*_norm(*"工号"), *_HOW_MANY, _digits(1, 8)],
            [*_norm(*"编号"), *_HOW_MANY, _digits(2, 8)],
            [_digits(2, 8), {"ORTH": {"IN": ["号", "好", "耗", "浩"]}}],
            [_digits(1, 8), *_norm(*"号"), *_norm(*"话务员")],
            [*_norm(*"号话务员")],
            *([_digits(1, 8), *_norm("号"), *_norm(*role)] for role in said_after),
            [_digits(2, 8), *_norm(*"为您服务")],
            [_digits(2, 8), *_norm(*"很高兴为")],
            *by_number,
        ],
        "PHONE": [[_digits(7, 12)]],
        "DATE": [
            [_digits(1, 2), {"ORTH": "月"}, _digits(1, 2), {"ORTH": {"IN": ["号", "日"]}}],
            [{"ORTH": {"IN": ["今", "明", "后", "昨"]}}, {"ORTH": "天"}],
            [{"ORTH": {"IN": ["星", "礼"]}}, {"ORTH": {"IN": ["期", "拜"]}}, {"ORTH": {"REGEX": "^[1-6日天]$"}}],
            [{"ORTH": "周"}, {"ORTH": {"REGEX": "^[1-6日末]$"}}],
            [_digits(1, 2), {"ORTH": {"IN": ["号", "日"]}}],
        ],
        "MONEY": [[_digits(1, 9), {"ORTH": "万", "OP": "?"}, {"ORTH": {"IN": ["元", "块"]}}]],
    }  # fmt: skip


# --- English ----------------------------------------------------------------------------------------------------

_EN_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "doctor", "mx", "professor"})
_EN_COMMON_WORDS = """
    a about actually afternoon again agent ahead all alright also am an and any anything april are as at august
    available back be because been before but by call called caller calling can certainly check correct could
    customer day december did do does doing done down english evening everything excellent february fine first
    for friday from fully glad go god going good goodbye got great had happy has have he hello help her here hi
    him his hold how however i if in internet is it january july june just know let like line looking madam main
    manager march may maybe me monday more morning my new nice no not november now october of off oh okay on one
    only order our out over perfect phone please probably really regarding right room same saturday say
    september service she sir so sorry speaking still sunday support sure technical thank thanks that the their
    them then there they this thursday to today too trying tuesday um unfortunately up us very wait wednesday
    was we welcome well were what when where which while who why will with worries would yeah year yes yesterday
    you your yours monday absolutely lovely understood wonderful apologies connected problem everyone anyone
    somebody someone nobody free busy currently afraid able calls
"""
_EN_COMMON = frozenset(_EN_COMMON_WORDS.split())
_EN_SERVICE_WORDS = """
    airline airlines airport airways assurance bank banking billing booking bookings broadband cable care center
    centre clinic college communications company couriers courier credit delivery department dental desk
    electric electronics energy express finance freight gas group health healthcare helpdesk helpline holidays
    home hospital hotel hotels hotline inc inn insurance lab laboratories limited logistics ltd mobile motors
    mutual network networks office parcel parcels pharmacy plumbing power reception repair repairs reservations
    residence resort sales school secretary security services shipping shop solutions store studio suites
    support systems team tech technologies telecom travel utilities water wireless university
"""
_EN_SERVICE = frozenset(_EN_SERVICE_WORDS.split())
_EN_ABOUT = frozenset({"will", "is", "has", "can", "from", "was", "would", "and", "may", "should", "in", "at"})
_EN_NAME_VERBS = (
    ("my", "name", "is"), ("this", "is"), ("i", "am"), ("speaking", "with"), ("speaking", "to"), ("it", "is"),
    ("you", "have", "got"), ("through", "to"), ("you", "have", "reached"),
)  # fmt: skip


def _en_capital(spoken: TokenIndex, at: int) -> bool:
    quote = spoken.quote(at, at + 1)
    return quote[:1].isupper() and spoken.words[at].isalpha()


def _en_name(spoken: TokenIndex, at: int, end: int) -> bool:
    word = spoken.words[at] if at < end else ""
    return word.isalpha() and len(word) > 1 and word not in _EN_COMMON and word not in _EN_SERVICE


def _en_told(spoken: TokenIndex, at: int, end: int) -> int:
    """How many tokens of a name (given, family) stand at `at`."""
    count = 0
    while count < 3 and at + count < end and _en_name(spoken, at + count, end) and _en_capital(spoken, at + count):
        count += 1
        if spoken.break_after(at + count - 1):
            break
    return count


def _en_person_title(spoken: TokenIndex, entities: Entities, start: int, end: int) -> Places:
    words, found = spoken.words, []
    told = _names_told(spoken, entities)
    for at in range(start, end):
        word = words[at]
        if word in _EN_TITLES:
            follows = words[at + 2] if at + 2 < end and not spoken.break_after(at + 1) else ""
            if at + 1 < end and words[at + 1].isalpha() and words[at + 1] not in _EN_COMMON:
                # somebody else: "Mr. Jones will deliver" when the caller is Jennifer Stone
                alike = [name for name in told if name[0] == words[at + 1][0]]
                other = told and follows in _EN_ABOUT and not get_close_matches(words[at + 1], alike, 1, 0.6)
                if not other:
                    found.append((at, at + 2, 0.0))
        elif word in told:
            # the agent introducing itself by the same name says "this is", "my name is"
            own = at > 1 and (words[at - 2], words[at - 1]) in {("name", "is"), ("this", "is"), ("i", "am")}
            titled = at > start and words[at - 1] in _EN_TITLES
            doubled = at > start and words[at - 1] in told
            if not own and not titled and not doubled:
                found.append((at, at + 1, 0.0))
        elif _en_vocative(spoken, at, start, end) or _en_called(spoken, at, start, end):
            found.append((at, at + 1, 0.0))
    return found


def _names_told(spoken: TokenIndex, entities: Entities) -> frozenset[str]:
    """The names that the customer gave in this call, word by word."""
    known = spoken.entity_memo.names_told
    if known is None:
        own = [spoken.range_of(i) for i, turn in enumerate(spoken.call.turns) if spoken.call.role(turn) == "customer"]
        places = entities.find("OWN_NAME", spoken, own)
        known = frozenset(word for start, end, _ in places for word in spoken.words[start:end])
        spoken.entity_memo.names_told = known
    return known


def _en_vocative(spoken: TokenIndex, at: int, start: int, end: int) -> bool:
    """Thank you, Daniel. / Okay Daniel, … : a name that the agent knows without having been told in the call."""
    if at <= start or not _en_name(spoken, at, end) or not _en_capital(spoken, at):
        return False
    openers = {
        "you",
        "thanks",
        "okay",
        "alright",
        "right",
        "hi",
        "hello",
        "sorry",
        "sure",
        "certainly",
        "perfect",
        "great",
        "welcome",
    }
    return spoken.words[at - 1] in openers and spoken.break_after(at - 1) < 2 and bool(spoken.break_after(at))


def _en_called(spoken: TokenIndex, at: int, start: int, end: int) -> bool:
    """Am I speaking with Daniel? / Is this Daniel Carter?"""
    if at - 2 < start or not _en_name(spoken, at, end) or not _en_capital(spoken, at):
        return False
    before = tuple(spoken.words[max(start, at - 4) : at])
    return before[-3:] in {("i", "speaking", "with"), ("i", "speaking", "to")} or before[-2:] == ("is", "this")


def _en_self_name(spoken: TokenIndex, entities: Entities, start: int, end: int) -> Places:
    words, found = spoken.words, []
    for at in range(start, end):
        for verb in _EN_NAME_VERBS:
            if tuple(words[at : at + len(verb)]) == verb:
                begin = at + len(verb)
                count = _en_told(spoken, begin, end)
                follows = words[begin + count] if begin + count < end else ""
                # this is Lakeside Hotel: a company, not a person
                if count and follows not in _EN_SERVICE and not (verb[-1] == "reached" and count > 1):
                    found.append((at, begin + count, 0.0))
        if words[at] in {"speaking", "here"} and at - 1 >= start:
            begin = at - 1
            if _en_name(spoken, begin, end) and _en_capital(spoken, begin) and spoken.break_after(begin) < 2:
                found.append((begin, at + 1, 0.0))
    return found


def _en_company(spoken: TokenIndex, entities: Entities, start: int, end: int) -> Places:
    words, found = spoken.words, []
    leads = {("for", "calling"), ("for", "contacting"), ("welcome", "to"), ("have", "reached"), ("for", "choosing"),
             ("for", "phoning"), ("for", "ringing"), ("connected", "to"), ("through", "to")}  # fmt: skip
    for at in range(start + 1, end):
        if (words[at - 1], words[at]) in leads and at + 1 < end and not spoken.break_after(at):
            follows = at + 2 if words[at + 1] == "the" and at + 2 < end else at + 1
            if words[follows].isalpha() and words[follows] not in _EN_COMMON:
                found.append((at - 1, follows + 1, 0.0))
    found += _en_named_after_greeting(spoken, start, end)
    for name in entities.companies(spoken):
        own = tokenise(name, "en").words
        found += [
            (at, at + len(own), 0.0) for at in range(start, end - len(own) + 1) if words[at : at + len(own)] == own
        ]
    return sorted(found)


def _en_named_after_greeting(spoken: TokenIndex, start: int, end: int) -> Places:
    """Good morning, Hartley and Sons, …: two capitals or more in a clause of their own near the salutation."""
    words, found = spoken.words, []
    greeted = any(word in _EN_GREETED for word in words[start : start + 25])
    at = start
    while greeted and at < end:
        finish = at
        while finish < end and (
            _en_capital(spoken, finish) or (finish > at and words[finish] in {"and", "of", "the", "at"})
        ):
            finish += 1
            if spoken.break_after(finish - 1):
                break
        names = [i for i in range(at, finish) if _en_capital(spoken, i) and words[i] not in _EN_COMMON]
        alone = at == start or spoken.break_after(at - 1)
        told = at >= start + 2 and words[at - 1] in {"is", "am", "with"}
        plain = words[at] not in _EN_COMMON and words[finish - 1 if finish > at else at] not in _EN_PRESENT
        if len(names) >= 2 and alone and not told and plain and (finish >= end or words[finish] not in _EN_PRESENT):
            found.append((at, finish, 0.0))
        at = max(finish, at + 1)
    return found


_EN_PRESENT = frozenset({"speaking", "here"})
_EN_GREETED = frozenset({"hello", "hi", "morning", "afternoon", "evening", "thank", "thanks", "welcome", "hey"})


def _en_own_name(spoken: TokenIndex, entities: Entities, start: int, end: int) -> Places:
    words, found = spoken.words, []
    for at in range(start, end):
        for verb in (
            ("my", "name", "is"),
            ("name", "is"),
            ("this", "is"),
            ("i", "am"),
            ("it", "is"),
            ("call", "me"),
            ("is",),
        ):
            if tuple(words[at : at + len(verb)]) != verb or verb == ("is",):
                continue
            count = _en_told(spoken, at + len(verb), end)
            if count:
                found.append((at + len(verb), at + len(verb) + count, 0.0))
    number = spoken.turn_of(start)
    if number and spoken.call.role(spoken.call.turns[number]) == "customer":
        before = " ".join(words[slice(*spoken.range_of(number - 1))][-14:])
        if re.search(r"\bname\b|who am i|whom am i|who is calling|(?<!are )speaking (?:with|to)", before):
            for at in range(start, end):
                count = _en_told(spoken, at, end)
                if count:
                    found.append((at, at + count, 0.0))
                    break
    return found


@cache
def _en_patterns() -> Patterns:
    number: list[dict[str, Any]] = [{"ORTH": {"IN": ["number", "is", "id", "code"]}, "OP": "*"}, _digits(1, 8)]
    days = [
        "today",
        "tomorrow",
        "yesterday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ]
    titles = [
        "agent",
        "operator",
        "representative",
        "advisor",
        "adviser",
        "badge",
        "employee",
        "consultant",
        "rep",
        "extension",
    ]
    return {
        "AGENT_ID": [[{"ORTH": {"IN": titles}}, *number]],
        "PHONE": [[_digits(7, 12)]],
        "DATE": [[{"ORTH": {"IN": days}}]],
        "MONEY": [[_digits(1, 9), {"ORTH": {"IN": ["dollars", "dollar", "pounds", "pound", "euros", "euro"]}}]],
    }  # fmt: skip


@cache
def blank(language: str) -> Language:
    """spaCy's blank pipeline; in Chinese a lexeme's NORM is how it sounds."""
    nlp = spacy.blank("zh" if language == "zh" else "en")
    if language == "zh":
        nlp.vocab.lex_attr_getters[NORM] = phonetics.fold  # type: ignore[attr-defined]
        for lexeme in nlp.vocab:
            lexeme.norm_ = phonetics.fold(lexeme.orth_)
    return nlp


def make_doc(words: Sequence[str], language: str) -> Doc:
    return Doc(blank(language).vocab, words=list(words))


# --- both -------------------------------------------------------------------------------------------------------


def _has_digits(shape: Sequence[Mapping[str, Any]]) -> bool:
    return any(token.get("IS_DIGIT") is True and token.get("OP") not in ("*", "?") for token in shape)


Finder = Callable[[TokenIndex, "Entities", int, int], Places]
_FINDERS: dict[str, dict[str, Finder]] = {
    "zh": {
        "PERSON_TITLE": _zh_person_title,
        "SELF_NAME": _zh_self_name,
        "COMPANY": _zh_company,
        "OWN_NAME": _zh_own_name,
    },
    "en": {
        "PERSON_TITLE": _en_person_title,
        "SELF_NAME": _en_self_name,
        "COMPANY": _en_company,
        "OWN_NAME": _en_own_name,
    },
}


@dataclass(frozen=True)
class Entities:
    """The entity finders of one rulebook: the built-in ones, with its company names and its shape of agent numbers."""

    language: str
    company_names: tuple[str, ...] = ()
    agent_id: str | None = None

    @cached_property
    def _matcher(self) -> dict[str, Matcher]:
        matchers: dict[str, Matcher] = {}
        for label, shapes in self._shapes.items():
            matchers[label] = Matcher(blank(self.language).vocab)
            matchers[label].add(label, [[dict(token) for token in shape] for shape in shapes], greedy="LONGEST")
        return matchers

    @cached_property
    def _agent_id(self) -> Any:
        return re2.compile(self.agent_id)

    @property
    def _shapes(self) -> Patterns:
        return _zh_patterns() if self.language == "zh" else _en_patterns()

    def companies(self, spoken: TokenIndex) -> tuple[str, ...]:
        """The names this call's company goes by: the rulebook's, and the CDR's."""
        from_cdr = spoken.call.cdr.company
        return (*self.company_names, *((from_cdr,) if from_cdr else ()))

    def find(self, label: str, spoken: TokenIndex, stretches: Iterable[Stretch]) -> Places:
        """Every entity of a label in some stretches of tokens (turns), in order, none inside another."""
        found: Places = []
        for stretch in stretches:
            known = spoken.entity_memo.places.get((label, stretch))
            if known is None:
                known = spoken.entity_memo.places[(label, stretch)] = self._find(label, spoken, *stretch)
            found += known
        return found

    @cached_property
    def _digit_labels(self) -> frozenset[str]:
        """Labels of which every shape has digits: where nobody says any, there is nothing to look for."""
        return frozenset(label for label, listed in self._shapes.items() if all(map(_has_digits, listed)))

    def _find(self, label: str, spoken: TokenIndex, start: int, end: int) -> Places:
        found: Places = []
        finder = _FINDERS[self.language].get(label)
        matcher = self._matcher.get(label)
        if start < end:
            if finder:
                found += finder(spoken, self, start, end)
            if label == "AGENT_ID" and self.agent_id:
                text = spoken.plain[start:end]
                found += [(start + m.start(), start + m.end(), 0.0) for m in self._agent_id.finditer(text) if m.group()]
            digits = label not in self._digit_labels or any(word.isdigit() for word in spoken.words[start:end])
            if matcher and digits:
                doc = make_doc(spoken.words[start:end], self.language)
                found += [(start + first, start + last, 0.0) for _, first, last in matcher(doc)]
        kept: Places = []
        for place in sorted(set(found), key=lambda p: (p[0], -p[1], p[2])):
            if not kept or place[1] > kept[-1][1]:
                kept.append(place)
        return kept
