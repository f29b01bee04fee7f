"""One word for one thing: no two public things have one name, and the code knows no rule by its id."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from pipeline.settings import CHECKOUT

PACKAGES = ("pipeline", "models", "flows", "desk")

SAME_ON_PURPOSE = {
    "main": "what a module that runs as a program does when it is started",
}
"""Names that may stand in several modules, each with the reason."""

NOT_THE_RULE = {
    "commitment": "a column of the view of complaints is called that",
    "privacy": "a section of the settings is called that",
}
"""Words that are an id and a string of another meaning, each with the reason; quoted in SQL they are the rule."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for file in sorted((CHECKOUT / package).rglob("*.py")):
            yield str(file.relative_to(CHECKOUT)), ast.parse(file.read_text(encoding="utf-8"))


def public_names(tree: ast.Module) -> Iterator[str]:
    """Classes, functions, constants and type aliases of a module, those under a module-level `if` or `try` too."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))
        elif isinstance(node, ast.If | ast.Try):
            waiting += [*node.body, *node.orelse]


def places_by_name() -> dict[str, set[str]]:
    places: dict[str, set[str]] = defaultdict(set)
    for place, tree in trees():
        for name in public_names(tree):
            if not name.startswith("_"):
                places[name].add(place)
    return places


def double_names() -> dict[str, list[str]]:
    return {
        name: sorted(places)
        for name, places in places_by_name().items()
        if len(places) > 1 and name not in SAME_ON_PURPOSE
    }


def test_no_two_public_things_have_one_name() -> None:
    assert double_names() == {}


def test_no_name_is_excepted_that_stands_once() -> None:
    places = places_by_name()
    assert [name for name in SAME_ON_PURPOSE if len(places[name]) < 2] == []


def rule_ids() -> frozenset[str]:
    """Ids of the rules that come with callqa: the names of their files."""
    no_rules = ("rulebook", "conditions", "measured")
    files = (CHECKOUT / "rules").rglob("*.yaml")
    return frozenset(f.stem for f in files if f.stem not in no_rules and not f.name.startswith("phrases"))


def strings(tree: ast.Module) -> Iterator[str]:
    """String constants, and what is quoted in them as SQL does; docstrings and explanations under a name left out."""
    explanations = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in explanations:
            if node.value not in NOT_THE_RULE:
                yield node.value
            yield from re.findall(r"'([^'\s]+)'", node.value)


def rules_in_code() -> set[str]:
    """Ids, and beginnings of ids (script-), that stand as a string."""
    ids = rule_ids()
    beginnings = {f"{rule_id.split('-')[0]}-" for rule_id in ids if "-" in rule_id}
    return {text for _, tree in trees() for text in strings(tree) if text in ids or text in beginnings}


def test_the_code_knows_no_rule_by_its_id() -> None:
    assert sorted(rules_in_code()) == []
