"""The lists of a rulebook: what their templates found in a call, but where an exception takes it back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.judging.compiled import Ints, compiled, inner
from pipeline.judging.template_arrays import Records, TokenArrays

LINE = np.dtype([("template", "i8"), ("place", "i8"), ("exceptions", "i8")])
"""A line of a list: its template, its place in the list, and where its exceptions begin; they end where those of the
next line begin."""

LIST_ROW = np.dtype([("start", "i8"), ("end", "i8"), ("cost", "f8"), ("text", "i8"), ("place", "i8")])


class ListArrays(NamedTuple):
    """Lists, each behind those that take its lines back: where the `lines` of each begin, and the lists that are
    exceptions."""

    ptr: Ints
    lines: Records
    exceptions: Ints


@inner
def _said_within(rows: Records, from_: int, to: int, start: int, end: int) -> bool:
    """Whether one of some rows lies whole in a stretch of tokens."""
    is_said = False
    for at in range(from_, to):
        is_said = is_said or (start <= rows[at].start < end and rows[at].end <= end)
    return is_said


@inner
def _stands(
    lists: ListArrays,
    line: int,
    said_from: int,
    said_to: int,
    tokens: TokenArrays,
    near: int,
    found: Records,
    ptr: Ints,
) -> bool:
    """Whether no exception of a line takes it back where it was said."""
    number = tokens.sentence_of[said_from]
    first, last = tokens.ends[number - 1] if number else 0, tokens.ends[number]
    start, end = max(first, said_from - near), min(max(last, said_to), said_to + near)
    for at in range(lists.lines[line].exceptions, lists.lines[line + 1].exceptions):
        listed = lists.exceptions[at]
        if _said_within(found, ptr[listed], ptr[listed + 1], start, end):
            return False
    return True


@compiled
def list_rows(lists: ListArrays, ptr: Ints, rows: Records, tokens: TokenArrays, near: int) -> tuple[Ints, Records]:
    """The rows of lists, and where each list's begin, by those of templates. An exception counts so many tokens `near`
    a row, in its sentence."""
    size = 0
    for line in range(len(lists.lines) - 1):
        template = lists.lines[line].template
        size += ptr[template + 1] - ptr[template]
    found, begins = np.empty(size, LIST_ROW), np.zeros(len(lists.ptr), np.int64)
    count = 0
    for listed in range(len(lists.ptr) - 1):
        begins[listed] = count
        for line in range(lists.ptr[listed], lists.ptr[listed + 1]):
            own = lists.lines[line]
            for at in range(ptr[own.template], ptr[own.template + 1]):
                row = rows[at]
                if own.exceptions < lists.lines[line + 1].exceptions and not _stands(
                    lists, line, row.start, row.end, tokens, near, found, begins
                ):
                    continue
                new = found[count]
                new.start, new.end, new.cost, new.text, new.place = row.start, row.end, row.cost, row.text, own.place
                count += 1
        begins[listed + 1] = count
    return begins, found[:count]
