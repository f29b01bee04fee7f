"""Samples: drawn by chance out of strata, the same for a seed, each verdict with its probability."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pytest

from pipeline.reviews.sampling import Amount, Ask, BadPlan, PlanFilters, SamplingPlan, draw
from tests.support.factories import sha_of

RULES = ("greeting", "closing")


@pytest.fixture(scope="module")
def ask() -> Ask:
    """120 calls of four agents in two weeks, each judged by two rules; every tenth call is mono."""
    base = duckdb.connect()
    base.execute(
        "CREATE TABLE calls (sha256 VARCHAR, agent_id VARCHAR, team VARCHAR, queue VARCHAR, direction VARCHAR, "
        "scenario VARCHAR, day DATE, week DATE, layout VARCHAR, rulebook VARCHAR)"
    )
    base.execute("CREATE TABLE verdicts (sha256 VARCHAR, rule_id VARCHAR, outcome VARCHAR, suspicion DOUBLE)")
    base.execute("CREATE TABLE about AS SELECT 'content' AS key, 'hash of it' AS value")
    for n in range(120):
        day = date(2026, 3, 2 + 7 * (n % 2))
        layout = "mono" if n % 10 == 0 else "stereo"
        base.execute(
            "INSERT INTO calls VALUES (?, ?, 'one', 'q', 'inbound', NULL, ?, ?, ?, 'hotline-zh')",
            [sha_of(str(n)), f"100{n % 4}", day, day, layout],
        )
        for rule in RULES:
            outcome = "fail" if n % 6 == 0 else "unsure" if n % 15 == 1 else "pass"
            suspicion = n % 7 - 5.0 if outcome == "pass" else None
            base.execute("INSERT INTO verdicts VALUES (?, ?, ?, ?)", [sha_of(str(n)), rule, outcome, suspicion])

    def asked(sql: str, values: dict[str, Any]) -> Sequence[Mapping[str, Any]]:
        found = base.execute(sql, values)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return asked


PLAN = SamplingPlan({"fail": Amount(5), "pass": Amount(share=0.1)}, "seed")


def test_a_seed_draws_the_same_again_and_another_seed_something_else(ask: Ask) -> None:
    assert draw(ask, PLAN) == draw(ask, PLAN)
    assert draw(ask, PLAN).picks != draw(ask, replace(PLAN, seed="another")).picks
    assert draw(ask, PLAN).snapshot == "hash of it"


def test_of_each_stratum_as_many_as_asked_for_each_with_its_probability(ask: Ask) -> None:
    sample = draw(ask, PLAN)
    drawn = Counter(pick.stratum for pick in sample.picks)
    assert drawn == {s.stratum: s.drawn for s in sample.strata if s.drawn}
    assert {s.stratum.outcome for s in sample.strata} == {"fail", "pass", "unsure"}
    for s in sample.strata:
        wanted = {"fail": 5, "pass": -(-s.size // 10), "unsure": 0}[s.stratum.outcome]
        assert s.drawn == min(s.size, wanted)
    assert all(pick.probability == pytest.approx(drawn[pick.stratum] / pick.size) for pick in sample.picks)
    assert len({(pick.sha256, pick.stratum.rule_id) for pick in sample.picks}) == len(sample.picks)


def test_every_verdict_of_a_stratum_is_drawn_as_often_as_its_probability_says(ask: Ask) -> None:
    plan = replace(PLAN, by_layout=False, filters=PlanFilters(rules=("closing",)))
    often, rounds = Counter[str](), 80
    for number in range(rounds):
        often.update(pick.sha256 for pick in draw(ask, replace(plan, seed=str(number))).picks)
    strata = draw(ask, plan).strata
    fails = next(s for s in strata if s.stratum.outcome == "fail")
    expected = fails.drawn / fails.size * rounds
    counts = [often[sha_of(str(n))] for n in range(0, 120, 6)]
    assert sum(counts) == fails.drawn * rounds
    assert all(abs(count - expected) < 4.5 * (expected * (1 - expected / rounds)) ** 0.5 for count in counts)


def test_where_the_machine_doubts_more_is_drawn_and_never_only_there(ask: Ask) -> None:
    sample = draw(ask, SamplingPlan({"pass": Amount(3), "unsure": Amount(1)}, "s", doubtful=2, by_layout=False))
    drawn = {(s.stratum.outcome, s.stratum.doubtful): s.drawn for s in sample.strata if s.stratum.rule_id == "closing"}
    assert drawn[("pass", True)] == 6
    assert drawn[("pass", False)] == 3
    assert drawn[("unsure", True)] == 2


def test_so_many_calls_an_agent_and_week(ask: Ask) -> None:
    sample = draw(ask, SamplingPlan({"fail": Amount(share=1.0), "pass": Amount(share=1.0)}, "s", agent_week=2))
    assert 0 < sample.calls <= 2 * 4 * 2
    # every agent has calls in one week only, 30 of them
    assert {round(pick.probability, 9) for pick in sample.picks} == {round(2 / 30, 9)}


def test_filters_and_what_who_draws_may_see_bound_the_sample(ask: Ask) -> None:
    monday = PlanFilters(first_day=date(2026, 3, 9), agents=("1001", "1002"))
    sizes = [s.size for s in draw(ask, replace(PLAN, filters=monday)).strata if s.stratum.rule_id == "closing"]
    assert sum(sizes) == 30
    assert not draw(ask, PLAN, "team = $own", {"own": "two"}).picks


def test_amounts_are_read_as_people_write_them() -> None:
    assert Amount.read("12") == Amount(12)
    assert Amount.read(" 2.5 ％") == Amount(share=0.025)
    assert Amount.read("") == Amount()
    for wrong in ("many", "1.5", "120 %", "-3"):
        with pytest.raises(BadPlan):
            Amount.read(wrong)


def test_a_slip_of_the_hand_is_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.reviews.sampling.MOST_PICKS", 10)
    with pytest.raises(BadPlan, match="10"):
        draw(ask, PLAN)
