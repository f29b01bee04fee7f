"""spaCy's matcher for the shapes of entities. Imported where something is matched: spaCy takes a second to import."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from pipeline.judging.entities.shapes import TokenShape
from pipeline.language import phonetics


@contextmanager
def _without_torch() -> Iterator[None]:
    """thinc, under spaCy, imports torch where it is installed: seconds and 200 MB, of which a matcher uses nothing."""
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # an import of it fails, which thinc is ready for
    try:
        yield
    finally:
        del sys.modules["torch"]


with _without_torch():
    import spacy
    from spacy.attrs import NORM  # type: ignore[import-not-found]
    from spacy.language import Language
    from spacy.matcher import Matcher
    from spacy.tokens import Doc


@cache
def _blank(language: str) -> Language:
    """spaCy's blank pipeline; in Chinese a lexeme's NORM is how it sounds."""
    nlp = spacy.blank("zh" if language == "zh" else "en")
    if language == "zh":
        nlp.vocab.lex_attr_getters[NORM] = phonetics.fold  # type: ignore[attr-defined]
        for lexeme in nlp.vocab:
            lexeme.norm_ = phonetics.fold(lexeme.orth_)
    return nlp


def stretches_of(
    label: str, shapes: Sequence[Sequence[TokenShape]], language: str
) -> Callable[[Sequence[str]], list[tuple[int, int]]]:
    """Finds the longest stretches of these shapes in words: of each the first word, and the one after the last."""
    vocab = _blank(language).vocab
    matcher = Matcher(vocab)
    matcher.add(label, [[dict(token) for token in shape] for shape in shapes], greedy="LONGEST")

    def stretches(words: Sequence[str]) -> list[tuple[int, int]]:
        return [(first, last) for _, first, last in matcher(Doc(vocab, words=list(words)))]

    return stretches
