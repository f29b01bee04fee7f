"""Rulebooks that somebody wrote to do harm: refused with file, line and remedy, within seconds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline.judging.loader import load_rulebook
from tests.support.hostile_rules import HARMLESS, HEAD, NAMES, PHRASES, RULE, SPECIAL, looked_at, write_hostile
from tests.support.rulebooks import write_book

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What loading needs is there before the children are, so that none of them waits for it."""
    load_rulebook(write_book(tmp_path_factory.mktemp("warm"), {"good": RULE}, PHRASES, HEAD))


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_rulebook_is_refused(name: str, tmp_path: Path) -> None:
    folder = write_hostile(name, tmp_path / "book")
    try:
        outcome = looked_at(folder)
    finally:
        # folders so deep that pytest's own clean-up could not remove them
        subprocess.run(["rm", "-rf", folder], check=True)
    assert outcome.kind == ("loaded" if name in HARMLESS else "faults"), outcome
    if name in HARMLESS:
        return
    first, *_ = outcome.text.split("\n")
    assert first.startswith(f"{folder}"), first
    assert all(c.isprintable() for c in outcome.text if c != "\n")
    assert "cannot be read (" not in outcome.text, "foreseen, and told in words"
    if name not in SPECIAL and name not in ("nul", "2mb-of-text"):
        assert first.removeprefix(str(folder)).split(":")[1].isdigit(), first
