"""Measuring a rulebook by the sayings that are set aside.

An act is found or not in each sentence that does it and in each near miss. A rule is measured by the acts it forbids
or requires, all their sentences together:

- of a rule that forbids an act, `fail` means that the act is found: right in a sentence that does it, wrong in a near
  miss;
- of a rule that requires an act, `fail` means that it is not found: right in a near miss, wrong in a sentence that does
  it.

Rules of time, sound, line or the call's facts have no acts, and no measure. Nor has a rule that looks for more
sentences outside of measured acts than in them, such as a script of many steps.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.judging.conditions.acts import Used
from pipeline.judging.conditions.base import Node
from pipeline.judging.conditions.logic import NoneOf
from pipeline.judging.conditions.speech import Said
from pipeline.judging.measured import Measured, Measures, Share
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.judging.sayings import acts_with_sayings, read_sayings
from pipeline.judging.scores import ActScore, score_acts


def measure_book(book: Rulebook) -> Measures:
    """The measures of every act that has sayings set aside, and of every rule with such acts.

    Raises BadRule where sayings cannot be read.
    """
    acts = [book.acts[name] for name in acts_with_sayings(book.folder) if name in book.acts]
    said = [(act, read_sayings(book.folder, act.name, aside=True)) for act in acts]
    said = [(act, each) for act, each in said if each.doing and each.near]
    scores = {s.act: s for s in score_acts(book, [act for act, _ in said], [each for _, each in said])}
    rules = {rule.id: found for rule in book.rules if (found := _of_rule(rule, scores)) is not None}
    return Measures(
        {name: _measured(_found(score), _n(score)) for name, score in scores.items()},
        dict(sorted(rules.items())),
        {name: book.acts[name].key for name in scores},
    )


def _n(score: ActScore) -> int:
    return score.found.of + score.wrong.of


_Hits = tuple[Share, Share]
"""Of what should be found and of what should not, so much is found."""


def _found(score: ActScore) -> _Hits:
    return score.found, score.wrong


def _not_found(score: ActScore) -> _Hits:
    found, wrong = score.found, score.wrong
    return Share(wrong.of - wrong.found, wrong.of), Share(found.of - found.found, found.of)


def _of_rule(rule: Rule, scores: dict[str, ActScore]) -> Measured | None:
    forbidden, required = dict.fromkeys(_looked_for(rule.forbid)), dict.fromkeys(_looked_for(rule.require))
    hits = [_found(scores[name]) for name in forbidden if name in scores]
    hits += [_not_found(scores[name]) for name in required if name in scores]
    if 2 * len(hits) < len(forbidden) + len(required) or not hits:
        return None
    right, wrong = Share(0, 0), Share(0, 0)
    for one, other in hits:
        right, wrong = right + one, wrong + other
    return _measured((right, wrong), right.of + wrong.of)


def _measured(hits: _Hits, n: int) -> Measured:
    right, wrong = hits
    return Measured(Share(right.found, right.found + wrong.found), right, n)


def _looked_for(node: Node | None) -> Iterator[str]:
    """The acts, and other sentences of the agent's, whose being found makes a condition hold."""
    if node is None or isinstance(node.condition, NoneOf):
        return
    if isinstance(node.condition, Used):
        yield node.condition.use
    elif isinstance(node.condition, Said) and node.condition.by != "customer":
        yield f"said {node.number}"
    else:
        for child in node.children:
            yield from _looked_for(child)
