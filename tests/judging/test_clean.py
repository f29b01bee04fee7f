"""Good calls, of many trades and in many words: no rule that forbids something may fire on them.

One call a file in `tests/data/clean`, in the notation of rule cases. A rule that fires on one of them is wrong, or the
call stands in `EXCEPTIONS` with the reason.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.judging.notation import call_from_script
from pipeline.judging.verdicts import evaluation_of, judge_rule
from pipeline.settings import CHECKOUT
from tests.support.rulebooks import hotline

CLEAN = sorted((CHECKOUT / "tests" / "data" / "clean").glob("*.txt"))
EXCEPTIONS = {
    (
        "zh-19",
        "hang-up-order",
    ): "the caller abuses, is warned, and the agent ends the call: right, and still the agent was first",
}


def test_there_are_good_calls_in_both_languages() -> None:
    for language in ("zh", "en"):
        assert sum(file.name.startswith(language) for file in CLEAN) >= 15


@pytest.mark.parametrize("file", CLEAN, ids=lambda file: file.stem)
@pytest.mark.slow
def test_nothing_forbidden_is_found(file: Path) -> None:
    book = hotline(file.name[:2])
    evaluation = evaluation_of(call_from_script(file.read_text(encoding="utf-8"), book.language), book)
    forbidding = [replace(rule, require=None) for rule in book.rules if rule.forbid is not None]
    verdicts = [judge_rule(evaluation, rule) for rule in forbidding]
    fired = {verdict.rule_id: verdict.reason for verdict in verdicts if verdict.outcome == "fail"}
    excused = {rule for name, rule in EXCEPTIONS if name == file.stem}
    assert set(fired) - excused == set(), fired
    assert excused <= set(fired), "an exception that is no longer one"
