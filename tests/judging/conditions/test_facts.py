"""What the CDR says, and what was measured."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.judging.notation import call_from_script
from tests.support.conditions import TALK, judged


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("over: 3", "pass"),
        ("under: 3", "fail"),
        ("at_least: 4", "pass"),
        ("is: 4", "pass"),
        ("is: [5, 6]", "fail"),
        ("matches: '[0-3]'", "fail"),
        ("matches: '[4-6]'", "pass"),
    ],
)
def test_cdr(tmp_path: Path, test: str, outcome: str) -> None:
    assert judged(tmp_path, "cdr ring_count=4\n坐席 0.0: 您好。", require=f"cdr: ring_count\n{test}").outcome == outcome


def test_cdr_extra_field(tmp_path: Path) -> None:
    assert judged(tmp_path, "cdr vip=yes\n坐席 0.0: 您好。", require="cdr: vip\nis: 'yes'").outcome == "pass"


def test_facts_are_the_call_s_own() -> None:
    call = call_from_script(dedent(TALK), "zh")
    assert call.facts.agent_turns == 4
    assert call.facts.since_agent_s == pytest.approx(24.0, abs=0.1)
    assert call.facts.overlap_s == 0.0
