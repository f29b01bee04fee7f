"""Card security codes, PINs and passwords are taken out of what was heard before it is kept: PCI DSS 3.3.1 forbids to.

They are found as everything else that is hidden; their words become `*`, and so does every word near them that gives
digits, on whichever channel and in whatever stretch it was heard, one that is held to be no speech too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.call.build import build_call
from pipeline.datatypes import CDR, Segment, Transcript, Word
from pipeline.masks import HIDDEN
from pipeline.privacy.digits import has_digits
from pipeline.privacy.sensitive import MASKING_VERSION, find_masks
from pipeline.timeline import Span, Timeline

NEAR_S = 0.25
"""Words so near to a code are heard with it: an echo, a word whose time is not exact."""


def without_codes(transcript: Transcript) -> Transcript:
    """What was heard without the codes that were said; itself where that was done by this version already."""
    if transcript.codes_removed == MASKING_VERSION:
        return transcript
    call = build_call(transcript, CDR())
    spans = [
        mask.span
        for mask in find_masks(call).found
        if mask.kind == "code" and not set(call.turns[mask.turn].text[mask.start : mask.end]) <= {HIDDEN, " "}
    ]
    said, near = Timeline(spans), Timeline(Span(span.start_s - NEAR_S, span.end_s + NEAR_S) for span in spans)
    segments = transcript.segments
    if spans:
        segments = tuple(_without(segment, said, near) for segment in segments)
    return replace(transcript, segments=segments, codes_removed=MASKING_VERSION)


def _without(segment: Segment, said: Timeline, near: Timeline) -> Segment:
    """A segment without the words that are a code, and without the digits near them."""
    if not near & (segment.span,):
        return segment
    words = tuple(
        replace(word, text=_stars(word.text) if word.span.middle_s in said else _hidden(word.text))
        if word.span.middle_s in near
        else word
        for word in segment.words
    )
    if words == segment.words and segment.words:
        return segment
    text = _along(segment.text, segment.words, words) if segment.words else _hidden(segment.text)
    # what the engine wrote is not aligned with anything, so nothing of it stays
    return replace(segment, words=words, text=text, raw_text=_stars(segment.raw_text))


def _hidden(text: str) -> str:
    return _stars(text) if has_digits(text) else text


def _stars(text: str) -> str:
    return "".join(HIDDEN if character.isalnum() else character for character in text)


def _along(text: str, before: Sequence[Word], after: Sequence[Word]) -> str:
    """The text of a segment changed as its words are; where they cannot be found in it, none of its digits stay."""
    at = 0
    for old, new in zip(before, after, strict=True):
        piece = old.text.strip()
        first = text.find(piece, at)
        if first < 0:
            return _hidden(text)
        at = first + len(piece)
        text = text[:first] + new.text.strip() + text[at:]
    return text
