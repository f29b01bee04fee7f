"""The words around numbers that must not be shown: `zh/` and `en/sensitive.yaml`, which say what each list is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import re2

from pipeline.language.data import Expression, Words, WordSet, read_table
from pipeline.language.en.numbers import english_numbers


@dataclass(frozen=True)
class ChineseSensitiveWords:
    """`zh/sensitive.yaml`."""

    topics: Mapping[str, Words]
    tails: Words
    named_ends: Words
    fillers: Words
    signs: Words
    corrections: Words
    lead_ins: Words
    units: Words
    not_units: Words
    unit_adjectives: Words
    money: Words
    labels: Words
    extensions: Words
    put_right: Words
    read_out: Mapping[str, int]
    misheard: Mapping[str, int]
    misheard_inside: Mapping[str, int]
    mail_at: Words
    mail_dots: Words
    mail_hosts: Words
    mail_signs: Mapping[str, str]
    plate_provinces: str
    names_after: Words
    titles: Words
    names_asked: Words
    character_parts: Words
    before_addresses: Words
    addresses_asked: Words
    passwords: Words
    password_part: Expression
    password_untold: Words
    password_tells: Words
    password_lead_ins: Words
    not_passwords: Words


@dataclass(frozen=True)
class EnglishSensitiveWords:
    """`en/sensitive.yaml`."""

    topics: Mapping[str, Words]
    tails: Words
    named_ends: Words
    fillers: Words
    signs: Words
    corrections: Words
    lead_ins: Words
    units: Words
    unit_adjectives: Words
    money: Words
    labels: Words
    extensions: Words
    put_right: Words
    digits: Mapping[str, int]
    times: Mapping[str, int]
    plurals: Mapping[str, int]
    misheard: Mapping[str, int]
    mail_at: Words
    mail_dots: Words
    mail_hosts: Words
    mail_signs: Mapping[str, str]
    not_in_mail: WordSet
    letters: Words
    letters_too: Words
    letter_names: Mapping[str, str]
    names_after: tuple[str, ...]
    relations: Words
    names_asked: Words
    roads: Words
    addresses_asked: Words
    letter_told_by: Words
    not_letters: WordSet
    glued_units: Words
    iban_countries: WordSet
    passwords: Words
    password_part: Expression
    password_untold: Words
    password_tells: Words
    password_lead_ins: Words
    not_passwords: Words


@dataclass(frozen=True)
class SensitiveWords:
    """Both languages together: a Chinese call has English words in it, and numbers are read out alike."""

    zh: ChineseSensitiveWords
    en: EnglishSensitiveWords

    @cached_property
    def topic_of(self) -> dict[str, str]:
        """What each word tells of a number, by the word in small letters with single spaces."""
        tables = (self.zh.topics, self.en.topics)
        return {
            word.lower().replace("-", " "): topic
            for table in tables
            for topic, words in table.items()
            for word in words
        }

    @cached_property
    def topic(self) -> re.Pattern[str]:
        """A word that tells what a number is."""
        words = [word for table in (self.zh, self.en) for words in table.topics.values() for word in words]
        # PIN stands by itself in Chinese too, not in opinion
        zh, en = (_listed(word for word in words if word.isascii() == latin) for latin in (False, True))
        # hundreds of words in every turn: re2 is twenty times as fast; it has no types, but the methods of re
        options = re2.Options()
        options.max_mem = _MOST_MEMORY
        compiled: re.Pattern[str] = re2.compile(rf"(?i)(?:{zh})|\b(?:{en})\b", options)
        return compiled

    @cached_property
    def times(self) -> dict[str, int]:
        """How often double, triple say the digit or letter behind them."""
        return {**english_numbers().times, **self.en.times}

    @cached_property
    def tail(self) -> re.Pattern[str]:
        return _either(self.zh.tails, self.en.tails)

    @cached_property
    def named_end(self) -> re.Pattern[str]:
        """Right before a group: its last digits tell which number is meant."""
        return re.compile(
            rf"(?:{_listed(self.zh.named_ends)}|\b(?:{_listed(self.en.named_ends)}))[\s是为：:]*\Z", re.IGNORECASE
        )

    @cached_property
    def sign(self) -> re.Pattern[str]:
        """Punctuation, and signs that are read out, between the groups of a number."""
        return _nothing_but(self.zh.signs, self.en.signs)

    @cached_property
    def filler(self) -> re.Pattern[str]:
        """Punctuation and small words between the groups of a number, any number of them."""
        return _nothing_but((*self.zh.fillers, *self.zh.corrections), (*self.en.fillers, *self.en.corrections))

    @cached_property
    def lead_in(self) -> re.Pattern[str]:
        """What is said around a number without saying anything else."""
        zh, en = self.zh, self.en
        return _nothing_but((*zh.fillers, *zh.corrections, *zh.lead_ins), (*en.fillers, *en.corrections, *en.lead_ins))

    @cached_property
    def unit(self) -> re.Pattern[str]:
        """Right behind a number: what it counts or measures."""
        return _either(self.zh.units, self.en.units)

    @cached_property
    def unit_adjective(self) -> re.Pattern[str]:
        """Between a number and its unit: five working days."""
        return re.compile(rf"(?:{_listed((*self.zh.unit_adjectives, *self.en.unit_adjectives))})\s*", re.IGNORECASE)

    @cached_property
    def money(self) -> re.Pattern[str]:
        """Right before a number: it goes on an amount."""
        return re.compile(rf"(?:{_listed(self.zh.money)}|\b(?:{_listed(self.en.money)}))\s*\Z", re.IGNORECASE)

    @cached_property
    def extension(self) -> re.Pattern[str]:
        """Right before a number: it is the extension of a telephone number."""
        return _either(self.zh.extensions, self.en.extensions)

    @cached_property
    def corrected(self) -> re.Pattern[str]:
        """Said where a part of a number is put right."""
        return _either(self.zh.put_right, self.en.put_right)

    @cached_property
    def label(self) -> re.Pattern[str]:
        """Right before a short number: a key that is pressed, or one of things that are counted."""
        return re.compile(rf"(?:{_listed(self.zh.labels)}|\b(?:{_listed(self.en.labels)}))\s*\Z", re.IGNORECASE)

    @cached_property
    def name_asked(self) -> re.Pattern[str]:
        """Where a name is asked for."""
        return _either(self.zh.names_asked, self.en.names_asked)

    @cached_property
    def address_asked(self) -> re.Pattern[str]:
        """Where an address is asked for."""
        return _either(self.zh.addresses_asked, self.en.addresses_asked)

    @cached_property
    def password(self) -> re.Pattern[str]:
        """What a word that must not be told is called."""
        return _either(self.zh.passwords, self.en.passwords)

    @cached_property
    def password_part(self) -> re.Pattern[str]:
        """Where letters or digits of a password are asked for."""
        return re.compile(f"{self.zh.password_part.pattern}|{self.en.password_part.pattern}", re.IGNORECASE)

    @cached_property
    def password_untold(self) -> re.Pattern[str]:
        """Where a password is spoken of and none is told."""
        return _either(self.zh.password_untold, self.en.password_untold)

    @cached_property
    def not_password(self) -> re.Pattern[str]:
        """What is said in place of a password."""
        return _either(self.zh.not_passwords, self.en.not_passwords)


_MOST_MEMORY = 32 << 20
"""Bytes for the states of one automaton; with fewer a list of this length is searched slowly."""


def _listed(words: Iterable[str]) -> str:
    return "|".join(re2.escape(word).replace(r"\ ", r"[\s-]+") for word in sorted(set(words), key=len, reverse=True))


def _either(zh: Iterable[str], en: Iterable[str]) -> re.Pattern[str]:
    zh, en = [word for word in zh if not word.isascii()], [*en, *(word for word in zh if word.isascii())]
    return re.compile(rf"(?:{_listed(zh)})|(?<![A-Za-z])(?:{_listed(en)})(?![A-Za-z])", re.IGNORECASE)


def _nothing_but(zh: Iterable[str], en: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:[\W_]|{_listed(zh)}|(?<![A-Za-z])(?:{_listed(en)})(?![A-Za-z]))*", re.IGNORECASE)


@cache
def sensitive_words() -> SensitiveWords:
    """Read once. Raises `BadLanguageData`."""
    zh = read_table("zh", "sensitive", ChineseSensitiveWords)
    return SensitiveWords(zh, read_table("en", "sensitive", EnglishSensitiveWords))
