"""Metrics against cases worked out by hand, and against properties that hold for any input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.metrics import (
    ErrorCount,
    RoleTime,
    RuleCount,
    characters,
    edit_distance,
    error_count,
    hang_up_verdict,
    peak_memory_mb,
    permuted_error_count,
    role_time,
    roles_verdict,
    rule_count,
)
from pipeline.timeline import Span

tokens = st.lists(st.sampled_from("abcde"), max_size=12)
voices = st.dictionaries(st.sampled_from(["A", "B", "C"]), tokens, max_size=3)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("kitten", "sitting", 3),
        ("您好请讲", "您好请讲", 0),
        ("零零一号话务员为您服务", "零零一号华务员微宁服务", 3),
        ("", "嗯", 1),
        ("再见", "", 2),
        ("", "", 0),
        ("abc", "xabc", 1),
        ("abcdef", "badcfe", 4),
    ],
)
def test_edit_distance_of_worked_cases(reference: str, hypothesis: str, errors: int) -> None:
    assert edit_distance(reference, hypothesis) == errors


def _slow_distance(left: list[str], right: list[str]) -> int:
    """The recursion that defines the distance, kept simple to check the fast one against."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row, above = [i], row
        for j, b in enumerate(right, start=1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(tokens, tokens)
def test_edit_distance_is_the_textbook_one(left: list[str], right: list[str]) -> None:
    assert edit_distance(left, right) == _slow_distance(left, right)


@given(tokens, tokens, tokens)
def test_edit_distance_is_a_metric(a: list[str], b: list[str], c: list[str]) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


def test_characters_keep_han_letters_and_digits_only() -> None:
    assert characters("您好，001 号 OK！") == ["您", "好", "0", "0", "1", "号", "O", "K"]


def test_rates_pool_over_references_and_are_not_averaged() -> None:
    short = error_count("ab", "xy")
    long = error_count("abcdefgh", "abcdefgh")
    assert short.rate == 1.0
    assert long.rate == 0.0
    assert (short + long).rate == pytest.approx(2 / 10)


def test_a_rate_without_reference_is_none() -> None:
    assert ErrorCount(3, 0).rate is None
    assert RoleTime().accuracy is None
    assert RuleCount().precision is None
    assert RuleCount().recall is None
    assert RuleCount().unsure is None


def test_cp_matches_speakers_by_fewest_errors() -> None:
    count = permuted_error_count({"agent": "abcd", "customer": "xyz"}, {"S1": "xyz", "S2": "abce"})
    assert count == ErrorCount(1, 7)


def test_cp_charges_words_given_to_the_wrong_speaker_twice() -> None:
    # "c" is deleted from one speaker and inserted into the other
    count = permuted_error_count({"agent": "abc", "customer": "xyz"}, {"S1": "ab", "S2": "cxyz"})
    assert count == ErrorCount(2, 6)


def test_cp_with_more_or_fewer_speakers_deletes_and_inserts() -> None:
    assert permuted_error_count({"agent": "abc", "customer": "xy"}, {"S1": "abc"}) == ErrorCount(2, 5)
    assert permuted_error_count({"agent": "abc"}, {"S1": "abc", "S2": "xy"}) == ErrorCount(2, 3)
    assert permuted_error_count({}, {}) == ErrorCount(0, 0)


@given(voices)
def test_cp_does_not_care_how_speakers_are_called(said: dict[str, list[str]]) -> None:
    renamed = {f"S{number}": words for number, words in enumerate(reversed(said.values()))}
    assert permuted_error_count(said, renamed).errors == 0


@given(voices, voices)
def test_cp_never_beats_the_best_single_pairing(said: dict[str, list[str]], heard: dict[str, list[str]]) -> None:
    by_name = sum(edit_distance(said.get(voice, []), heard.get(voice, [])) for voice in {*said, *heard})
    lower = abs(sum(map(len, said.values())) - sum(map(len, heard.values())))
    assert lower <= permuted_error_count(said, heard).errors <= by_name


AGENT, CUSTOMER = Span(0, 6), Span(6, 10)


def test_role_time_by_hand() -> None:
    reference = [("agent", AGENT), ("customer", CUSTOMER)]
    found = [("agent", Span(0, 5)), ("unknown", Span(5, 6)), ("customer", Span(7, 12))]
    time = role_time(reference, found)
    assert (time.right_s, time.reference_s) == (8, 10)
    assert time.accuracy == pytest.approx(0.8)


def test_role_time_counts_overlapping_spans_of_one_role_once() -> None:
    time = role_time([("agent", Span(0, 4)), ("agent", Span(2, 6))], [("agent", Span(0, 3)), ("agent", Span(1, 3))])
    assert (time.right_s, time.reference_s) == (3, 6)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([("agent", AGENT), ("customer", CUSTOMER)], "right"),
        ([("customer", AGENT), ("agent", CUSTOMER)], "wrong"),
        ([("agent", Span(0, 10))], "wrong"),
        ([("unknown", Span(0, 10))], "unknown"),
        ([("agent", AGENT), ("unknown", CUSTOMER)], "unknown"),
        ([("agent", AGENT)], "unknown"),
        ([("agent", Span(0, 5)), ("customer", Span(5, 10))], "right"),
    ],
)
def test_roles_of_a_call(found: list, verdict: str) -> None:
    assert roles_verdict([("agent", AGENT), ("customer", CUSTOMER)], found) == verdict


def test_roles_without_truth_and_of_a_silent_call() -> None:
    assert roles_verdict([], [("agent", AGENT)]) is None
    assert roles_verdict([("agent", AGENT)], [("agent", AGENT)]) == "right"


def test_hang_up_counts_unsure_apart() -> None:
    assert hang_up_verdict("agent", "agent") == "right"
    assert hang_up_verdict("agent", "customer") == "wrong"
    assert hang_up_verdict("agent", None) == "unsure"
    assert hang_up_verdict(None, "agent") is None


def test_rule_counts_by_hand() -> None:
    seen = [
        ("fail", "fail"), ("fail", "fail"), ("fail", "fail"),  # found
        ("fail", "pass"), ("fail", "unsure"),  # not found
        ("pass", "fail"),  # false
        ("na", "pass"), ("na", "not_applicable"), ("pass", "pass"), ("pass", "unsure"),
    ]  # fmt: skip
    count = sum((rule_count(label, outcome) for label, outcome in seen), RuleCount())
    assert count.precision == pytest.approx(3 / 4)
    assert count.recall == pytest.approx(3 / 5)
    assert count.unsure == pytest.approx(2 / 10)
    assert count.labelled == 10
    assert (count.others_right, count.others_wrong) == (2, 1)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["pass", "fail", "na"]), st.sampled_from(["pass", "fail", "not_applicable", "unsure"])
        )
    )
)
def test_every_labelled_verdict_is_counted_once(seen: list) -> None:
    count = sum((rule_count(label, outcome) for label, outcome in seen), RuleCount())
    assert count.labelled == len(seen)
    assert all(share is None or 0 <= share <= 1 for share in (count.precision, count.recall, count.unsure))


def test_peak_memory_is_that_of_this_process() -> None:
    before = peak_memory_mb()
    held = bytearray(200 * 2**20)
    held[::4096] = b"\1" * len(held[::4096])
    assert peak_memory_mb() >= max(before, 200)
    assert peak_memory_mb() < 64_000
