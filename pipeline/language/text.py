"""Words as written text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.datatypes import Word

_CJK_CHAR = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def put_together(words: Iterable[Word], language: str = "") -> str:
    """The words as written text: no space next to Han, one between Latin words, digits together in Chinese."""
    text = ""
    for word in words:
        piece = word.text.strip()
        if not piece:
            continue
        if text:
            left, right = text[-1], piece[0]
            touching = (
                _CJK_CHAR.match(left)
                or _CJK_CHAR.match(right)
                or right in ",.!?;:%)]}'’"
                or left in "([{$¥€£"
                or (language == "zh" and left.isdigit() and right.isdigit())
            )
            text += "" if touching else " "
        text += piece
    return text
