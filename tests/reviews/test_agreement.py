"""How reviewers agree: coefficients of textbooks, and whether they follow a machine that they see."""

from __future__ import annotations

import pytest

from pipeline.reviews.agreement import GivenAnswer, agreement_of, anchoring, pairs, reviewer_figures


def both(table: dict[tuple[str, str], int]) -> list[tuple[str, str]]:
    return [pair for pair, count in table.items() for _ in range(count)]


def test_kappa_and_ac1_are_those_of_the_books() -> None:
    # Cohen's kappa of two raters on 50 grant proposals: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no
    table = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    found = agreement_of("a", "b", both(table))
    assert found.raw == pytest.approx(0.7)
    assert found.kappa.value == pytest.approx(0.4)
    # Gwet 2008: chance 2 p (1 - p) with p = (25 + 30) / 100
    assert found.ac1.value == pytest.approx((0.7 - 2 * 0.55 * 0.45) / (1 - 2 * 0.55 * 0.45))
    assert found.kappa.low < 0.4 < found.kappa.high
    # the asymptotic standard error of kappa here is 0.127 (Fleiss, Cohen and Everitt 1969)
    assert found.kappa.high - found.kappa.low == pytest.approx(2 * 1.96 * 0.127, rel=0.15)


def test_kappa_collapses_where_nearly_all_passes_and_ac1_does_not() -> None:
    table = {("pass", "pass"): 118, ("pass", "fail"): 5, ("fail", "pass"): 2}
    found = agreement_of("a", "b", both(table))
    assert found.raw == pytest.approx(0.944)
    assert found.kappa.value < 0
    assert found.ac1.value > 0.93


def test_where_all_say_one_thing_there_is_no_kappa() -> None:
    found = agreement_of("a", "b", [("pass", "pass")] * 30)
    assert found.raw == 1
    assert not found.kappa.defined
    assert found.ac1.value == 1
    assert not found.too_few
    assert agreement_of("a", "b", [("pass", "pass")] * 19).too_few


def answer(number: int, person: str, given: str | None, blind: bool = False, slot: int = 0) -> GivenAnswer:
    return GivenAnswer(f"sha {number}", "greeting", "pass", given, person, blind, slot, float(number))


def test_pairs_are_of_verdicts_that_both_could_tell() -> None:
    given = [answer(n, "li", "pass") for n in range(5)] + [answer(n, "wang", "fail", slot=1) for n in range(3)]
    given += [answer(3, "wang", None, slot=1), answer(4, "zhao", "pass", slot=1)]
    found = {(pair.first, pair.second): (pair.n, pair.raw) for pair in pairs(given)}
    assert found == {("li", "wang"): (3, 0.0), ("li", "zhao"): (1, 1.0)}
    figures = {each.person: each for each in reviewer_figures(given)}
    assert (figures["wang"].answers, figures["wang"].cannot_tell, figures["li"].others_same) == (4, 1, 1)


def test_the_pull_of_a_machine_that_is_seen_is_told_with_its_interval() -> None:
    seen = [answer(n, "li", "pass" if n < 90 else "fail") for n in range(100)]
    blind = [answer(100 + n, "li", "pass" if n < 70 else "fail", blind=True) for n in range(100)]
    second = [answer(n, "wang", "fail", blind=True, slot=1) for n in range(50)]
    found = anchoring([*seen, *blind, *second])
    assert (found.blind, found.open) == (100, 100)
    assert found.difference is not None
    difference, low, high = found.difference
    assert difference == pytest.approx(0.2)
    # Newcombe 1998, method 10
    assert (low, high) == pytest.approx((0.0905, 0.3061), abs=0.002)
    assert anchoring(seen).difference is None
