"""What compiled loops work on to find templates in a call (`pipeline.judging.template_scan`): a rulebook's templates, a
call, and what was found, as arrays.

Everything that was found is a row of one pool: tokens from, to before, cost, text. A source is what gives rows: a
segment of words, a class of numbers, a list; its rows, as those of a template, are a range of the pool.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.judging.compiled import Ints

Records = npt.NDArray[np.void]
Bits = npt.NDArray[np.uint64]
"""(sources, words): the sentences that have something of a source, a bit each."""

ROW = np.dtype([("start", "i8"), ("end", "i8"), ("cost", "f8"), ("text", "i8")], align=True)
PHRASE_USE = np.dtype([("phrase", "i8"), ("source", "i8"), ("text", "i8")])
"""A phrase in a source, and its text there."""
CHAIN = np.dtype([("first", "i8"), ("needed", "i8"), ("joins", "i8")])
"""`needed` and `joins` say where its own begin; those of the next one begin behind its last."""

JOIN = np.dtype([(name, "i8") for name in ("source", "after", "least", "most", "gap", "not_any", "optional", "sign")])
"""`gap` and `not_any`: the set of words that may not stand in the gap, or not for any token; -1 for none."""

EDGE_START, EDGE_END, ANY_TOKEN = -1, -2, -3
"""What a join may ask for besides a source."""

NO_TEXT = -1
ROWS, TEXTS, IS_FULL = 0, 1, 2
"""What a pool's `state` holds: how many rows and texts there are, and whether there was no room for more."""

MOST_REACHED, TOO_MUCH = 256, 2
"""Where a chain reaches more stretches of one sentence, the call is looked through the plain way, which bounds its
time; then `IS_FULL` says `TOO_MUCH`."""


class Texts(NamedTuple):
    """Texts as characters: that of a number begins where `ptr` says. Those that are written down stand in order; behind
    them are numbered those of a pool."""

    ptr: Ints
    chars: Ints


class Program(NamedTuple):
    """The templates of a rulebook. `use_ptr` says where the `uses` of a phrase begin, and so with the others.

    `steps` are templates, and lists as -1 - their number, each behind what it needs.
    """

    use_ptr: Ints
    uses: Records
    least_digits: Ints
    first_number: int
    first_list: int
    steps: Ints
    chain_ptr: Ints
    chains: Records
    needed: Ints
    joins: Records
    without_ptr: Ints
    without: Ints
    list_ptr: Ints
    list_template: Ints


class TokenArrays(NamedTuple):
    """A call, or several one behind another: a code a token, the sentence of each token, where each sentence ends, the
    runs of digits, and where each call ends."""

    codes: Ints
    sentence_of: Ints
    ends: Ints
    runs: Ints
    calls: Ints


class Pool(NamedTuple):
    """Rows, and the texts that were put together for them: runs of digits, and one behind another."""

    rows: Records
    ptr: Ints
    chars: Ints
    state: Ints


def empty_pool(size: int) -> Pool:
    return Pool(np.empty(size, ROW), np.zeros(size + 1, np.int64), np.empty(8 * size, np.int64), np.zeros(3, np.int64))


class SaidPhrases(NamedTuple):
    """The phrases that were found. `places`: (n, 2), token from, to before, by phrases, which begin where `ptr` says.
    `head` has of each segment of words the last of the `links` that are its own, a link the one before it
    (`links[:, 0]`) and what it is (`links[:, 1]`): a use of a phrase, or behind those one that was heard. `sentences`
    are those that have something of a segment; of other sources there is nothing yet."""

    places: Ints
    ptr: Ints
    head: Ints
    links: Ints
    sentences: Bits
