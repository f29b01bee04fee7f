"""Which calls that passed are worth a look: by how like, or unlike, their sentences are to the sayings of acts.

It ranks and decides nothing: what stands at the top of a rule's passed calls is often, and not always, a missed fault.
"""

from __future__ import annotations

from pipeline.datatypes import Suspect
from pipeline.judging.acts import side_of
from pipeline.judging.conditions.base import Evaluation
from pipeline.judging.rulebook import Rule


def suspect_in(evaluation: Evaluation, rule: Rule) -> Suspect | None:
    """What is suspicious in a call that passed a rule; None where no recogniser knows what the rule looks for.

    Of a rule that forbids, the sentence most like what is forbidden; of one that only requires, the sentence most like
    what is required, the more suspicious the less it is so.
    """
    recognised = evaluation.recognised
    if recognised is None:
        return None
    found: list[Suspect] = []
    for name in rule.asked_acts:
        if name not in evaluation.acts or not recognised.knows(name):
            continue
        piece = recognised.likest(name, evaluation.index.side(side_of(evaluation.acts[name])).turns)
        if piece is not None:
            reason = evaluation.say("like “{act}”", act=evaluation.acts[name].title)
            evidence = evaluation.words(piece.start, piece.end, reason)
            found.append(Suspect(piece.score if rule.forbid else -piece.score, evidence))
    # a rule that asks for one of several acts is met by the best of them
    choose = max if rule.forbid else min
    return choose(found, key=lambda suspect: suspect.suspicion, default=None)
