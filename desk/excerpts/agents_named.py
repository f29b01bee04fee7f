"""Where a call's agent is named, by themselves or by the caller: what others hear of the call leaves that out.

By the name and the number that the call's metadata has, however a number is read out; and by the ways in which people
say who they are, callers too, as what is heard of a name is often spelled otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.datatypes import Call, Turn
from pipeline.language.text import HAN
from pipeline.masks import Mask
from pipeline.privacy.digits import digit_groups
from pipeline.privacy.sensitive import said_in

_LEAST = 2
"""Characters of a name, or digits of a number, that are looked for anywhere."""

_INTRODUCED = (
    re.compile(rf"(?:我|本人|免贵)姓(?P<name>[{HAN}])"),
    re.compile(rf"(?:我叫|我的名字叫|我的名字是)(?P<name>[{HAN}]{{2,3}})"),
    re.compile(r"(?P<name>[零〇一二三四五六七八九十幺两\d]{1,6})号(?=客服|话务|坐席|座席|接线|专员|为您|很高兴|竭诚)"),
    re.compile(r"工号(?:是|为|：)?(?P<name>[零〇一二三四五六七八九十幺两\d]{1,6})"),
    re.compile(r"\b(?:[Tt]his is|[Mm]y name is|[Mm]y name's)\s+(?P<name>[A-Z][\w'-]+(?:\s[A-Z][\w'-]+)?)"),
)


def agent_named(call: Call) -> Iterator[Mask]:
    """The places, as masks of kind "name"; some may lie in each other."""
    for number, turn in enumerate(call.turns):
        places = [*_known(call, turn)]
        places += [match.span("name") for pattern in _INTRODUCED for match in pattern.finditer(turn.text)]
        for start, end in places:
            yield Mask("name", number, start, end, said_in(call, turn, start, end))


def _known(call: Call, turn: Turn) -> Iterator[tuple[int, int]]:
    """Where the name and the number stand that the metadata has."""
    name, agent_id = call.cdr.agent_name or "", call.cdr.agent_id or ""
    for part in {each for each in (name, agent_id, *name.split()) if len(each) >= _LEAST}:
        edge = r"\b" if part.isascii() else ""
        yield from (found.span() for found in re.finditer(f"{edge}{re.escape(part)}{edge}", turn.text, re.IGNORECASE))
    digits = re.sub(r"\D", "", agent_id)
    if len(digits) >= _LEAST:
        yield from ((group.start, group.end) for group in digit_groups(turn.text) if group.digits == digits)
    surname = name[:1] if re.fullmatch(rf"[{HAN}]{{2,4}}", name) else ""
    if surname:
        yield from (found.span("name") for found in re.finditer(f"(?:姓|我是小|叫我小)(?P<name>{surname})", turn.text))
