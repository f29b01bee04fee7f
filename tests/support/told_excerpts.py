"""Excerpts of calls in which somebody tells what must not be shown, written by people who had not seen how it is found.

`excerpts/{zh,en}.jsonl` and, by other people and later, `{zh,en}-2.jsonl` have one a line, with what is to be hidden as
`{kind:text}`. The code was mended by those with odd numbers; those with even ones were only counted, so they tell more
of calls in other people's words. Nothing may print them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.privacy.masking import masks_of
from pipeline.settings.privacy import Privacy
from tests.support.told_numbers import ToldNumberCall, marked_call

BY_SETTING = ("name", "address")
"""Kinds that are hidden only where the settings ask for it."""

SETS = ("", "-2")
"""How the files of each set end."""

_FOLDER = Path(__file__).resolve().parent / "excerpts"
_MARK = re.compile(r"\{(\w+):([^{}]*)\}")
_SIDES = {"agent": "A", "customer": "C"}


@dataclass(frozen=True)
class ToldExcerpt:
    """An excerpt, the kind of each of its hidden stretches, and its set. `is_even`: the code was not mended by it."""

    told: ToldNumberCall
    kinds: tuple[str, ...]
    written_in: int
    is_even: bool


def told_excerpts(language: str) -> Iterator[ToldExcerpt]:
    """All excerpts of a language, of the first set and of the second."""
    for number, ending in enumerate(SETS, start=1):
        for line in (_FOLDER / f"{language}{ending}.jsonl").read_text(encoding="utf-8").splitlines():
            written = json.loads(line)
            script = [(_SIDES.get(who, "C"), _MARK.sub(r"⟦\2⟧", text)) for who, text in written["turns"]]
            kinds = tuple(kind for _, text in written["turns"] for kind, _ in _MARK.findall(text))
            yield ToldExcerpt(marked_call(script, language), kinds, number, int(written["id"][2:]) % 2 == 0)


@dataclass
class Found:
    """How many stretches there are by kind, and how many are hidden whole; the same of other letters and digits."""

    asked: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    others: int = 0
    hidden_others: int = 0

    @property
    def recall(self) -> float:
        return self.found.total() / self.asked.total()

    @property
    def hidden_share(self) -> float:
        return self.hidden_others / self.others


def found_in(excerpts: Iterable[ToldExcerpt], privacy: Privacy) -> Found:
    """What is found with these settings."""
    kept = () if privacy.mask_names and privacy.mask_addresses else BY_SETTING
    count = Found()
    for excerpt in excerpts:
        call, told = excerpt.told.call, set[tuple[int, int]]()
        masks = masks_of(call, None, privacy)
        hidden = {(mask.turn, at) for mask in masks for at in range(mask.start, mask.end)}
        for kind, (turn, start, end) in zip(excerpt.kinds, excerpt.told.hidden, strict=True):
            own = {(turn, at) for at in range(start, end) if call.turns[turn].text[at].isalnum()}
            told |= own
            if kind not in kept:
                count.asked[kind] += 1
                count.found[kind] += own <= hidden
        for each in call.turns:
            rest = {(each.index, at) for at, sign in enumerate(each.text) if sign.isalnum()} - told
            count.others += len(rest)
            count.hidden_others += len(rest & hidden)
    return count
