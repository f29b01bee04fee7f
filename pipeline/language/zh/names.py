"""Chinese names and forms of address, as far as they are data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from pipeline.language import phonetics
from pipeline.language.data import Characters, Words, WordSet, compile_listed, read_table, read_words


@dataclass(frozen=True)
class ChineseSurnames:
    """`zh/surnames.txt`."""

    single: frozenset[str]
    compound: frozenset[str]

    @cached_property
    def sounds(self) -> frozenset[str]:
        """How surnames of one character sound."""
        return frozenset(map(phonetics.fold, self.single))


@dataclass(frozen=True)
class ChineseNames:
    """`zh/names.yaml`, which says what each list holds and why."""

    titles: Words
    offices: Words
    office_talked_about_before: Characters
    total_before: Characters
    offices_before_a_break: WordSet
    relatives_go_on_with: Characters
    not_misheard_surnames: Characters
    around_told_names: Characters
    not_surnames_after: Mapping[str, Characters]
    surnames_without_given_name: Characters
    surnames_at_the_beginning: Characters
    not_addressed_after: Words
    addressed_after: Words
    address_begins_after: Characters
    titles_by_sound: Words
    not_titles_by_sound: WordSet
    service_roles: Words
    not_in_given_names: Characters
    not_told_by_sound: WordSet
    not_told_after: Characters
    answers_open_with: Characters
    not_answers: Characters
    not_in_company_names: Characters
    not_company_names: Words
    roles_before_number: Words
    roles_after_number: Words
    number_signs: WordSet
    currencies: WordSet

    @cached_property
    def any_title(self) -> re.Pattern[str]:
        return re.compile(_longest_first((*self.titles, *self.offices)))

    @cached_property
    def sounds_of_titles(self) -> frozenset[tuple[str, ...]]:
        return frozenset(tuple(map(phonetics.fold, title)) for title in self.titles_by_sound)


@dataclass(frozen=True)
class _PatternTexts:
    """`zh/name_patterns.yaml`."""

    name_told: Sequence[str]
    name_told_with_title: str
    name_asked: str
    self_name: Sequence[str]
    not_company: str
    company: Sequence[str]
    greeting: str


@dataclass(frozen=True)
class ChineseNamePatterns:
    """The patterns of `zh/name_patterns.yaml`, with the lists that they name put in."""

    name_told: re.Pattern[str]
    name_told_with_title: re.Pattern[str]
    name_asked: re.Pattern[str]
    self_name: re.Pattern[str]
    company: re.Pattern[str]
    greeting: re.Pattern[str]


@cache
def chinese_surnames() -> ChineseSurnames:
    names = read_words("zh", "surnames")
    return ChineseSurnames(
        frozenset(name for name in names if len(name) == 1), frozenset(name for name in names if len(name) > 1)
    )


@cache
def chinese_names() -> ChineseNames:
    return read_table("zh", "names", ChineseNames)


@cache
def chinese_name_patterns() -> ChineseNamePatterns:
    names, texts = chinese_names(), read_table("zh", "name_patterns", _PatternTexts)
    lists = {
        "{surname}": "".join(sorted(chinese_surnames().single)),
        "{given}": f"[^\\n0-9x{''.join(sorted(names.not_in_given_names))}]",
        "{role}": _longest_first(names.service_roles),
        "{not_company}": texts.not_company,
    }

    def compiled(*alternatives: str) -> re.Pattern[str]:
        text = "|".join(alternatives)
        for name, listed in lists.items():
            text = text.replace(name, listed)
        return compile_listed("zh/name_patterns.yaml", text, re.MULTILINE)

    return ChineseNamePatterns(
        compiled(*texts.name_told),
        compiled(texts.name_told_with_title),
        compiled(texts.name_asked),
        compiled(*texts.self_name),
        compiled(*texts.company),
        compiled(texts.greeting),
    )


def _longest_first(words: Sequence[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))
