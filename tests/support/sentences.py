"""What a list finds in a sentence, by the parts that judge calls."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from pipeline.judging.lexicon import Lexicon
from pipeline.judging.matches import CallMatches, Match
from pipeline.judging.notation import call_from_script
from pipeline.judging.phrases import Lists, Phrases, numbered, read_phrases
from pipeline.judging.token_index import index_call


def list_of(
    language: str, phrases: object, except_for: object = None, named: Mapping[str, object] | None = None
) -> Phrases:
    """A list as rule authors write it; `named` are those that it may name, later ones may name those before."""
    known: dict[str, Phrases] = {}
    lists = Lists(language, known)
    for name, items in (named or {}).items():
        known[name] = read_phrases(items, lists)
    listed = read_phrases(phrases, lists)
    if except_for is not None:
        listed = numbered(listed.except_for(read_phrases(except_for, lists)), lists)
    return listed


def matches_in(listed: Phrases, said: str) -> list[tuple[Match, str]]:
    """The places of a list in what the agent said, each with its words; `|` parts turns of both sides."""
    sides = ("agent", "customer")
    script = "\n".join(f"{sides[number % 2]} {5 * number}.0: {turn}" for number, turn in enumerate(said.split("|")))
    index = index_call(call_from_script(script, listed.language), listed.language)
    matches = CallMatches(index, Lexicon(listed.language, [listed]))
    found = matches.of(listed).everywhere()
    assert all(one <= other for one, other in pairwise(found))
    return [(match, index.quote(match.start, match.end)) for match in found]


def says(language: str, phrases: object, said: str, **more: object) -> bool:
    """Whether a list is found in a sentence."""
    return bool(matches_in(list_of(language, phrases, **more), said))  # type: ignore[arg-type]
