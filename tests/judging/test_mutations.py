"""Do the cases hold the rules? Each rule is broken in its key places, one at a time, and a case must notice.

A phrase list is broken by taking all its phrases away, a bound by moving it far off. A rule passes when breaking its
own key list or bound makes at least one of its cases fail.

A window is broken by dropping it, so that the condition looks at the whole call. Every window of every rule has to be
missed by a case, apart from two kinds: those of the scenarios in rulebook.yaml, which have no cases of their own, and
`turns: 2..` in the Chinese scripts. That keeps the greeting from counting as a step, in many conditions at once, while
most lists of steps hold nothing that a greeting says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.judging.conditions.base import Bounds, Node, Phrases, Window
from pipeline.judging.conditions.speech import Said
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.judging.verdicts import check_cases
from tests.support.rulebooks import RULES, hotline, joined, rule_of

pytestmark = pytest.mark.slow

NOTHING = Phrases((), (), "", ())
FAR = 1e6
NUMBERS = ("longer_than_s", "over_s", "jump_db", "at_least_s", "other_spoke_s")


def broken(node: Node) -> Iterator[tuple[str, Node]]:
    """Every way to break one condition, inner ones too."""
    params: Any = node.params
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
    if node.kind in ("hung_up", "level", "readback", "echo", "repeat", "sound", "turn", "overlap", "scenario"):
        yield f"{node.kind} never", _never(node)
    if node.kind == "said" and (params.pattern or params.entity):
        yield "said never", _never(node)
    for index, child in enumerate(node.children):
        for what, other in broken(child):
            children = (*node.children[:index], other, *node.children[index + 1 :])
            yield what, dataclasses.replace(node, children=children)


def without_list(node: Node, listed: Phrases) -> Node:
    """The condition with one phrase list emptied wherever it is used."""
    params: Any = node.params
    used = [name for name in type(params).model_fields if getattr(params, name, None) == listed]
    children = tuple(without_list(child, listed) for child in node.children)
    return dataclasses.replace(_with(node, **dict.fromkeys(used, NOTHING)), children=children)


def windows_of(node: Node) -> list[Window]:
    """The different windows of a condition and of those in it, in order."""
    found = [n.params.in_ for n in node.walk() if getattr(n.params, "in_", None) is not None]
    return [window for index, window in enumerate(found) if window not in found[:index]]


def without_window(node: Node, window: Window) -> Node:
    """The condition without one window, wherever it is used."""
    children = tuple(without_window(child, window) for child in node.children)
    whole = _with(node, in_=None) if getattr(node.params, "in_", None) == window else node
    return dataclasses.replace(whole, children=children)


def lists_of(node: Node) -> set[Phrases]:
    """The phrase lists that a condition looks for."""
    return {n.params.any for n in node.walk() if isinstance(n.params, Said) and n.params.any is not None}


def _with(node: Node, **update: Any) -> Node:
    return dataclasses.replace(node, params=node.params.model_copy(update=update))


def _never(node: Node) -> Node:
    from pipeline.judging.conditions.base import Result

    return dataclasses.replace(node, check=lambda context, node: Result(False, (), "broken"), children=())


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
    assert not loose, "\n".join(loose)


def _changed(rule: Rule, gate: str, node: Node) -> Rule:
    values: dict[str, Any] = {gate: node}
    return dataclasses.replace(rule, **values)


def _noticed(rule: Rule, book: Rulebook) -> bool:
    anchors = {n.name: n for gate in (rule.applies, rule.require, rule.forbid) if gate for n in gate.walk() if n.name}
    rule = dataclasses.replace(rule, anchors={**rule.anchors, **anchors})
    return any(not result.ok for result in check_cases(rule, book))
