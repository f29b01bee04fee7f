"""A desk that is killed while people work loses nothing that it said was kept, and keeps nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.killed_desks import kill_desk


@pytest.mark.slow
def test_a_killed_desk_loses_no_answer_and_doubles_none(tmp_path: Path) -> None:
    found = kill_desk(tmp_path, kills=5)
    assert (found.lost, found.doubled, found.faults, found.sound) == (0, 0, (), True)
    assert found.acknowledged > 5
    assert found.unacknowledged <= 3
