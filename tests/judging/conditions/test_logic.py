"""Conditions on conditions: Kleene's three values, and scenarios."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import yaml

from tests.support.conditions import TALK, judged
from tests.support.rulebooks import HEAD

SCENARIOS = (
    HEAD
    + """
scenarios:
  cancel: {{title: {{zh: 取消, en: cancel}}, when: {{said: {{by: customer, any: [取消]}}}}}}
  booking: {{title: {{zh: 预约, en: booking}}, when: {{said: {{by: customer, any: [预约, 取消]}}}}}}
"""
)


@pytest.mark.parametrize(
    ("names", "call", "outcome"),
    [
        ("cancel", "客户 0-3: 我想取消预约。", "pass"),
        ("booking", "客户 0-3: 我想取消预约。", "fail"),
        ("booking", "客户 0-3: 我想预约。", "pass"),
        ("[booking, cancel]", "客户 0-3: 我想预约。", "pass"),
        ("booking", "客户 0-3: 你好。", "fail"),
        ("booking", "cdr scenario=booking\n客户 0-3: 我想取消。", "pass"),
        ("cancel", "cdr scenario=booking\n客户 0-3: 我想取消。", "fail"),
        ("cancel", "cdr scenario=elsewhere\n客户 0-3: 我想取消。", "pass"),
        ("cancel", "坐席 0-3: 您好。\n听不清 4-20 客户", "unsure"),
    ],
)
def test_scenario(tmp_path: Path, names: str, call: str, outcome: str) -> None:
    verdict = judged(tmp_path, call, head=SCENARIOS, require=f"scenario: {names}")
    assert verdict.outcome == outcome, verdict.reason


HOLDS = {True: "said: {any: [您好]}", False: "said: {any: [没说过]}", None: "cdr: ring_count\nover: 1"}
OUTCOMES = {True: "pass", False: "fail", None: "unsure"}


@pytest.mark.parametrize(("one", "other"), list(product((True, False, None), repeat=2)))
def test_kleene(tmp_path: Path, one: bool | None, other: bool | None) -> None:
    both = [yaml.safe_load(HOLDS[one]), yaml.safe_load(HOLDS[other])]
    conjunction = False if False in (one, other) else None if None in (one, other) else True
    disjunction = True if True in (one, other) else None if None in (one, other) else False
    assert judged(tmp_path, TALK, require={"all": both}).outcome == OUTCOMES[conjunction]
    assert judged(tmp_path, TALK, require={"any": both}).outcome == OUTCOMES[disjunction]
    negation = None if disjunction is None else not disjunction
    assert judged(tmp_path, TALK, require={"none": both}).outcome == OUTCOMES[negation]
