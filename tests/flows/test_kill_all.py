"""Killed while it hears, judges, publishes, forgets, backs up or restores, callqa leaves nothing half done.

`bench/kill_all.py` does the same a thousand times.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.killing import Field, Killer, same_content

pytestmark = pytest.mark.slow

KILLS = ("hearing", *("forgetting", "backing up", "restoring") * 2, *("backing up",) * 6)
"""Those that other tests do not kill, the cheap ones more often."""


def test_whatever_is_killed_every_call_is_there_once_and_no_forgotten_one(tmp_path: Path) -> None:
    ground = Field.at(tmp_path / "field")
    ground.quick = True
    ground.add_calls(3)
    killer = Killer(ground, seed=20261130)
    for stage in ("hearing", "backing up"):
        killer.end(stage)
    faults = [fault for stage in KILLS for fault in killer.strike(stage)]
    assert faults == []
    assert killer.early >= len(KILLS) // 2, "the kills fall while it is at work"
    killer.end("hearing")
    killer.end("backing up")
    killer.restore_anew()
    assert same_content(ground.home, ground.restored) == []
