"""All phrases of a rulebook in a tree of tokens, and which of them stand in a call as they are spelt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.judging.compiled import Ints, compiled, inner
from pipeline.judging.template_arrays import Program, Records, SaidPhrases, TokenArrays

_MIX = 0x9E3779B1


class PhraseTrie(NamedTuple):
    """Phrases by their tokens: a table of steps from node to node (`keys`, `nodes`), and of each node the number of the
    phrase that ends there, or -1."""

    keys: Ints
    nodes: Ints
    phrase_of: Ints


@inner
def _slot(keys: Ints, key: int) -> int:
    """Where a key is in a table, or would be."""
    mask = len(keys) - 1
    at = ((key * _MIX) ^ (key >> 17)) & mask
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return at


@compiled
def build_trie(codes: Ints, ptr: Ints, size: int) -> tuple[Ints, Ints, Ints]:
    """The arrays of a `PhraseTrie` of phrases; `size`: of its table, a power of two."""
    keys, nodes = np.full(size, -1, np.int64), np.zeros(size, np.int64)
    phrase_of = np.full(len(codes) + 1, -1, np.int64)
    count = 1
    for phrase in range(len(ptr) - 1):
        node = 0
        for place in range(ptr[phrase], ptr[phrase + 1]):
            key = (node << 21) | codes[place]
            slot = _slot(keys, key)
            if keys[slot] < 0:
                keys[slot], nodes[slot] = key, count
                count += 1
            node = nodes[slot]
        phrase_of[node] = phrase
    return keys, nodes, phrase_of[:count].copy()


@inner
def _spelt(keys: Ints, nodes: Ints, phrase_of: Ints, codes: Ints) -> Ints:
    """(n, 3): the phrases that stand there as they are spelt: number, token from, to before."""
    found = np.empty((4 * len(codes) + 64, 3), np.int64)
    count = 0
    for start in range(len(codes)):
        node = 0
        for at in range(start, len(codes)):
            key = (node << 21) | codes[at]
            slot = _slot(keys, key)
            if keys[slot] < 0:
                break
            node = nodes[slot]
            if phrase_of[node] >= 0:
                if count == len(found):
                    found = np.concatenate((found, found))
                found[count, 0], found[count, 1], found[count, 2] = phrase_of[node], start, at + 1
                count += 1
    return found[:count]


@inner
def _linked(program: Program, found: Ints, tokens: TokenArrays, heard: Records, heard_in: Ints) -> SaidPhrases:
    """What was found, by segments."""
    phrases = len(program.use_ptr) - 1
    ptr = np.zeros(phrases + 1, np.int64)
    for hit in range(len(found)):
        ptr[found[hit, 0] + 1] += 1
    size = len(heard_in)
    for phrase in range(phrases):
        if ptr[phrase + 1]:
            size += program.use_ptr[phrase + 1] - program.use_ptr[phrase]
        ptr[phrase + 1] += ptr[phrase]
    places, free = np.empty((len(found), 2), np.int64), ptr.copy()
    for hit in range(len(found)):
        to = free[found[hit, 0]]
        places[to, 0], places[to, 1] = found[hit, 1], found[hit, 2]
        free[found[hit, 0]] = to + 1
    head, links, count = np.full(program.first_number, -1, np.int64), np.empty((size, 2), np.int64), 0
    for phrase in range(phrases):
        if ptr[phrase] < ptr[phrase + 1]:
            for use in range(program.use_ptr[phrase], program.use_ptr[phrase + 1]):
                source = program.uses[use].source
                links[count, 0], links[count, 1], head[source] = head[source], use, count
                count += 1
    for number in range(len(heard_in)):
        source = heard_in[number]
        links[count, 0], links[count, 1], head[source] = head[source], len(program.uses) + number, count
        count += 1
    bits = np.zeros((program.first_list + len(program.list_ptr) - 1, len(tokens.ends) // 64 + 1), np.uint64)
    return SaidPhrases(places, ptr, head, links, bits)


@inner
def _note(program: Program, said: SaidPhrases, tokens: TokenArrays, heard: Records, heard_in: Ints) -> None:
    """Note which sentences have something of each segment of words."""
    bits = said.sentences
    own = np.empty(bits.shape[1], np.uint64)
    for phrase in range(len(said.ptr) - 1):
        if said.ptr[phrase] == said.ptr[phrase + 1]:
            continue
        own[:] = 0
        for at in range(said.ptr[phrase], said.ptr[phrase + 1]):
            sentence = tokens.sentence_of[said.places[at, 0]]
            own[sentence >> 6] |= np.uint64(1) << np.uint64(sentence & 63)
        for use in range(program.use_ptr[phrase], program.use_ptr[phrase + 1]):
            source = program.uses[use].source
            for word in range(len(own)):
                bits[source, word] |= own[word]
    for number in range(len(heard_in)):
        sentence = tokens.sentence_of[heard[number].start]
        bits[heard_in[number], sentence >> 6] |= np.uint64(1) << np.uint64(sentence & 63)


@compiled
def said_phrases(
    trie: PhraseTrie, program: Program, tokens: TokenArrays, heard: Records, heard_in: Ints
) -> SaidPhrases:
    """The phrases that stand in a call as they are spelt, and those `heard` otherwise, with the segment of each."""
    found = _spelt(trie.keys, trie.nodes, trie.phrase_of, tokens.codes)
    said = _linked(program, found, tokens, heard, heard_in)
    _note(program, said, tokens, heard, heard_in)
    return said
