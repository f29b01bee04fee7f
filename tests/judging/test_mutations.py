"""Do the cases hold the rules? Each rule is broken in its key places, one at a time, and a case must notice.

A phrase list is broken by taking all its phrases away, a bound by moving it far off. A rule passes when breaking its
own key list or bound makes at least one of its cases fail.

A window is broken by dropping it, so that the condition looks at the whole call. Every window of every rule has to be
missed by a case, apart from three kinds: those of the scenarios in rulebook.yaml and of the acts in conditions.yaml,
which have no cases of their own, and `turns: 2..` in the Chinese scripts. That keeps the greeting from counting as a
step, in many conditions at once, while most lists of steps hold nothing that a greeting says.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.judging.conditions.acts import Used
from pipeline.judging.conditions.base import Bounds, Condition, Evaluation, Node, Result, fields_holding
from pipeline.judging.conditions.speech import Said
from pipeline.judging.conditions.windows import InWindow, Window
from pipeline.judging.phrases import Phrases
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.judging.verdicts import check_cases
from tests.support.rulebooks import RULES, hotline, joined, rule_of

pytestmark = pytest.mark.slow

NOTHING = Phrases((), "", ())
FAR = 1e6
NUMBERS = ("longer_than_s", "over_s", "jump_db", "at_least_s", "other_spoke_s")


WITHOUT_A_CASE = {
    ("zh", "apology"), ("zh", "script-booking-accepted"), ("en", "script-complaint"), ("en", "script-booking-accepted"),
}  # fmt: skip
"""Rules with one window that no case misses: it bounds a looser way to the same step, and none has been written yet."""


def broken(node: Node) -> Iterator[tuple[str, Node]]:
    """Every way to break one condition, inner ones too."""
    params: Any = node.condition
    for name in type(params).model_fields:
        value = getattr(params, name, None)
        if isinstance(value, Phrases) and name in ("any", "all", "without", "unless_said_before", "after_notice"):
            yield f"{node.kind}.{name} emptied", _with(node, **{name: NOTHING})
        if name in NUMBERS and isinstance(value, float):
            yield f"{node.kind}.{name} moved", _with(node, **{name: FAR})
    if isinstance(params, Bounds) and params.bounded:
        moved = {
            name: -FAR if name in ("over", "at_least") else FAR
            for name in ("over", "under", "at_least", "at_most")
            if getattr(params, name) is not None
        }
        yield f"{node.kind} let through", _with(node, **moved)
        yield f"{node.kind} shut", _with(node, **{name: -value for name, value in moved.items()})
    if node.kind == "times":
        yield "times at_least moved", _with(node, at_least=1000, at_most=None)
        yield "times at_most moved", _with(node, at_least=None, at_most=1000)
    if node.kind in ("hung_up", "level", "readback", "echo", "repeat", "sound", "turn", "overlap", "scenario", "use"):
        yield f"{node.kind} never", _never(node)
    if node.kind == "said" and (params.pattern or params.entity):
        yield "said never", _never(node)
    for index, child in enumerate(node.children):
        for what, other in broken(child):
            yield what, _holding(node, (*node.children[:index], other, *node.children[index + 1 :]))


def without_list(node: Node, listed: Phrases) -> Node:
    """The condition with one phrase list emptied wherever it is used."""
    params: Any = node.condition
    used = [name for name in type(params).model_fields if getattr(params, name, None) == listed]
    children = tuple(without_list(child, listed) for child in node.children)
    return _holding(_with(node, **dict.fromkeys(used, NOTHING)), children)


def windows_of(node: Node) -> list[Window]:
    """The different windows of a condition and of those in it, in order."""
    found = [window for each in _written_in(node) if (window := window_of(each)) is not None]
    return [window for index, window in enumerate(found) if window not in found[:index]]


def _written_in(node: Node) -> Iterator[Node]:
    """A condition and those in it, without what stands in the acts that it uses."""
    yield node
    for child in () if isinstance(node.condition, Used) else node.children:
        yield from _written_in(child)


def without_window(node: Node, window: Window) -> Node:
    """The condition without one window, wherever it is used."""
    children = tuple(without_window(child, window) for child in node.children)
    return _holding(_with(node, window=None) if window_of(node) == window else node, children)


def window_of(node: Node) -> Window | None:
    return node.condition.window if isinstance(node.condition, InWindow) else None


def lists_of(node: Node) -> set[Phrases]:
    """The phrase lists that a condition looks for."""
    said = [each.condition for each in node.walk() if isinstance(each.condition, Said)]
    return {condition.any for condition in said if condition.any is not None}


class Never(Condition):
    """What holds for no call."""

    def find(self, evaluation: Evaluation) -> Result:
        return Result(False, (), "broken")

    def title(self, evaluation: Evaluation) -> str:
        return "broken"


FRESH = itertools.count(1_000_000)
"""Numbers that no condition of a rulebook has: what is broken shares no result with what is whole."""


def _with(node: Node, **update: Any) -> Node:
    return dataclasses.replace(node, condition=node.condition.model_copy(update=update), number=next(FRESH))


def _holding(node: Node, children: tuple[Node, ...]) -> Node:
    """The condition with other ones in it."""
    params, rest = node.condition, list(children)
    if isinstance(params, Used):
        placed: Any = params.model_copy()
        placed._act = dataclasses.replace(params.act, when=rest[0])
        return dataclasses.replace(node, condition=placed, number=next(FRESH))
    update: dict[str, Any] = {}
    for name in fields_holding(type(params), Node):
        value = getattr(params, name)
        if isinstance(value, tuple):
            update[name], rest = tuple(rest[: len(value)]), rest[len(value) :]
        elif value is not None:
            update[name] = rest.pop(0)
    return _with(node, **update) if update else node


def _never(node: Node) -> Node:
    return dataclasses.replace(node, condition=Never(), number=next(FRESH))


@pytest.mark.parametrize("rule_name", RULES, ids=joined)
def test_a_broken_rule_is_noticed_by_its_cases(rule_name: tuple[str, str]) -> None:
    book, rule = hotline(rule_name[0]), rule_of(*rule_name)
    gates = {gate: node for gate in ("require", "forbid") if (node := getattr(rule, gate)) is not None}
    mutants = [(f"{gate}: {what}", _changed(rule, gate, node)) for gate in gates for what, node in broken(gates[gate])]
    mutants += [
        (f"{gate}: list emptied", _changed(rule, gate, without_list(node, listed)))
        for gate, node in gates.items()
        for listed in lists_of(node)
    ]
    assert mutants, "nothing to break"
    assert any(_noticed(mutant, book) for _, mutant in mutants), [what for what, _ in mutants][:4]


@pytest.mark.parametrize("rule_name", RULES, ids=joined)
def test_a_rule_without_one_of_its_windows_is_noticed_by_its_cases(rule_name: tuple[str, str]) -> None:
    book, rule = hotline(rule_name[0]), rule_of(*rule_name)
    loose = []
    for gate in ("applies", "require", "forbid"):
        node = getattr(rule, gate)
        for window in windows_of(node) if node is not None else []:
            if window.turns is not None and window.turns.first == 2:
                continue  # see above
            if not _noticed(_changed(rule, gate, without_window(node, window)), book):
                loose.append(f"{gate}: {window.model_dump(exclude_none=True)}")
    assert bool(loose) == (rule_name in WITHOUT_A_CASE), "\n".join(loose) or "a case notices now"


def _changed(rule: Rule, gate: str, node: Node) -> Rule:
    values: dict[str, Any] = {gate: node}
    return dataclasses.replace(rule, **values)


def _noticed(rule: Rule, book: Rulebook) -> bool:
    gates: dict[str, Any] = {gate: _near(node, _named(rule)) for gate, node in rule.gates}
    return any(not result.ok for result in check_cases(dataclasses.replace(rule, **gates), book))


def _named(rule: Rule) -> dict[str, Node]:
    return {node.name: node for node in rule.walk() if node.name}


def _near(node: Node, named: dict[str, Node]) -> Node:
    """The condition, and those in it, looking around the anchors as they are in the broken rule."""
    window = window_of(node)
    if window is not None and window.around is not None:
        anchor = _near(named.get(window.around.anchor.name or "", window.around.anchor), named)
        around = window.around.model_copy(update={"anchor": anchor})
        node = _with(node, window=window.model_copy(update={"around": around}))
    return _holding(node, tuple(_near(child, named) for child in node.children))
