"""What rules can ask of a call: one class a condition, all in one table. A new condition is one class and one line."""

from __future__ import annotations

from pipeline.judging.conditions.acts import Used
from pipeline.judging.conditions.asked import Asks
from pipeline.judging.conditions.base import Condition
from pipeline.judging.conditions.facts import CdrField, FactValue
from pipeline.judging.conditions.line import HungUp, LineSound
from pipeline.judging.conditions.logic import AllOf, AnyOf, InOrder, NoneOf, Times
from pipeline.judging.conditions.repetition import Echo, Readback, Repeat, SaidBack
from pipeline.judging.conditions.scripts import InScenario, Steps
from pipeline.judging.conditions.speech import Said
from pipeline.judging.conditions.timing import CutIn, LongSilence, LongTurn, Pace, RaisedVoice, SlowResponse

CONDITIONS: dict[str, type[Condition]] = {
    "all": AllOf,
    "any": AnyOf,
    "none": NoneOf,
    "sequence": InOrder,
    "times": Times,
    "steps": Steps,
    "said": Said,
    "echo": Echo,
    "repeat": Repeat,
    "said_back": SaidBack,
    "readback": Readback,
    "silence": LongSilence,
    "overlap": CutIn,
    "hung_up": HungUp,
    "pace": Pace,
    "level": RaisedVoice,
    "response": SlowResponse,
    "sound": LineSound,
    "turn": LongTurn,
    "use": Used,
    "scenario": InScenario,
    "cdr": CdrField,
    "fact": FactValue,
    "asks": Asks,
}
"""By the word that it has in a rule's file."""
