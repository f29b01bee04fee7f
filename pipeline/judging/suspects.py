"""Which calls that passed are worth a look: by how like, or unlike, their sentences are to the sayings of acts.

It ranks and decides nothing: what stands at the top of a rule's passed calls is often, and not always, a missed fault.
"""

from __future__ import annotations

from pipeline.datatypes import Suspect
from pipeline.judging.acts import side_of
from pipeline.judging.conditions.acts import Used
from pipeline.judging.conditions.base import Evaluation, Node
from pipeline.judging.conditions.speech import Said
from pipeline.judging.rulebook import Rule


def suspect_in(evaluation: Evaluation, rule: Rule) -> Suspect | None:
    """What is suspicious in a call that passed a rule; None where no recogniser knows what the rule looks for.

    Of a rule that forbids, the sentence most like what is forbidden; of one that only requires, the sentence most like
    what is required, the more suspicious the less it is so.
    """
    recognised, call = evaluation.recognised, evaluation.call
    if recognised is None:
        return None
    found: list[Suspect] = []
    for name in _recognised_acts(rule.forbid or rule.require, evaluation):
        side = side_of(evaluation.acts[name])
        piece = recognised.likest(name, (i for i, turn in enumerate(call.turns) if call.role(turn) == side))
        if piece is not None:
            reason = evaluation.say("like “{act}”", act=evaluation.acts[name].title)
            evidence = evaluation.words(piece.start, piece.end, reason)
            found.append(Suspect(piece.score if rule.forbid else -piece.score, evidence))
    # a rule that asks for one of several acts is met by the best of them
    choose = max if rule.forbid else min
    return choose(found, key=lambda suspect: suspect.suspicion, default=None)


def _recognised_acts(top: Node | None, evaluation: Evaluation) -> list[str]:
    """The acts in a condition that there are recognisers of, each once."""
    names: dict[str, None] = {}
    for node in top.walk() if top else ():
        name = node.condition.use if isinstance(node.condition, Used) else None
        if isinstance(node.condition, Said):
            name = node.condition.act
        if name is not None and name in evaluation.acts and evaluation.recognises(name):
            names[name] = None
    return list(names)
