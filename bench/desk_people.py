"""How long the dashboards of what people do take with a year of it: answers in queues and on pages, samples, appeals.

    python bench/desk_people.py        # a table of figures, as in bench/results/dashboards.md

Calls are few, as these pages ask the database for little; what people did is as in a centre of eight reviewers, who
answer 150 verdicts a day, and of a thousand agents, who appeal eight times a working day. The first look and the median
of some more, in milliseconds of the processor and of the clock.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT)]

from desk.context import Desk
from tests.support.desks import make_small_desk, signed_in

DAY = 86_400.0
PATHS = (
    "/dashboard/rules?weeks=52",
    "/dashboard/appeals?weeks=4",
    "/dashboard/appeals?weeks=52&show=all",
    "/dashboard/effort?weeks=4",
    "/dashboard/effort?weeks=13",
    "/dashboard/effort?weeks=52",
)


def fill(desk: Desk, calls: list[str], answers: int, sampled: int, appeals: int) -> None:
    """A year of work on these calls; a call of the bench stands for many."""
    dice, now = random.Random(1), time.time()
    rules = ("greeting", "closing", "apology", "name-usage", "dead-air", "forbidden-phrases", "no-interruption")
    with desk.reviews.file.writing() as rows:
        rows.execute("PRAGMA defer_foreign_keys = ON")
        plan = {row["name"]: 0 for row in rows.execute("PRAGMA table_info(sampling_plans)")}
        plan |= {"plan_id": "p", "drawn_at": now - 30 * DAY, "title": "p", "drawn_by": "boss", "claim_limit": 9}
        _insert(rows, "sampling_plans", plan)
        for number in range(sampled):
            rule, outcome = dice.choice(rules), dice.choice(("fail", "fail", "pass"))
            item = {row["name"]: 0 for row in rows.execute("PRAGMA table_info(sampled_items)")}
            item |= {"item_id": number + 1, "plan_id": "p", "sha256": f"{number:064x}", "rule_id": rule,
                     "outcome": outcome, "layout": "stereo", "probability": 0.1, "size": 100}  # fmt: skip
            _insert(rows, "sampled_items", item)
            slot = {row["name"]: 0 for row in rows.execute("PRAGMA table_info(item_slots)")}
            _insert(rows, "item_slots", {**slot, "item_id": number + 1, "slot": 0, "assigned_to": ""})
        for number in range(answers):
            in_queue = number < sampled
            at = now - (dice.random() * 30 if in_queue else dice.random() * 365) * DAY
            sha256 = f"{number:064x}"
            asked = "SELECT rule_id, outcome FROM sampled_items WHERE item_id = ?"
            found = rows.execute(asked, (number + 1,)).fetchone()
            rule, outcome = found if in_queue else (dice.choice(rules), "fail")
            wrong, account = dice.random() < 0.15, f"reviewer-{dice.randrange(8)}"
            rows.execute(
                "INSERT INTO verdict_reviews (once, at, account, authority, sha256, rule_id, rule_hash, fingerprint, "
                "outcome, evidence, answer, right_outcome, comment, open_s, listened_s, played, blind) "
                "VALUES (?, ?, ?, 1, ?, ?, 'h', 'f', ?, 'e', ?, ?, '', 40, 12, 0, 0)",
                (f"{number}", at, account, sha256, rule, outcome, "wrong" if wrong else "right",
                 "not_applicable" if wrong else None),
            )  # fmt: skip
            if in_queue:
                rows.execute(
                    "INSERT INTO slot_events (item_id, slot, kind, person, by, at, review_id) "
                    "VALUES (?, 0, 'finished', ?, ?, ?, ?)",
                    (number + 1, account, account, at, number + 1),
                )
        for number in range(appeals):
            at = now - dice.random() * 365 * DAY
            rows.execute(
                "INSERT INTO appeals (once, at, account, ref, sha256, agent_id, version, instance, rule_id, rule_hash, "
                "fingerprint, outcome, evidence, told, comment) "
                "VALUES (?, ?, 'a', ?, ?, '1001', 1, 1, ?, 'h', 'f', 'fail', ?, 'fail', 'please')",
                (f"{number}", at, f"{number}", calls[number % len(calls)], dice.choice(rules), f"{number}"),
            )
            if dice.random() < 0.95:
                upheld = dice.random() < 0.4
                rows.execute(
                    "INSERT INTO appeal_steps (once, at, account, sha256, appeal, step, right_outcome, comment) "
                    "VALUES (?, ?, 'z', ?, ?, ?, ?, 'heard')",
                    (f"{number}", at + dice.random() * 9 * DAY, calls[number % len(calls)], number + 1,
                     "upheld" if upheld else "rejected", "pass" if upheld else None),
                )  # fmt: skip


def _insert(rows, table: str, row: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    rows.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=300_000)
    parser.add_argument("--sampled", type=int, default=10_000)
    parser.add_argument("--appeals", type=int, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        desk, night = make_small_desk(Path(folder), 200)
        fill(desk, [judged.call.sha256 for judged in night], given.answers, given.sampled, given.appeals)
        print(f"{given.answers:,} answers, {given.sampled:,} of samples, {given.appeals:,} appeals\n")
        print("| page | first: clock | processor | then: clock | processor |\n|---|---:|---:|---:|---:|")
        client = signed_in(desk, "administrator", "boss")
        for path in PATHS:
            clock, used = [], []
            for _ in range(6):
                at, started = time.perf_counter(), time.process_time()
                assert client.get(path).status_code == 200, path
                used.append(1000 * (time.process_time() - started))
                clock.append(1000 * (time.perf_counter() - at))
            cells = (clock[0], used[0], statistics.median(clock[1:]), statistics.median(used[1:]))
            print(f"| `{path}` | {' | '.join(f'{cell:.0f}' for cell in cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
