"""How well acts are recognised: of sentences that do them, of near misses, and in dialogues of every day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pipeline.datatypes import PARTIES, Call, Party, Turn, Word
from pipeline.errors import CallQAError, shown
from pipeline.judging.acts import side_of
from pipeline.judging.conditions.base import Act, Evaluation
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.matches import CallMatches
from pipeline.judging.measured import Share
from pipeline.judging.notation import Script, ScriptTurn, script_call
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.sayings import Sayings
from pipeline.judging.token_index import TokenIndex, index_call
from pipeline.messages import Message
from pipeline.timeline import Span

TURN_S = 2.0
"""How long a written turn takes: times do not matter here."""


@dataclass(frozen=True, slots=True)
class ActScore:
    """How well an act is recognised: `found` of its sayings, `wrong` of its near misses, `everyday` of the turns of its
    side in dialogues of every day. `missed` and `mistaken` are the sentences that went wrong."""

    act: str
    title: str
    found: Share
    wrong: Share
    everyday: Share | None
    missed: tuple[str, ...]
    mistaken: tuple[str, ...]


class Recognising:
    """Recognises some acts of a rulebook in sentences and calls."""

    def __init__(self, book: Rulebook, acts: Iterable[Act], with_recognisers: bool = True) -> None:
        """Without recognisers, only what is looked for in lists and patterns is found."""
        self._book = book
        self._recognisers = book.recognisers if with_recognisers else None
        nodes = [node for act in acts for node in act.when.walk()]
        # the book's own lexicon lacks acts that no rule uses, and has much that they do not need
        self._lexicon = Lexicon(book.language, [listed for node in nodes for listed in node.condition.phrase_lists])

    def evaluation(self, index: TokenIndex) -> Evaluation:
        entities = self._book.entities.in_call(index)
        matches = CallMatches(index, self._lexicon)
        return Evaluation(index, matches, entities, self._book.scenarios, recognisers=self._recognisers)

    def does(self, act: Act, sentence: str) -> bool:
        """Whether somebody who says this, and nothing else, does an act."""
        return self.done([act], sentence) == [True]

    def done(self, acts: Sequence[Act], sentence: str) -> list[bool]:
        """Whether somebody who says this, and nothing else, does each of some acts of one side."""
        call = written_call([(side_of(acts[0]), sentence)], self._book.language)
        evaluation = self.evaluation(index_call(call, self._book.language))
        return [evaluation.result(act.when).truth is True for act in acts]

    def turns(self, acts: Sequence[Act], call: Call) -> list[Share]:
        """In how many turns of its side each of some acts is found, of how many."""
        index = index_call(call, self._book.language)
        evaluation = self.evaluation(index)
        shares = []
        for act in acts:
            own = {number for number, turn in enumerate(call.turns) if call.role(turn) == side_of(act)}
            result = evaluation.result(act.when)
            found = {item.turn for item in result.evidence(evaluation)} & own if result.truth else ()
            shares.append(Share(len(found), len(own)))
        return shares


def score_acts(
    book: Rulebook, acts: Sequence[Act], sayings: Sequence[Sayings], everyday: Sequence[Call] = ()
) -> list[ActScore]:
    """The scores of some acts, each by its sayings; `everyday`: calls in which people do what they do every day."""
    recognising = Recognising(book, acts)
    per_call = [recognising.turns(acts, call) for call in everyday]
    scores = []
    for number, (act, said) in enumerate(zip(acts, sayings, strict=True)):
        missed = tuple(each for each in said.doing if not recognising.does(act, each))
        mistaken = tuple(each for each in said.near if recognising.does(act, each))
        shares = [shares[number] for shares in per_call]
        daily = Share(sum(each.found for each in shares), sum(each.of for each in shares)) if shares else None
        scores.append(
            ActScore(
                act.name, act.title, Share(len(said.doing) - len(missed), len(said.doing)),
                Share(len(mistaken), len(said.near)), daily, missed, mistaken,
            )
        )  # fmt: skip
    return scores


def read_dialogues(file: Path, language: str) -> list[Call]:
    """Written dialogues as calls: JSON Lines, each with `turns`, a list of `{agent: words}` and `{customer: words}`.

    Raises CallQAError with the line that is none.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CallQAError(Message("{file}: cannot be read as UTF-8 text", file=shown(file))) from error
    calls = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = [(speaker, str(words)) for turn in json.loads(line)["turns"] for speaker, words in turn.items()]
            calls.append(written_call(said, language))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = Message(
                '{file}:{line}: no dialogue; write {{"turns": [{{"agent": "…"}}, {{"customer": "…"}}]}}',
                file=shown(file), line=number,
            )  # fmt: skip
            raise CallQAError(message) from error
    return calls


def written_call(said: Sequence[tuple[Party, str]], language: str) -> Call:
    """What people say, as a call of which nothing else is known: made at once, where a recording takes its time.

    Raises KeyError for a speaker who is neither agent nor customer.
    """
    frame = _frame(language)
    speaker_of = {role: speaker for speaker, role in frame.roles.by_speaker.items()}
    turns = []
    for number, (party, text) in enumerate(said):
        span = Span(number * TURN_S, (number + 1) * TURN_S)
        turns.append(Turn(number, span, speaker_of[party], text, (Word(span, text, 1.0, PARTIES.index(party)),)))
    return replace(frame, turns=tuple(turns))


@cache
def _frame(language: str) -> Call:
    """A call in which both sides speak; its turns are put in later."""
    turns = (ScriptTurn(party, Span(at * TURN_S, (at + 1) * TURN_S), "1") for at, party in enumerate(PARTIES))
    return script_call(Script(tuple(turns)), language)
