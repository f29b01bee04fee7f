"""Queues: no slot is two people's at once, whatever happens; what is claimed comes back."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reviews.plans import Plans, QueueOptions
from pipeline.reviews.queues import ClaimGone, Queues, Task
from pipeline.reviews.sampling import Amount, Pick, Sample, SamplingPlan, Stratum, StratumDraw
from pipeline.reviews.store import Reviews
from pipeline.storage.home import Home
from tests.support.factories import sha_of


def a_sample(calls: int, rules: int = 1) -> Sample:
    """Verdicts of some calls, drawn out of three times as many."""
    names = [f"rule-{number}" for number in range(rules)]
    picks = [Pick(sha_of(f"call {n}"), Stratum(rule, "pass"), calls * 3, 1 / 3) for rule in names for n in range(calls)]
    return Sample(tuple(picks), tuple(StratumDraw(Stratum(rule, "pass"), calls * 3, calls) for rule in names), "x")


A_PLAN = SamplingPlan({"pass": Amount(5)}, "s")


def queues_of(folder: Path, calls: int, options: QueueOptions, rules: int = 1) -> tuple[Queues, Plans, str]:
    file = Reviews(Home(folder)).file
    plans = Plans(file)
    return Queues(file), plans, plans.keep(A_PLAN, a_sample(calls, rules), "a plan", "boss", options)


def test_people_at_once_never_get_one_slot_and_leave_none(tmp_path: Path) -> None:
    queues, _, plan_id = queues_of(tmp_path, 20, QueueOptions(slots=2, claim_limit=1))
    got: dict[str, list[tuple[int, int]]] = {f"person {number}": [] for number in range(5)}

    def work(person: str) -> None:
        while (task := queues.next(person)) is not None:
            got[person].append((task.item_id, task.slot))
            queues.finish(task.token, person)

    threads = [threading.Thread(target=work, args=(person,)) for person in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slots = Counter(slot for taken in got.values() for slot in taken)
    assert len(slots) == 40
    assert set(slots.values()) == {1}
    assert all(len({item for item, _ in taken}) == len(taken) for taken in got.values())
    assert queues.progress()[plan_id].finished == 40


STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(("next", "finish", "decline", "take back", "wait"))), max_size=40
)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS, slots=st.integers(1, 2))
def test_whatever_is_done_a_slot_is_held_by_one_and_finished_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]], slots: int
) -> None:
    options = QueueOptions(slots=slots, claim_limit=2, claim_s=10)
    queues, _, plan_id = queues_of(tmp_path_factory.mktemp("q"), 3, options)
    now, held, finished = 1000.0, dict[str, Task](), Counter[tuple[int, int]]()
    for person, step in steps:
        now += 11 if step == "wait" else 1
        try:
            if step == "next" and (task := queues.next(person, now)) is not None:
                others = [t for p, t in held.items() if p != person and t.until > now]
                assert (task.item_id, task.slot) not in {(t.item_id, t.slot) for t in others}
                held[person] = task
            elif step == "finish" and person in held:
                task = held.pop(person)
                queues.finish(task.token, person, now=now)
                finished[(task.item_id, task.slot)] += 1
            elif step == "decline" and person in held:
                queues.decline(held.pop(person).token, person, now)
            elif step == "take back" and person in held:
                task = held.pop(person)
                queues.take_back(task.item_id, task.slot, "boss", now)
        except ClaimGone:
            pass  # its time was over and somebody else took it
    assert all(count == 1 for count in finished.values())
    slots_now = queues.slots(plan_id, now)
    assert len(slots_now) == 3 * slots
    assert {(s["item_id"], s["slot"]) for s in slots_now if s["state"] == "finished"} == set(finished)
    answered = Counter((s["item_id"], s["person"]) for s in slots_now if s["state"] == "finished")
    assert all(count == 1 for count in answered.values())


def test_an_expired_claim_returns_and_is_no_longer_its_holders(tmp_path: Path) -> None:
    queues, _, _ = queues_of(tmp_path, 1, QueueOptions(claim_s=60))
    first = queues.next("li", 0.0)
    assert first is not None
    assert queues.next("wang", 59.0) is None
    second = queues.next("wang", 61.0)
    assert second is not None
    assert second.item_id == first.item_id
    with pytest.raises(ClaimGone):
        queues.finish(first.token, "li", now=62.0)
    queues.finish(second.token, "wang", now=500.0)  # late, but nobody else has it
    assert queues.next("li", 600.0) is None


def test_a_plan_is_closed_with_its_last_slot(tmp_path: Path) -> None:
    queues, plans, plan_id = queues_of(tmp_path, 2, QueueOptions())
    for still_open in (True, False):
        task = queues.next("li")
        assert task is not None
        queues.finish(task.token, "li")
        plan = plans.one(plan_id)
        assert plan is not None
        assert plan.open == still_open


def test_a_declined_item_goes_to_another_and_counts_for_nobody(tmp_path: Path) -> None:
    queues, _, plan_id = queues_of(tmp_path, 1, QueueOptions())
    task = queues.next("li")
    assert task is not None
    queues.decline(task.token, "li")
    assert queues.next("li") is None
    assert queues.standing("li", 0.0).finished == 0
    assert queues.next("wang") is not None
    assert queues.progress()[plan_id].claimed == 1


def test_nobody_holds_more_than_the_limit_and_what_is_taken_back_is_free(tmp_path: Path) -> None:
    queues, _, plan_id = queues_of(tmp_path, 4, QueueOptions(claim_limit=2))
    items = [slot["item_id"] for slot in queues.slots(plan_id)]
    tasks = [queues.claim(item, "li") for item in items[:2]]
    with pytest.raises(ClaimGone, match="2 already"):
        queues.claim(items[2], "li")
    queues.take_back(tasks[0].item_id, tasks[0].slot, "boss")
    with pytest.raises(ClaimGone):
        queues.finish(tasks[0].token, "li")
    assert queues.claim(items[0], "wang").item_id == items[0]


def test_work_is_shared_out_by_share_and_a_call_stays_together(tmp_path: Path) -> None:
    queues, _, plan_id = queues_of(tmp_path, 40, QueueOptions(slots=2, shares={"li": 3, "wang": 1}), rules=3)
    rows = queues.slots(plan_id)
    assert Counter(row["assigned_to"] for row in rows if row["slot"] == 0) == {"li": 90, "wang": 30}
    people, first = dict[int, list[str]](), dict[str, set[str]]()
    for row in rows:
        people.setdefault(row["item_id"], []).append(row["assigned_to"])
        if row["slot"] == 0:
            first.setdefault(row["sha256"], set()).add(row["assigned_to"])
    assert all(sorted(both) == ["li", "wang"] for both in people.values())
    assert all(len(names) == 1 for names in first.values())


def test_work_is_shared_out_by_number_and_the_rest_is_anybodys(tmp_path: Path) -> None:
    queues, _, plan_id = queues_of(tmp_path, 10, QueueOptions(shares={"li": 4, "wang": 3}, numbers=True))
    assert Counter(row["assigned_to"] for row in queues.slots(plan_id)) == {"li": 4, "wang": 3, "": 3}
    task = queues.next("somebody")
    assert task is not None
    assert {r["assigned_to"] for r in queues.slots(plan_id) if r["item_id"] == task.item_id} == {""}


def test_a_share_is_blind_and_second_reviewers_always(tmp_path: Path) -> None:
    queues, _, plan_id = queues_of(tmp_path, 400, QueueOptions(slots=2, blind_share=0.2))
    rows = queues.slots(plan_id)
    assert all(row["blind"] for row in rows if row["slot"] == 1)
    assert 55 <= sum(row["blind"] for row in rows if row["slot"] == 0) <= 105
    blind = next(row for row in rows if row["blind"] and row["slot"] == 0)
    queues.assign(blind["item_id"], 0, "li", "boss")
    assert queues.blind_rules("li", blind["sha256"]) == {"rule-0"}
    task = queues.claim(blind["item_id"], "li")
    assert task.blind
    assert queues.blind_rules("li", blind["sha256"]) == {"rule-0"}
    queues.finish(task.token, "li")
    assert queues.blind_rules("li", blind["sha256"]) == frozenset()


def test_a_closed_plan_hands_out_nothing_and_is_kept_as_it_was_drawn(tmp_path: Path) -> None:
    queues, plans, plan_id = queues_of(tmp_path, 3, QueueOptions())
    plans.set_open(plan_id, False, "boss")
    assert queues.next("li") is None
    plans.set_open(plan_id, True, "boss")
    assert queues.next("li") is not None
    kept = plans.one(plan_id)
    assert kept is not None
    assert kept.open
    assert (kept.plan, kept.strata) == (A_PLAN, a_sample(3).strata)
    assert (kept.drawn_by, kept.snapshot, kept.items) == ("boss", "x", 3)


_CLAIMING = """
import sys
from pathlib import Path
from pipeline.reviews.queues import Queues
from pipeline.reviews.store import Reviews
from pipeline.storage.home import Home
queues = Queues(Reviews(Home(Path(sys.argv[1]))).file)
while (task := queues.next("li", 1000.0)) is not None:
    queues.finish(task.token, "li", now=1001.0)
    print(task.item_id, flush=True)
"""


def test_a_killed_process_loses_nothing_that_it_said_was_done(tmp_path: Path) -> None:
    queues, _, plan_id = queues_of(tmp_path, 100, QueueOptions(claim_s=60))
    with subprocess.Popen([sys.executable, "-c", _CLAIMING, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline().strip() for _ in range(20)]
        child.kill()
        said += child.stdout.read().split()
    finished = [s["item_id"] for s in queues.slots(plan_id) if s["state"] == "finished"]
    assert {int(item) for item in said} <= set(finished)
    assert len(said) <= len(finished) <= len(said) + 1
    for _ in range(100 - len(finished)):
        task = queues.next("wang", 5000.0)
        assert task is not None
        queues.finish(task.token, "wang", now=5000.0)
    assert queues.next("wang", 5000.0) is None
