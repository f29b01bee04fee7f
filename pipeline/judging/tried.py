"""What rule authors try: which lists of a rulebook a sentence matches and why, and what a list stands for."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from pipeline.datatypes import Call, Outcome, Party
from pipeline.judging.acts import side_of, used_acts
from pipeline.judging.conditions.base import Evaluation
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.line_places import LinePlaces
from pipeline.judging.matches import CallMatches, Match
from pipeline.judging.notation import Script, ScriptTurn, script_call
from pipeline.judging.phrases import ListItem, Pattern, Phrases
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.templates import NUMBERS, Part, SentenceTemplate, Spoken
from pipeline.judging.token_index import TokenIndex, index_call
from pipeline.judging.verdicts import evaluation_of, judge_rule
from pipeline.language.normalise import tokenise
from pipeline.language.text import HAN_CHARACTER
from pipeline.timeline import Span

NEAREST, NEAR = 3, 0.6
"""How many lines are told where none matches, and how much of one must be in the sentence."""

DRAWS_EACH = 30
"""Drawn for each sentence of a sample: a list of few sentences has no more of them."""


How = Literal["spelling", "sound", "pattern"]


@dataclass(frozen=True, slots=True)
class LineMatch:
    """A line of a list in a sentence: the words that were heard, and what the line writes there ("" for a pattern).

    `cost` is what the likeness of sound costs, 0 where it stands as it is written. `taken_back_by` are the exceptions
    in the same sentence. `place` is the line's file and line number, "" where it is not found.
    """

    line: str
    heard: str
    meant: str
    how: How
    cost: float
    taken_back_by: tuple[LineMatch, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class ListTried:
    """A list that a sentence matches, and the rules that look for it; `name` is "" for phrases that stand in a rule."""

    name: str
    title: str
    rules: tuple[str, ...]
    lines: tuple[LineMatch, ...]

    @property
    def holds(self) -> bool:
        """Whether a line matches that nothing takes back."""
        return any(not line.taken_back_by for line in self.lines)


@dataclass(frozen=True, slots=True)
class ActTried:
    """An act that a sentence does, and the rules that use it."""

    name: str
    title: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AloneVerdict:
    """What a rule says of a call in which one side says the sentence and the other next to nothing."""

    rule: str
    by: Party
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class NearLine:
    """A line that does not match, but has much in common with a sentence: from 0 to 1."""

    name: str
    line: str
    likeness: float


@dataclass(frozen=True, slots=True)
class TriedSentence:
    """What a sentence matches; where that is nothing, the nearest lines. `acts` are what it is taken for in the end,
    `verdicts` those that it alone would change.
    """

    lists: tuple[ListTried, ...]
    nearest: tuple[NearLine, ...]
    acts: tuple[ActTried, ...] = ()
    verdicts: tuple[AloneVerdict, ...] = ()


def try_sentence(said: str, book: Rulebook, by: Party | None = None) -> TriedSentence:
    """Which lists a sentence matches, by which lines. `by`: only those that rules look for in that side's words.

    Lists that only stand in other lists' templates are not told by themselves.
    """
    asked = list(_asked(book))
    in_acts = [
        listed for act in book.acts.values() for node in act.when.walk() for listed in node.condition.phrase_lists
    ]
    lexicon = Lexicon(book.language, [*book.phrase_lists.values(), *(a.listed for a in asked), *in_acts])
    index = _one_turn(said, book.language, by or "agent")
    matches = CallMatches(index, lexicon)
    candidates = list(_candidates(book, asked, by))
    places = LinePlaces(book)
    lists = []
    for name, listed, rules in candidates:
        lines = tuple(dict.fromkeys(_placed(line, name, rules, places) for line in _lines(listed, matches)))
        if lines:
            lists.append(ListTried(name, listed.title, rules, lines))
    nearest = () if lists else _nearest(index.words, candidates)
    acts = tuple(_acts(said, book, by, lexicon))
    concerned = {rule for listed in lists for rule in listed.rules} | {rule for act in acts for rule in act.rules}
    return TriedSentence(tuple(lists), nearest, acts, tuple(_verdicts(said, book.only(concerned), by)))


def _placed(line: LineMatch, name: str, rules: Sequence[str], places: LinePlaces) -> LineMatch:
    rule = rules[0] if rules else ""
    taken_back_by = tuple(_placed(other, name, rules, places) for other in line.taken_back_by)
    return replace(line, place=places.of(name, line.line, rule), taken_back_by=taken_back_by)


_NEXT_TO_NOTHING = {"zh": "嗯", "en": "uh-huh"}


def _verdicts(said: str, book: Rulebook, by: Party | None) -> Iterator[AloneVerdict]:
    """The verdicts of a call of this sentence alone, where they are others than without it."""
    sides: tuple[Party, ...] = ("agent", "customer") if by is None else (by,)
    nothing = _NEXT_TO_NOTHING[book.language]
    for side in sides if book.rules else ():
        with_it, without = (
            evaluation_of(_two_turns(text, nothing, side, book.language), book) for text in (said, nothing)
        )
        for rule in book.rules:
            outcome = judge_rule(with_it, rule).outcome
            if rule.status != "retired" and outcome != judge_rule(without, rule).outcome:
                yield AloneVerdict(rule.id, side, outcome)


def _two_turns(said: str, answer: str, by: Party, language: str) -> Call:
    other: Party = "customer" if by == "agent" else "agent"
    turns = ScriptTurn(other, Span(1.0, 1.5), answer), ScriptTurn(by, Span(2.0, 10.0), said)
    return script_call(Script(turns), language)


def _one_turn(said: str, language: str, by: Party) -> TokenIndex:
    turn = ScriptTurn(by, Span(0.0, 10.0), said)
    return index_call(script_call(Script((turn,)), language), language)


def _acts(said: str, book: Rulebook, by: Party | None, lexicon: Lexicon) -> Iterator[ActTried]:
    sides: dict[Party, Evaluation] = {}
    for act in book.acts.values():
        side = side_of(act)
        if by not in (None, side):
            continue
        if side not in sides:
            index = _one_turn(said, book.language, side)
            matches, entities = CallMatches(index, lexicon), book.entities.in_call(index)
            sides[side] = Evaluation(index, matches, entities, book.scenarios, recognisers=book.recognisers)
        found = sides[side].result(act.when)
        # what only lacks something is no act
        if found.truth and found.evidence(sides[side]):
            rules = (rule.id for rule in book.rules if act.name in used_acts(rule.walk()))
            yield ActTried(act.name, act.title, tuple(rules))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Phrases that a condition looks for."""

    rule: str
    by: str | None
    listed: Phrases


_Candidate = tuple[str, Phrases, tuple[str, ...]]


def _asked(book: Rulebook) -> Iterator[_Asked]:
    nodes = [(rule.id, node) for rule in book.rules for node in rule.walk()]
    nodes += [(name, node) for name, scenario in book.scenarios.items() for node in scenario.walk()]
    for name, node in nodes:
        for listed in node.condition.phrase_lists:
            yield _Asked(name, getattr(node.condition, "by", None), listed)


def _candidates(book: Rulebook, asked: Sequence[_Asked], by: Party | None) -> Iterator[_Candidate]:
    """Name, list, and the rules that look for it; then what stands in rules themselves."""
    named = book.phrase_lists
    everything = (*named.values(), *(one.listed for one in asked))
    in_place = {filling for listed in everything for item in listed.items for filling, _ in item.filled_by}
    wholes = [(one, frozenset(one.listed.items)) for one in asked]
    for name, listed in named.items():
        own = frozenset(listed.items)
        uses = [one for one, items in wholes if own <= items]
        fitting = [one.rule for one in uses if by is None or one.by in (by, "any", None)]
        if fitting or not (uses or name in in_place):
            yield name, listed, tuple(dict.fromkeys(fitting))
    known = {item for listed in named.values() for item in listed.items}
    written: dict[str, list[ListItem]] = {}
    for one in asked:
        if by is None or one.by in (by, "any", None):
            written.setdefault(one.rule, []).extend(item for item in one.listed.items if item not in known)
    for rule, items in written.items():
        yield "", Phrases(tuple(dict.fromkeys(items)), rule, (), book.language), (rule,)


def _lines(listed: Phrases, matches: CallMatches) -> Iterator[LineMatch]:
    # an item without its exceptions is in no list of the rulebook
    bare = listed
    if any(item.exceptions for item in listed.items):
        bare = replace(listed, items=tuple(replace(item, exceptions=()) for item in listed.items), number=-1)
    for match in matches.of(bare).everywhere():
        item = listed.items[match.item]
        taking = [
            _line(other, exceptions.items[other.item], matches)
            for exceptions in item.exceptions
            if matches.taken_back(exceptions, match.start, match.end)
            for other in matches.of(exceptions).everywhere()
            if matches.index.sentence(other.start) == matches.index.sentence(match.start)
        ]
        yield replace(_line(match, item, matches), taken_back_by=tuple(dict.fromkeys(taking)))


def _line(match: Match, item: ListItem, matches: CallMatches) -> LineMatch:
    heard = matches.index.quote(match.start, match.end)
    how: How = "sound" if match.cost else "spelling"
    if isinstance(item.what, Pattern):
        how = "pattern"
    return LineMatch(written_line(item), heard, match.phrase, how, match.cost)


def written_line(item: ListItem) -> str:
    """A list's line as its file has it."""
    if isinstance(item.what, Pattern):
        return f"/{item.what.source.removeprefix('(?m)')}/"
    return item.what.source


def _nearest(words: Sequence[str], candidates: Iterable[_Candidate]) -> tuple[NearLine, ...]:
    """The lines that have most in common with a sentence, word beside word."""
    singles, pairs = set(words), set(pairwise(words))

    def shared(part: Part) -> int:
        if len(part) == 1:
            return int(part[0] in singles)
        beside = [pair in pairs for pair in pairwise(part)]
        return sum(before or after for before, after in zip([False, *beside], [*beside, False], strict=True))

    found: dict[str, NearLine] = {}
    for name, listed, _ in candidates:
        for item in listed.items:
            for chain in item.what.chains if isinstance(item.what, SentenceTemplate) else ():
                best = [
                    max((shared(part) / len(part), len(part)) for part in step.segment.phrases)
                    for step in chain
                    if isinstance(step.segment, Spoken)
                ]
                size = sum(length for _, length in best)
                likeness = sum(share * length for share, length in best) / max(size, 1)
                line = written_line(item)
                if size > 2 and likeness >= NEAR and (line not in found or found[line].likeness < likeness):
                    found[line] = NearLine(name, line, likeness)
    return tuple(sorted(found.values(), key=lambda near: (-near.likeness, near.line))[:NEAREST])


def sample_list(listed: Phrases, count: int, choose: random.Random) -> list[str]:
    """Up to so many different sentences that a list says, drawn line by line; a gap stands as …. Patterns say none."""
    items = [item for item in listed.items if isinstance(item.what, SentenceTemplate)]
    drawn: dict[str, None] = {}
    for _ in range(count * DRAWS_EACH if items else 0):
        drawn[_sentence(choose.choice(items), choose)] = None
        if len(drawn) == count:
            break
    return list(drawn)


def _sentence(item: ListItem, choose: random.Random) -> str:
    assert isinstance(item.what, SentenceTemplate)
    filled_by = dict(item.filled_by)

    def filling(name: str) -> str:
        if name in NUMBERS:
            return "".join(choose.choices("23456789", k=NUMBERS[name]))
        items = [each for each in filled_by[name].items if isinstance(each.what, SentenceTemplate)]
        return _sentence(choose.choice(items), choose) if items else f"<{name}>"

    pieces = re.split(r"<([^<>]+)>", item.what.sample(choose))
    said = "".join(filling(piece) if number % 2 else piece for number, piece in enumerate(pieces))
    return " ".join(said.split())


def language_of(said: str) -> str:
    """Of a sentence: "zh" where it has a Han character, or else "en"."""
    return "zh" if HAN_CHARACTER.search(said) else "en"


def has_words(said: str, language: str) -> bool:
    """Whether there is anything to match."""
    return bool(tokenise(said, language).words)
