"""Where all templates of a rulebook were said in some calls, found by compiled loops over arrays.

The same as `pipeline.judging.chains` and by the same steps, which stands beside it as the plain way to do it and is
what a process uses that judges few calls: compiled code has to be read in, or made, first.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.judging.chains import LOOKED_THROUGH, PAIRS_A_TOKEN
from pipeline.judging.compiled import Ints, compiled, inner
from pipeline.judging.template_arrays import (
    ANY_TOKEN,
    EDGE_END,
    IS_FULL,
    MOST_REACHED,
    NO_TEXT,
    ROW,
    ROWS,
    TEXTS,
    TOO_MUCH,
    Bits,
    Pool,
    Program,
    Records,
    SaidPhrases,
    Texts,
    TokenArrays,
)  # fmt: skip

_TURN_END = 10


@inner
def _put(rows: Records, state: Ints, start: int, end: int, cost: float, text: int) -> None:
    at = state[ROWS]
    if at == len(rows):
        state[IS_FULL] |= 1
        return
    row = rows[at]
    row.start, row.end, row.cost, row.text = start, end, cost, text
    state[ROWS] = at + 1


@inner
def _place(texts: Texts, pool: Pool, text: int) -> tuple[Ints, int, int]:
    """Where a text stands: in which characters, from, to before."""
    own = text - len(texts.ptr) + 1
    if own < 0:
        return texts.chars, int(texts.ptr[text]), int(texts.ptr[text + 1])
    return pool.chars, int(pool.ptr[own]), int(pool.ptr[own + 1])


@inner
def _reads_before(texts: Texts, pool: Pool, one: int, other: int) -> bool:
    """Whether a text comes before another one."""
    if max(one, other) < len(texts.ptr) - 1:
        return one < other
    letters, start, end = _place(texts, pool, one)
    others, other_start, other_end = _place(texts, pool, other)
    for at in range(min(end - start, other_end - other_start)):
        if letters[start + at] != others[other_start + at]:
            return bool(letters[start + at] < others[other_start + at])
    return end - start < other_end - other_start


@inner
def _begin_text(pool: Pool, size: int) -> int:
    """Make room for a text of so many characters: where it begins; -1 where there is no room."""
    number = pool.state[TEXTS]
    if number + 1 == len(pool.ptr) or pool.ptr[number] + size > len(pool.chars):
        pool.state[IS_FULL] |= 1
        return -1
    pool.ptr[number + 1] = pool.ptr[number] + size
    pool.state[TEXTS] = number + 1
    return int(pool.ptr[number])


@inner
def _together(texts: Texts, pool: Pool, left: int, right: int, sign: int) -> int:
    """The text of two, one behind the other."""
    if left == NO_TEXT or right == NO_TEXT:
        return max(left, right)
    letters, start, end = _place(texts, pool, left)
    others, other_start, other_end = _place(texts, pool, right)
    to = _begin_text(pool, end - start + (1 if sign else 0) + other_end - other_start)
    if to < 0:
        return NO_TEXT
    for at in range(start, end):
        pool.chars[to] = letters[at]
        to += 1
    if sign:
        pool.chars[to] = sign
        to += 1
    for at in range(other_start, other_end):
        pool.chars[to] = others[at]
        to += 1
    return int(len(texts.ptr) - 2 + pool.state[TEXTS])


@inner
def _compared(rows: Records, one: int, other: int) -> int:
    """Which of two rows comes first: below 0 the one, above 0 the other; 0 where only their texts may tell."""
    a, b = rows[one], rows[other]
    if a.start != b.start:
        return int(a.start - b.start)
    if a.end != b.end:
        return int(a.end - b.end)
    return -1 if a.cost < b.cost else 1 if a.cost > b.cost else 0


@inner
def _order(texts: Texts, pool: Pool, low: int, by_text: bool) -> Ints:
    """The rows from one on, in order; of rows that are alike but in text, as they stand where it does not count."""
    size = pool.state[ROWS] - low
    order, width = np.arange(low, low + size), 1
    spare = order.copy()
    while width < size:
        for begin in range(0, size, 2 * width):
            middle, end = min(begin + width, size), min(begin + 2 * width, size)
            one, other = begin, middle
            for at in range(begin, end):
                takes_one = one < middle
                if takes_one and other < end:
                    which = _compared(pool.rows, order[other], order[one])
                    if which == 0 and by_text:
                        first, second = pool.rows[order[other]].text, pool.rows[order[one]].text
                        which = -1 if _reads_before(texts, pool, first, second) else 0
                    takes_one = which >= 0
                if takes_one:
                    spare[at] = order[one]
                    one += 1
                else:
                    spare[at] = order[other]
                    other += 1
        order, spare = spare, order
        width *= 2
    return order


@inner
def _settle(texts: Texts, pool: Pool, low: int, by_text: bool) -> None:
    """Put the rows from one on into order, and keep of each stretch the first."""
    rows, high = pool.rows, pool.state[ROWS]
    for at in range(low + 1, high):
        before, row = rows[at - 1], rows[at]
        if before.start > row.start or (before.start == row.start and before.end >= row.end):
            break
    else:
        return
    old = rows[low:high].copy()
    to = low
    for at in _order(texts, pool, low, by_text):
        row = old[at - low]
        if to == low or rows[to - 1].start != row.start or rows[to - 1].end != row.end:
            rows[to] = row
            to += 1
    pool.state[ROWS] = to


@inner
def _within(rows: Records, low: int, high: int, token: int) -> int:
    """The first of some rows in order that begins at a token or behind it."""
    while low < high:
        middle = (low + high) // 2
        if rows[middle].start < token:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _among(program: Program, which: int, code: int) -> bool:
    """Whether a token is one of a set of words."""
    if which >= 0:
        for at in range(program.without_ptr[which], program.without_ptr[which + 1]):
            if program.without[at] == code:
                return True
    return False


@inner
def _beside(
    program: Program, tokens: TokenArrays, join: int, number: int, low: Ints, high: Ints, rows: Records,
    others: Records, state: Ints
) -> None:  # fmt: skip
    """What there is of a segment in a sentence: by its beginning where it is to come after, else by its end."""
    state[ROWS] = 0
    first, last = tokens.ends[number - 1] if number else 0, tokens.ends[number]
    source, is_after = program.joins[join].source, program.joins[join].after
    if source >= 0:
        at = _within(rows, low[source], high[source], first)
        while at < high[source] and rows[at].start < last:
            if rows[at].cost < math.inf:
                _put(others, state, rows[at].start, rows[at].end, rows[at].cost, rows[at].text)
            at += 1
        if not is_after:
            _by_end(others, state[ROWS])
    elif source == ANY_TOKEN:
        for at in range(first, last):
            code = tokens.codes[at]
            if code != _TURN_END and not _among(program, program.joins[join].not_any, code):
                _put(others, state, at, at + 1, 0.0, NO_TEXT)
    elif (source == EDGE_END) == bool(is_after):
        at = last if is_after else first
        _put(others, state, at, at, 0.0, NO_TEXT)


@inner
def _by_end(rows: Records, count: int) -> None:
    """Put rows that are in order by their ends; those that end together stay in order."""
    spare = rows[:1].copy()
    for number in range(1, count):
        at = number
        spare[0] = rows[number]
        while at > 0 and rows[at - 1].end > spare[0].end:
            rows[at] = rows[at - 1]
            at -= 1
        rows[at] = spare[0]


@inner
def _near(others: Records, count: int, is_after: bool, from_: int, to: int) -> tuple[int, int]:
    """Of many rows in order those that begin between two tokens, both included; those that end there, where they are
    to come before."""
    if is_after:
        return _within(others, 0, count, from_), _within(others, 0, count, to + 1)
    low = 0
    while low < count and others[low].end < from_:
        low += 1
    high = low
    while high < count and others[high].end <= to:
        high += 1
    return low, high


@inner
def _is_barred(program: Program, codes: Ints, which: int, from_: int, to: int) -> bool:
    """Whether one of a set of words stands in a gap."""
    if which >= 0:
        for at in range(from_, to):
            if _among(program, which, codes[at]):
                return True
    return False


@inner
def _longer(
    program: Program, texts: Texts, codes: Ints, join: int, last: int, left: int, one: Records, count: int,
    others: Records, other_count: int, likest: Records, state: Ints, pool: Pool
) -> int:  # fmt: skip
    """What was reached in a sentence, each with what stands beside it: into `likest`, of every stretch the likest. How
    many of the pairs are left that may be looked at."""
    asked = program.joins[join]
    state[ROWS] = 0
    if asked.optional:
        likest[:count] = one[:count]
        state[ROWS] = count
    for number in range(count):
        if left <= 0 or state[ROWS] > MOST_REACHED:
            break
        row = one[number]
        low, high = 0, other_count
        if high > LOOKED_THROUGH and asked.after:
            low, high = _near(others, high, True, row.end + asked.least, row.end + asked.most)
        elif high > LOOKED_THROUGH:
            low, high = _near(others, high, False, row.start - asked.most, row.start - asked.least)
        for place in range(low, high):
            left -= 1
            other = others[place]
            start, from_, to, end = row.start, row.end, other.start, other.end
            if not asked.after:
                start, from_, to, end = other.start, other.end, row.start, row.end
            if to - from_ < asked.least or to - from_ > asked.most or end > last:
                continue
            if _is_barred(program, codes, asked.gap, from_, to):
                continue
            cost = row.cost + other.cost
            at = 0
            while at < state[ROWS] and (likest[at].start != start or likest[at].end != end):
                at += 1
            if at == state[ROWS] or likest[at].cost > cost:
                before, after = (row.text, other.text) if asked.after else (other.text, row.text)
                text = _together(texts, pool, before, after, asked.sign)
                if at == state[ROWS]:
                    _put(likest, state, start, end, cost, text)
                else:
                    likest[at].cost, likest[at].text = cost, text
    state[IS_FULL] |= TOO_MUCH if state[ROWS] > MOST_REACHED else 0
    return left if state[ROWS] <= MOST_REACHED else 0


@inner
def _note(bits: Bits, source: int, sentence: int) -> None:
    """Note that a sentence has something of a source."""
    bits[source, sentence >> 6] |= np.uint64(1) << np.uint64(sentence & 63)


@inner
def _has_all(needed: Ints, bits: Bits, sentence: int) -> bool:
    """Whether a sentence has something of every source that a chain needs."""
    shared = np.uint64(1) << np.uint64(sentence & 63)
    for source in needed:
        shared &= bits[source, sentence >> 6]
    return bool(shared)


@inner
def _in_one_sentence(needed: Ints, bits: Bits) -> bool:
    """Whether some sentence has something of every source that a chain needs."""
    for word in range(bits.shape[1]):
        shared = bits[needed[0], word]
        for place in range(1, len(needed)):
            shared &= bits[needed[place], word]
        if shared:
            return True
    return False


@inner
def _chain(
    program: Program, texts: Texts, tokens: TokenArrays, chain: int, low: Ints, high: Ints, bits: Bits, pool: Pool,
    spare: Records
) -> None:  # fmt: skip
    """Put behind the rows those of a chain of several segments, each stretch once."""
    own, behind = program.chains[chain], program.chains[chain + 1]
    needed = program.needed[own.needed : behind.needed]
    rows, one, two, others = pool.rows, spare[0], spare[1], spare[2]
    call, left = -1, 0
    state, other_state = np.zeros(3, np.int64), np.zeros(3, np.int64)
    at = low[own.first]
    while at < high[own.first]:
        while call < 0 or rows[at].start >= tokens.calls[call]:
            call += 1
            left = tokens.calls[call] - (tokens.calls[call - 1] if call else 0)
            left *= (behind.joins - own.joins) * PAIRS_A_TOKEN
        number = tokens.sentence_of[rows[at].start]
        last = tokens.ends[number]
        state[ROWS] = 0
        while at < high[own.first] and rows[at].start < last:
            if rows[at].cost < math.inf:
                _put(one, state, rows[at].start, rows[at].end, rows[at].cost, rows[at].text)
            at += 1
        if left <= 0 or not _has_all(needed, bits, number):
            continue
        for join in range(own.joins, behind.joins):
            count = state[ROWS]
            if not count:
                break
            _beside(program, tokens, join, number, low, high, rows, others, other_state)
            left = _longer(
                program, texts, tokens.codes, join, last, left, one, count, others, other_state[ROWS], two, state, pool
            )
            one, two = two, one
        for found in range(state[ROWS]):
            _put(rows, pool.state, one[found].start, one[found].end, one[found].cost, one[found].text)
    pool.state[IS_FULL] |= state[IS_FULL] | other_state[IS_FULL]


@inner
def _spoken(program: Program, said: SaidPhrases, source: int, heard: Records, pool: Pool) -> None:
    """Put behind the rows those of a segment of words."""
    link = said.head[source]
    while link >= 0:
        use = said.links[link, 1]
        if use < len(program.uses):
            phrase, text = program.uses[use].phrase, program.uses[use].text
            for at in range(said.ptr[phrase], said.ptr[phrase + 1]):
                _put(pool.rows, pool.state, said.places[at, 0], said.places[at, 1], 0.0, text)
        else:
            row = heard[use - len(program.uses)]
            _put(pool.rows, pool.state, row.start, row.end, row.cost, row.text)
        link = said.links[link, 0]


@inner
def _is_ready(
    program: Program, texts: Texts, chain: int, said: SaidPhrases, heard: Records, bits: Bits, pool: Pool, low: Ints,
    high: Ints
) -> bool:  # fmt: skip
    """Whether a sentence has something of all that a chain needs; then the rows of all its sources are there."""
    own, behind = program.chains[chain], program.chains[chain + 1]
    if not _in_one_sentence(program.needed[own.needed : behind.needed], bits):
        return False
    for join in range(own.joins - 1, behind.joins):
        source = own.first if join < own.joins else program.joins[join].source
        if 0 <= source < program.first_number and low[source] < 0:
            low[source] = pool.state[ROWS]
            _spoken(program, said, source, heard, pool)
            _settle(texts, pool, low[source], True)
            high[source] = pool.state[ROWS]
    return True


@inner
def _numbers(
    program: Program, texts: Texts, tokens: TokenArrays, bits: Bits, pool: Pool, low: Ints, high: Ints
) -> None:
    """Put behind the rows those of the classes of numbers."""
    for run in range(len(tokens.runs)):
        to = _begin_text(pool, tokens.runs[run, 1] - tokens.runs[run, 0])
        for at in range(tokens.runs[run, 0], tokens.runs[run, 1] if to >= 0 else 0):
            pool.chars[to] = tokens.codes[at]
            to += 1
    for number in range(len(program.least_digits)):
        source = program.first_number + number
        low[source] = pool.state[ROWS]
        for run in range(len(tokens.runs)):
            start, end = tokens.runs[run, 0], tokens.runs[run, 1]
            if end - start >= program.least_digits[number]:
                _put(pool.rows, pool.state, start, end, 0.0, len(texts.ptr) - 1 + run)
                _note(bits, source, tokens.sentence_of[start])
        high[source] = pool.state[ROWS]


@inner
def _template(
    program: Program, texts: Texts, tokens: TokenArrays, template: int, said: SaidPhrases, heard: Records, bits: Bits,
    pool: Pool, low: Ints, high: Ints, spare: Records
) -> int:  # fmt: skip
    """Put behind the rows those of a template; where they begin."""
    chains = range(program.chain_ptr[template], program.chain_ptr[template + 1])
    ready = False
    for chain in chains:
        ready = _is_ready(program, texts, chain, said, heard, bits, pool, low, high) or ready
    begin, rows = pool.state[ROWS], pool.rows
    if not ready:
        return int(begin)
    for chain in chains:
        if not _is_ready(program, texts, chain, said, heard, bits, pool, low, high):
            continue
        from_, first = pool.state[ROWS], program.chains[chain].first
        if program.chains[chain].joins == program.chains[chain + 1].joins:
            for at in range(low[first], high[first]):
                if rows[at].cost < math.inf:
                    _put(rows, pool.state, rows[at].start, rows[at].end, rows[at].cost, rows[at].text)
        else:
            _chain(program, texts, tokens, chain, low, high, bits, pool, spare)
            _settle(texts, pool, from_, False)
    if len(chains) > 1:
        _settle(texts, pool, begin, False)
    return int(begin)


@inner
def _is_likely(program: Program, template: int, said: SaidPhrases, low: Ints, high: Ints) -> bool:
    """Whether there is something of what a chain of a template is looked for from."""
    for chain in range(program.chain_ptr[template], program.chain_ptr[template + 1]):
        first = program.chains[chain].first
        if said.head[first] >= 0 if first < program.first_number else low[first] < high[first]:
            return True
    return False


@inner
def _listed(
    program: Program, texts: Texts, tokens: TokenArrays, listed: int, begins: Ints, ends: Ints, bits: Bits, pool: Pool,
    low: Ints, high: Ints
) -> None:  # fmt: skip
    """Put behind the rows those of a list."""
    begin, source = pool.state[ROWS], program.first_list + listed
    for place in range(program.list_ptr[listed], program.list_ptr[listed + 1]):
        template = program.list_template[place]
        for at in range(begins[template], ends[template]):
            row = pool.rows[at]
            _put(pool.rows, pool.state, row.start, row.end, row.cost, row.text)
    _settle(texts, pool, begin, True)
    low[source], high[source] = begin, pool.state[ROWS]
    for at in range(begin, high[source]):
        _note(bits, source, tokens.sentence_of[pool.rows[at].start])


@compiled
def scan(
    program: Program, texts: Texts, tokens: TokenArrays, said: SaidPhrases, heard: Records, pool: Pool
) -> tuple[Ints, Records]:
    """The rows of templates, and where each template's begin, by the phrases that were `said`, those `heard` otherwise
    than they are spelt among them. They are not whole when the pool says that it is full."""
    sources, templates = len(said.sentences), len(program.chain_ptr) - 1
    low, high, bits = np.full(sources, -1, np.int64), np.full(sources, -1, np.int64), said.sentences.copy()
    _numbers(program, texts, tokens, bits, pool, low, high)
    begins, ends = np.zeros(templates, np.int64), np.zeros(templates, np.int64)
    spare = np.empty((3, len(pool.rows)), ROW)
    for step in program.steps:
        if step < 0:
            _listed(program, texts, tokens, -1 - step, begins, ends, bits, pool, low, high)
        elif _is_likely(program, step, said, low, high):
            begins[step] = _template(program, texts, tokens, step, said, heard, bits, pool, low, high, spare)
            ends[step] = pool.state[ROWS]
    ptr = np.zeros(templates + 1, np.int64)
    for template in range(templates):
        ptr[template + 1] = ptr[template] + ends[template] - begins[template]
    found = np.empty(ptr[templates], ROW)
    for template in range(templates):
        found[ptr[template] : ptr[template + 1]] = pool.rows[begins[template] : ends[template]]
    return ptr, found
