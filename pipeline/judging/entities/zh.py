"""Chinese entities: a name is a surname, by spelling or by sound, with what belongs to it around it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from pipeline.judging.entities.shapes import Finders, KnownNames, Shapes, by_pattern, digits, one_of, sounding
from pipeline.judging.lexicon import Places
from pipeline.judging.token_index import TokenIndex
from pipeline.language import phonetics
from pipeline.language.normalise import tokenise
from pipeline.language.text import HAN_CHARACTER
from pipeline.language.zh.names import ChineseNames, chinese_name_patterns, chinese_names, chinese_surnames

COMPANY_TOKENS = 14
"""Tokens of a company's name at most."""

QUESTION_CHARACTERS = 20
"""A name is asked for in so many tokens at the end of what was said before."""

ANSWER_TOKENS, NAME_TOKENS = 6, 4
"""An answer is a name if it has at most so many tokens, and so many behind 嗯，我是."""


@cache
def chinese_finders() -> Finders:
    return Finders(
        {
            "PERSON_TITLE": _person_title,
            "SELF_NAME": _self_name,
            "COMPANY": _company,
            "OWN_NAME": _own_name,
        },
        _shapes(chinese_names()),
    )


def _shapes(names: ChineseNames) -> Shapes:
    being, day_sign = one_of("是为", "?"), one_of("号日")
    return {
        "AGENT_ID": [
            [*sounding("工号"), being, digits(1, 8)],
            [*sounding("编号"), being, digits(2, 8)],
            [digits(2, 8), one_of(names.number_signs)],
            [digits(1, 8), *sounding("号话务员")],
            [*sounding("号话务员")],
            *([digits(1, 8), *sounding("号"), *sounding(role)] for role in names.roles_after_number),
            [digits(2, 8), *sounding("为您服务")],
            [digits(2, 8), *sounding("很高兴为")],
            *([*sounding(role), one_of("员小", "?"), digits(1, 8)] for role in names.roles_before_number),
        ],
        "PHONE": [[digits(7, 12)]],
        "DATE": [
            [digits(1, 2), one_of("月"), digits(1, 2), day_sign],
            [one_of("今明后昨"), one_of("天")],
            [one_of("星礼"), one_of("期拜"), one_of("123456日天")],
            [one_of("周"), one_of("123456日末")],
            [digits(1, 2), day_sign],
        ],
        "MONEY": [[digits(1, 9), one_of("万", "?"), one_of(names.currencies)]],
    }


def _person_title(index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
    """The caller addressed: a title with a surname before it. 谢谢先生 has none."""
    names = chinese_names()
    found: Places = []
    for match in names.any_title.finditer(index.plain[start:end]):
        at, title = start + match.start(), match.group()
        surname = _surname_before(index, at, start)
        # one that the caller told is certain
        unsure = surname is None or surname[1] > 0
        if unsure and at > start and index.words[at - 1] in _told_surnames(known):
            surname = at - 1, 0.0
        if surname is None:
            continue
        begin, cost = surname
        called = index.words[begin] in _told_surnames(known) and _stands_alone(index, begin, at + len(title), start)
        if (called or _addresses(index, at, title, cost)) and not _introduces(index, begin, start):
            found.append((begin, at + len(title), cost))
    return found + _titles_by_sound(index, start, end, {begin for begin, _, _ in found})


def _told_surnames(known: KnownNames) -> frozenset[str]:
    """What the caller may be addressed by: the words in which it told its name, without those around the name."""
    return known.told_by_customer - chinese_names().not_misheard_surnames - chinese_names().around_told_names


def _addresses(index: TokenIndex, at: int, title: str, cost: float) -> bool:
    """Whether somebody is addressed by the title at `at`, by what goes on behind it."""
    names = chinese_names()
    after = index.words[at + len(title)] if at + len(title) < len(index.words) else ""
    if title in names.offices:
        talked_about = names.total_before if title == "总" else names.office_talked_about_before
        goes_on = title in names.offices_before_a_break and after.isalpha()
        return not cost and after not in talked_about and not goes_on
    return len(title) > 1 or not (cost or after in names.relatives_go_on_with)


def _stands_alone(index: TokenIndex, begin: int, end: int, start: int) -> bool:
    """Whether what lies there has a pause on both sides: who is called so is spoken to."""
    return begin > start and end < len(index.words) and all(map(index.break_after, (begin - 1, end - 1)))


def _introduces(index: TokenIndex, begin: int, start: int) -> bool:
    """Whether the name that begins there is the speaker's own or somebody else's: 我是王老师, 转接李经理."""
    names = chinese_names()
    before = "".join(index.words[max(0, begin - 4) : begin])
    apart = begin > start and index.break_after(begin - 1)
    return before.endswith(names.not_addressed_after) and not before.endswith(names.addressed_after) and not apart


def _surname_before(index: TokenIndex, at: int, start: int) -> tuple[int, float] | None:
    """Where the surname (or full name) before a title begins, and what hearing it costs."""
    names, surnames, words = chinese_names(), chinese_surnames(), index.words
    if at - 2 >= start and words[at - 2] + words[at - 1] in surnames.compound:
        return at - 2, 0.0
    if at - 1 < start:
        return None
    last, before = words[at - 1], words[at - 2] if at - 2 >= start else ""
    if last in surnames.single:
        # 谢谢先生 thanks him
        if (last == "谢" and before == "谢") or before in names.not_surnames_after.get(last, ()):
            return None
        return at - 1, 0.0
    begin = _full_name_before(index, at, start)
    if begin is not None:
        return begin, 0.0
    if not _is_han(last) or phonetics.fold(last) not in surnames.sounds:
        return None
    if last in names.surnames_at_the_beginning:
        return (at - 1, phonetics.TONE) if at - 1 == start or index.break_after(at - 2) else None
    if last in names.not_misheard_surnames or not _address_begins(index, at - 1, start):
        return None
    return at - 1, phonetics.CONFUSED


def _full_name_before(index: TokenIndex, at: int, start: int) -> int | None:
    """Where a surname with a given name before a title begins: 王小明先生, 王明先生."""
    names, surnames, words = chinese_names(), chinese_surnames(), index.words
    for begin in (at - 3, at - 2):
        if begin < start or words[begin] not in surnames.single or words[begin] in names.surnames_without_given_name:
            continue
        given = words[begin + 1 : at]
        whole = not any(index.break_after(i) for i in range(begin, at))
        if whole and all(_is_han(word) and word not in names.not_misheard_surnames for word in given):
            return begin
    return None


def _is_han(word: str) -> bool:
    return HAN_CHARACTER.fullmatch(word) is not None


def _address_begins(index: TokenIndex, at: int, start: int) -> bool:
    return at == start or bool(index.break_after(at - 1)) or index.words[at - 1] in chinese_names().address_begins_after


def _titles_by_sound(index: TokenIndex, start: int, end: int, taken: set[int]) -> Places:
    """王先声, 李旅士, even 朝鲜省 for 赵先生: a surname (by sound where an address begins) and a title by sound."""
    names, surnames, words, fold = chinese_names(), chinese_surnames(), index.words, phonetics.fold
    last_sounds = {sounds[-1] for sounds in names.sounds_of_titles}
    found: Places = []
    for at in range(start, end - 2):
        if fold(words[at + 2]) not in last_sounds or (fold(words[at + 1]), fold(words[at + 2])) not in (
            names.sounds_of_titles
        ):
            continue
        title = words[at + 1] + words[at + 2]
        if at in taken or title in names.titles_by_sound or title in names.not_titles_by_sound or len(title) != 2:
            continue
        surname = words[at]
        if surname in surnames.single:
            # only with something before it, by which a word is told from a surname
            before = words[at - 1] if at > start else ""
            part_of_a_word = before in names.not_surnames_after.get(surname, ()) or surname == "谢" == before
            if before and not part_of_a_word:
                found.append((at, at + 3, phonetics.CONFUSED))
        elif (
            surname not in names.not_misheard_surnames
            and fold(surname) in surnames.sounds
            and _address_begins(index, at, start)
        ):
            found.append((at, at + 3, 2 * phonetics.CONFUSED))
    return found


def _self_name(index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
    """The speaker names itself: 我姓王, 客服小王为您服务."""
    names, surnames, words, fold = chinese_names(), chinese_surnames(), index.words, phonetics.fold
    found = by_pattern(chinese_name_patterns().self_name, index, start, end)
    # 您好，金钥匙开锁，小莫，请讲: a clause of its own
    found += [
        (at, at + 2, 0.0)
        for at in range(start + 1, end - 1)
        if words[at] == "小" and index.break_after(at - 1) and index.break_after(at + 1) and _is_han(words[at + 1])
    ]
    for at in range(start, end - 2):
        # 卧心流 for 我姓刘
        if fold(words[at + 1]) == "xin" and fold(words[at]) == "wo":
            surname = words[at + 2]
            named = fold(surname) in surnames.sounds and surname not in names.not_misheard_surnames
            other_word = words[at + 1] in names.not_told_after or words[at + 1] + surname in names.not_told_by_sound
            if named and not other_word:
                found.append((at, at + 3, phonetics.CONFUSED))
    return found


def _company(index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
    """The company named: 欢迎致电蓝鲸出行; a name known beforehand, shortened or by its sound."""
    found: Places = []
    for begin, finish, _ in by_pattern(chinese_name_patterns().company, index, start, end):
        while finish < min(end, begin + COMPANY_TOKENS) and not index.break_after(finish - 1):
            finish += 1
        found.append((begin, finish, 0.0))
    found += _named_after_greeting(index, start, end)
    for name in known.companies:
        for words in _short_names(tuple(tokenise(name, "zh").words)):
            # the name is known, so even a short one may be written as it sounds
            limit = max(phonetics.budget(len(words)), phonetics.CONFUSED + phonetics.TONE)
            for at in range(start, end - len(words) + 1):
                cost = phonetics.cost(words, index.words[at : at + len(words)], limit)
                if cost <= limit:
                    found.append((at, at + len(words), cost))
    return found


def _named_after_greeting(index: TokenIndex, start: int, end: int) -> Places:
    """您好，云上书屋，…: a clause of its own behind the salutation that is nothing but a name."""
    names = chinese_names()
    found: Places = []
    for match in chinese_name_patterns().greeting.finditer(index.plain, start, end):
        begin = finish = match.end()
        if begin >= end or not index.break_after(begin - 1):
            continue
        last = min(end, begin + COMPANY_TOKENS)
        while finish < last and not (finish > begin and index.break_after(finish - 1)):
            finish += 1
        name = index.plain[begin:finish]
        other = not names.not_in_company_names.isdisjoint(name) or name.startswith(names.not_company_names)
        if len(name) >= 2 and not other and not name[0].isdigit():
            found.append((begin, finish, 0.0))
    return found


def _short_names(words: tuple[str, ...]) -> Sequence[tuple[str, ...]]:
    """A company's name and what people shorten it to: 蓝鲸出行 → 蓝鲸, 出行."""
    return (words, words[:2], words[-2:]) if len(words) >= 4 else (words,)


def _own_name(index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
    """A caller tells its name: 免贵姓王, 我叫张伟, 我是王先生; or answers with it."""
    surnames, patterns, plain = chinese_surnames(), chinese_name_patterns(), index.plain
    found: Places = []
    for match in patterns.name_told.finditer(plain, start, end):
        name = match[match.lastgroup or 0]
        # 姓 tells a surname, however rare
        told = match.lastgroup == "surname" and plain[match.start("surname") - 1] == "姓"
        if told or name[0] in surnames.single or phonetics.fold(name[0]) in surnames.sounds:
            found.append((match.start(), match.end(), 0.0))
    for match in patterns.name_told_with_title.finditer(plain[start:end]):
        if match["name"][0] in surnames.single:
            found.append((start + match.start(), start + match.end(), 0.0))
    return found + _answers(index, start, end)


def _answers(index: TokenIndex, start: int, end: int) -> Places:
    """A short answer right after the agent asked for a name: 王。 张伟。 However it was written, it is one."""
    names, number = chinese_names(), index.turn_of(start)
    if number == 0 or not 1 <= end - start <= ANSWER_TOKENS or index.call.role(index.call.turns[number]) != "customer":
        return []
    before = index.plain[slice(*index.range_of(number - 1))]
    if not chinese_name_patterns().name_asked.search(before[-QUESTION_CHARACTERS:]):
        return []
    answer = index.plain[start:end].lstrip("".join(names.answers_open_with))
    return [(start, end, 0.0)] if 1 <= len(answer) <= NAME_TOKENS and answer[0] not in names.not_answers else []
