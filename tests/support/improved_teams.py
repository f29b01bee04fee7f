"""A desk of two teams, in which some agents were coached: three of them got better, one did not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from desk.context import Desk
from pipeline.reviews.coaching import CoachingPlan, hold_coaching, plan_coaching
from tests.support.filled_weeks import FilledWeeks, fill_weeks
from tests.support.judged_desks import make_judged_desk

COACHED_FIRST = date(2025, 1, 6)
COACHED_HELD = COACHED_FIRST + timedelta(weeks=16, days=2)


def make_improved_desk(folder: Path) -> Desk:
    """Team A: A1, A2 and A3 passed half of the checks of closing until they were coached, then nine of ten; A9 falls
    behind in greeting at the end. Team B has three agents."""
    desk, _ = make_judged_desk(folder, 3)
    weeks = []
    for number in range(10):
        before, after = ((5, 5), (9, 1)) if number in (1, 2, 3) else ((8, 2), (8, 2))
        late = (6, 8) if number == 9 else (12, 2)
        weeks.append(FilledWeeks(f"A{number}", "A", "closing", COACHED_FIRST, [before] * 17 + [after] * 8))
        weeks.append(FilledWeeks(f"A{number}", "A", "greeting", COACHED_FIRST, [(12, 2)] * 21 + [late] * 4))
    weeks += [FilledWeeks(f"B{number}", "B", "closing", COACHED_FIRST, [(8, 2)] * 25) for number in range(3)]
    fill_weeks(desk.home.database, weeks)
    return desk


def hold_session(desk: Desk, agent: str, rules: tuple[str, ...], held: date = COACHED_HELD) -> str:
    """A session that was planned and held on a day; its ref."""
    with desk.reviews.file.writing() as rows:
        token = f"{agent} {held} {rules}"
        ref = plan_coaching(rows, "boss", token, agent, CoachingPlan("boss", rules, practise="say goodbye"))
        # as if it had been planned that day
        at = datetime.combine(held, datetime.min.time(), UTC).timestamp()
        (kept,) = rows.execute("SELECT sql FROM sqlite_schema WHERE name = 'coaching_sessions_stay'").fetchone()
        rows.execute("DROP TRIGGER coaching_sessions_stay")
        rows.execute("UPDATE coaching_sessions SET at = ? WHERE ref = ?", (at, ref))
        rows.execute(kept)
        hold_coaching(rows, "boss", token, ref, held)
    return ref
