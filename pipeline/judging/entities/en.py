"""English entities: names are told from other words by their capital and by what stands around them."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from pipeline.judging.entities.shapes import Finders, KnownNames, digits, one_of
from pipeline.judging.lexicon import Places
from pipeline.judging.token_index import TokenIndex
from pipeline.language.en.names import EnglishNames, common_words, company_words, english_names
from pipeline.language.normalise import SENTENCE, tokenise

LONGEST_NAME = 3
"""Words of a person's name at most."""

CODE_LETTERS = 3
"""Capitals before a number that are a code, no name: at most so many."""

GREETING_TOKENS = 25
"""A company's name that stands by itself is looked for where one of so many tokens at first greets."""

QUESTION_WORDS = 14
"""A name is asked for in so many tokens at the end of what was said before."""


@cache
def english_finders() -> Finders:
    names = english_names()
    number = [one_of(names.between_role_and_number, "*"), digits(1, 8)]
    return Finders(
        {
            "PERSON_TITLE": _person_title,
            "SELF_NAME": _self_name,
            "COMPANY": _company,
            "OWN_NAME": _own_name,
        },
        {
            "AGENT_ID": [[one_of(names.roles_before_number), *number]],
            "PHONE": [[digits(7, 12)]],
            "DATE": [[one_of(names.days)]],
            "MONEY": [[digits(1, 9), one_of(names.currencies)]],
        },
    )


def _has_capital(index: TokenIndex, at: int) -> bool:
    return index.quote(at, at + 1)[:1].isupper() and index.words[at].isalpha()


def _is_name(index: TokenIndex, at: int, end: int) -> bool:
    word = index.words[at] if at < end else ""
    is_name = word.isalpha() and len(word) > 1 and word not in common_words() and word not in company_words()
    return is_name and _has_capital(index, at) and not _is_code(index, at, end)


def _is_code(index: TokenIndex, at: int, end: int) -> bool:
    """Whether letters are a code's: SL 770429."""
    written = index.quote(at, at + 1)
    return len(written) <= CODE_LETTERS and written.isupper() and at + 1 < end and index.words[at + 1].isdigit()


def _name_length(index: TokenIndex, at: int, end: int) -> int:
    """How many tokens of a name (given, family) stand at `at`."""
    count = 0
    while count < LONGEST_NAME and _is_name(index, at + count, end):
        count += 1
        if index.break_after(at + count - 1):
            break
    return count


def _person_title(index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
    """The caller addressed: Mr. Carter; a name that it told before; a name called out."""
    names, words = english_names(), index.words
    told = known.told_by_customer
    found: Places = []
    for at in range(start, end):
        if words[at] in names.titles:
            if _titled(index, at, end, told):
                found.append((at, at + 2, 0.0))
        elif words[at] in told:
            # the agent introducing itself by the same name says "this is", "my name is"
            own = any(names.own_name_after.ending_at(words, at, 0))
            titled = at > start and words[at - 1] in names.titles
            doubled = at > start and words[at - 1] in told
            if not own and not titled and not doubled:
                found.append((at, at + 1, 0.0))
        elif _called_out(index, at, start, end, names) or _asked_for(index, at, start, end, names):
            found.append((at, at + 1, 0.0))
    return found


def _titled(index: TokenIndex, at: int, end: int, told: frozenset[str]) -> bool:
    """Whether a title has a name behind it, and not somebody else's: "Mr. Jones will deliver" where the caller told
    that it is Jennifer Stone."""
    words = index.words
    if at + 1 >= end or not words[at + 1].isalpha() or words[at + 1] in common_words():
        return False
    if not told:
        return True
    follows = words[at + 2] if at + 2 < end and not index.break_after(at + 1) else ""
    if follows not in english_names().talked_about_before:
        return True
    alike = [name for name in told if name[0] == words[at + 1][0]]
    return bool(get_close_matches(words[at + 1], alike, 1, 0.6))


def _called_out(index: TokenIndex, at: int, start: int, end: int, names: EnglishNames) -> bool:
    """Thank you, Daniel. / Okay Daniel, … : a name that the agent knows without having been told in the call."""
    if at <= start or index.words[at - 1] not in names.addressed_after or not _is_name(index, at, end):
        return False
    return index.break_after(at - 1) < SENTENCE and bool(index.break_after(at))


def _asked_for(index: TokenIndex, at: int, start: int, end: int, names: EnglishNames) -> bool:
    """Am I speaking with Daniel? / Is this Daniel Carter?"""
    return any(names.asked_for_after.ending_at(index.words, at, start)) and _is_name(index, at, end)


def _self_name(index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
    """The speaker names itself: this is Daniel; Daniel speaking."""
    names, words = english_names(), index.words
    found: Places = []
    for at in range(start, end):
        for lead in names.self_name_after.ending_at(words, at, start):
            count = _name_length(index, at, end)
            follows = words[at + count] if at + count < end else ""
            company = count > 1 and any(names.company_of_two_after.ending_at(words, at, start))
            # this is Lakeside Hotel: a company, not a person
            if count and follows not in company_words() and not company:
                found.append((at - len(lead), at + count, 0.0))
        tells = words[at] in names.self_name_before and at > start and index.break_after(at - 1) < SENTENCE
        if tells and _is_name(index, at - 1, end):
            found.append((at - 1, at + 1, 0.0))
        # Fergus on the desk: in the speaker's first words only, later somebody else may be in billing
        begins = at > start and index.break_after(at - 1) and at - start < GREETING_TOKENS
        if begins and index.turn_of(start) < 2 and 0 < (count := _name_length(index, at, end)) < LONGEST_NAME:
            follows = words[at + count] if at + count < end and not index.break_after(at + count - 1) else ""
            if follows in names.self_name_sits:
                found.append((at, at + count, 0.0))
    return found


def _company(index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
    """The company named: thank you for calling Lakeside Hotel; a name known beforehand."""
    names, words = english_names(), index.words
    found: Places = []
    for at in range(start + 1, end):
        for lead in names.company_after.ending_at(words, at, start):
            if index.break_after(at - 1):
                continue
            named = at + 1 if words[at] == "the" and at + 1 < end else at
            if words[named].isalpha() and words[named] not in common_words():
                found.append((at - len(lead), named + 1, 0.0))
    found += _named_after_greeting(index, start, end)
    for name in known.companies:
        own = tokenise(name, "en").words
        found += [
            (at, at + len(own), 0.0) for at in range(start, end - len(own) + 1) if words[at : at + len(own)] == own
        ]
    return found


def _named_after_greeting(index: TokenIndex, start: int, end: int) -> Places:
    """Good morning, Hartley and Sons, …: two capitals or more in a clause of their own near the salutation."""
    names, words = english_names(), index.words
    found: Places = []
    if names.greetings.isdisjoint(words[start : start + GREETING_TOKENS]):
        return found
    at = start
    while at < end:
        finish = _end_of_capitals(index, at, end)
        capitals = [i for i in range(at, finish) if _has_capital(index, i) and words[i] not in common_words()]
        alone = at == start or index.break_after(at - 1)
        told = at >= start + 2 and words[at - 1] in names.not_company_after
        last = words[finish - 1 if finish > at else at]
        speaking = last in names.self_name_before or (finish < end and words[finish] in names.self_name_before)
        opens = words[at] not in common_words() or words[at] == "the"
        if len(capitals) >= 2 and alone and not told and not speaking and opens:
            found.append((at, finish, 0.0))
        at = max(finish, at + 1)
    return found


def _end_of_capitals(index: TokenIndex, at: int, end: int) -> int:
    """The token behind the words with capitals, and the small words between them, that begin at `at`."""
    small, finish = english_names().inside_company_names, at
    while finish < end and (_has_capital(index, finish) or (finish > at and index.words[finish] in small)):
        finish += 1
        if index.break_after(finish - 1):
            break
    return finish


def _own_name(index: TokenIndex, start: int, end: int, known: KnownNames) -> Places:
    """A caller tells its name: my name is Daniel; or answers with it."""
    names, words = english_names(), index.words
    found: Places = []
    for at in range(start + 1, end):
        if any(names.name_told_after.ending_at(words, at, start)) and (count := _name_length(index, at, end)):
            found.append((at, at + count, 0.0))
    number = index.turn_of(start)
    if number and index.call.role(index.call.turns[number]) == "customer":
        before = words[slice(*index.range_of(number - 1))][-QUESTION_WORDS:]
        if names.name_asked.search(" ".join(before)):
            answers = ((at, at + _name_length(index, at, end), 0.0) for at in range(start, end))
            told = [answer for answer in answers if answer[1] > answer[0]]
            # Professor Whitlock. Or Margaret: both are its name
            found += told[:1] + [answer for answer in told[1:] if words[answer[0] - 1] == "or"]
    return found
