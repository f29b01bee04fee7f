"""A process that stays judges by the rulebooks as they stand, and by the last good ones while an edit is faulty."""

from __future__ import annotations

from pathlib import Path

import pytest

import flows.rulebooks
from flows.rulebooks import KeptRulebooks
from pipeline.settings import load_settings
from tests.support.rulebooks import make_book

RULE = "said: {any: [您好]}"


def test_rulebooks_are_read_again_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.rulebooks, "LOOKED_EVERY_S", -1.0)
    folder = tmp_path / "rules"
    make_book(folder, require=RULE)
    settings = load_settings()
    paths = settings.paths.model_copy(update={"home": tmp_path / "home", "rulebooks": {"zh": folder}})
    kept = KeptRulebooks(settings.model_copy(update={"paths": paths}))
    first = kept()
    assert kept() is first
    make_book(folder, require="said: {any: [您好, 早上好]}")
    second = kept()
    assert second["zh"].hash != first["zh"].hash
    (folder / "trial.yaml").write_text("id: [", encoding="utf-8")
    assert kept() is second
